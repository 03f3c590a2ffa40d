"""A bundle made quick for a thousand looks at one face: batch norm folded into the convolutions before it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from fer_spark.commands.score_model import BundleSpec

if TYPE_CHECKING:
    from fer_spark.networks.bundle import Bundle
    from fer_spark.networks.network import Network


@dataclass(frozen=True)
class FusedSpec:
    """The bundle of `spec` with its batch norms folded (fer_spark.scorer.ScorerSpec)."""

    spec: BundleSpec

    @property
    def key(self) -> str:
        return f"{self.spec.key}|fused"

    def open(self) -> Bundle:
        return fused(self.spec.open())


def fused(bundle: Bundle) -> Bundle:
    """The same bundle, equal to it within float32's rounding; the one given stays as it is."""
    from fer_spark.networks.bundle import Bundle

    return Bundle(bundle.card, fold_batch_norms(bundle.network), str(bundle.device), bundle.bf16)


def fold_batch_norms(network: Network) -> Network:
    """A copy of a network in `eval` mode in which a convolution followed by a batch norm is one convolution."""
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    folded = copy.deepcopy(network).eval()
    for module in list(folded.modules()):
        if not isinstance(module, nn.Sequential):
            continue
        layers = list(module)
        for place, (first, second) in enumerate(pairwise(layers)):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                module[place] = fuse_conv_bn_eval(first, second)
                module[place + 1] = nn.Identity()
    return folded.requires_grad_(False)
