"""A bundle made quick for scoring: batch norms folded into convolutions, and in bfloat16 each block in three calls.

The second is what torch.compile would make of a residual network on a CPU, with the same oneDNN operators and without
a C++ compiler on every machine. Where they are missing, or answer otherwise than expected, layers run one by one.
"""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fer_spark.networks.bundle import Bundle
from fer_spark.networks.network import Network
from fer_spark.networks.quick.onednn import QuickTrunk, quick_trunk


def fused(bundle: Bundle) -> Bundle:
    """The same bundle, equal to it within the rounding of float32 or bfloat16; the one given stays as it is."""
    network = fold_batch_norms(bundle.network)
    if bundle.bf16 and bundle.device.type == "cpu":
        trunk = quick_trunk(network.trunk, len(bundle.card.mean), bundle.card.input_px)
        if trunk is not None:
            return Bundle(bundle.card, Network(trunk, network.head), "cpu")
    if bundle.bf16:
        keep_first_exact(network)
    return Bundle(bundle.card, network, str(bundle.device), bundle.bf16)


class Exact(nn.Module):
    """A layer that is computed in float32 where those around it are not."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(x.device.type, enabled=False):
            answer: torch.Tensor = self.layer(x.float())
        return answer


def keep_first_exact(network: nn.Module) -> None:
    """Compute the first convolution, in place, in float32 under autocast: pixels rounded to bfloat16 cost more than
    all other rounding together."""
    for module in network.modules():
        for name, layer in module.named_children():
            if isinstance(layer, nn.Conv2d):
                setattr(module, name, Exact(layer))
                return


def is_quick(bundle: Bundle) -> bool:
    """Whether `fused` found oneDNN's operators for this bundle."""
    return isinstance(bundle.network.trunk, QuickTrunk)


def fold_batch_norms(network: Network) -> Network:
    """A copy of a network in `eval` mode in which a convolution followed by a batch norm is one convolution."""
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
