"""A small residual network, the default: basic blocks, squeeze-and-excitation, average pooling, one linear layer.

He et al. 2015 (https://arxiv.org/abs/1512.03385) for the blocks, Hu et al. 2018 (https://arxiv.org/abs/1709.01507) for
squeeze-and-excitation, Huang et al. 2016 (https://arxiv.org/abs/1603.09382) for stochastic depth, He et al. 2019
(https://arxiv.org/abs/1812.01187) for the averaging shortcut.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from fer_spark.networks.kind import NetworkKind
from fer_spark.networks.network import Head, Network
from fer_spark.networks.settings import NetworkSettings

SE_REDUCTION = 8


class SqueezeExcite(nn.Module):
    """Scales each channel by a gate in (0, 1) computed from the averages of all channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = max(width // SE_REDUCTION, 4)
        self.gate = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width), nn.Sigmoid())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate: torch.Tensor = self.gate(x.mean(dim=(2, 3)))  # (N, width)
        return x * gate[:, :, None, None]


class StochasticDepth(nn.Module):
    """While training, drops a whole branch for each row with probability `rate` and scales the others by 1/(1 - rate).

    torchvision has it too; scoring machines need torch alone.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.rate == 0:
            return x
        kept = torch.empty((len(x), 1, 1, 1), dtype=x.dtype, device=x.device).bernoulli_(1 - self.rate)
        return x * kept / (1 - self.rate)


class BasicBlock(nn.Module):
    """conv-BN-ReLU-conv-BN(-gate), added to the shortcut, then ReLU. `stride` 2 halves the side, rounding up."""

    def __init__(self, inputs: int, width: int, stride: int, squeeze_excite: bool, drop_rate: float) -> None:
        super().__init__()
        layers: list[nn.Module] = [*_conv_bn(inputs, width, stride), nn.ReLU(), *_conv_bn(width, width, 1)]
        if squeeze_excite:
            layers.append(SqueezeExcite(width))
        self.branch = nn.Sequential(*layers, StochasticDepth(drop_rate))
        shortcut: list[nn.Module] = []
        if stride != 1:
            shortcut.append(nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False))
        if stride != 1 or inputs != width:
            shortcut += [nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)]
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.branch(x) + self.shortcut(x))


class AveragePool(nn.Module):
    """(N, C, H, W) → (N, C). Ending in the maximum instead starts with a loss of 4.6 on FER-2013 and learns nothing."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3))


def resnet(
    *,
    classes: int,
    channels: int,
    widths: Sequence[int],
    blocks: Sequence[int],
    stem_stride: int = 1,
    squeeze_excite: bool = True,
    stochastic_depth: float = 0.0,
    dropout: float = 0.2,
    va_head: bool = False,
) -> Network:
    """Stage i has `blocks[i]` blocks of `widths[i]` channels; every stage but the first halves the side.

    `stem_stride` 1 keeps the full resolution in the first stage (48 px), 2 halves and 4 quarters it (two strided
    convolutions; 224 and 256 px). The branch of block b of B is dropped with probability `stochastic_depth` · (b+1)/B.
    Works for any input side. Raises ValueError for widths and blocks of different length.
    """
    if stem_stride not in (1, 2, 4):
        raise ValueError(f"stem_stride: {stem_stride}, expected 1, 2 or 4")
    stem: list[nn.Module] = [*_conv_bn(channels, widths[0], min(stem_stride, 2)), nn.ReLU()]
    if stem_stride == 4:
        stem += [*_conv_bn(widths[0], widths[0], 2), nn.ReLU()]
    stages, inputs, built, total = [], widths[0], 0, sum(blocks)
    for index, (width, depth) in enumerate(zip(widths, blocks, strict=True)):
        stage = []
        for block in range(depth):
            built += 1
            stride = 2 if index > 0 and block == 0 else 1
            stage.append(BasicBlock(inputs, width, stride, squeeze_excite, stochastic_depth * built / total))
            inputs = width
        stages.append(nn.Sequential(*stage))
    network = Network(
        nn.Sequential(nn.Sequential(*stem), *stages, AveragePool()), Head(inputs, classes, va_head, dropout)
    )
    _initialise(network)
    return network


def _conv_bn(inputs: int, width: int, stride: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width)


def _initialise(network: Network) -> None:
    """Kaiming for convolutions. Each block's last scale starts at 1, not at 0 as He et al. 2019 have it for ImageNet:
    from 0, on 48 px faces, the loss stood still at that of the class shares for the first 1,000 steps."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def _arguments(settings: NetworkSettings, size_px: int) -> dict[str, Any]:
    return {
        "widths": settings.stage_widths,
        "blocks": settings.stage_blocks,
        "stem_stride": settings.stem_stride or (1 if size_px < 96 else 2 if size_px < 192 else 4),
        "squeeze_excite": settings.squeeze_excite,
        "stochastic_depth": settings.stochastic_depth,
    }


NETWORK = NetworkKind(resnet, _arguments)
