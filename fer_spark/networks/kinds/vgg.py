"""The VGG of Khaireddin & Chen 2021 (https://arxiv.org/abs/2105.03588), as in their released code.

73.28 % on FER-2013 with 40 px crops of the 48 px faces; 29,890,759 parameters, 25 million of them in the dense layers.
"""

from __future__ import annotations

from torch import nn

from fer_spark.networks.kind import NetworkKind
from fer_spark.networks.network import Head, Network

WIDTHS = (64, 128, 256, 512)
HIDDEN = 4096


def vgg(*, classes: int, channels: int, size_px: int, dropout: float = 0.2, va_head: bool = False) -> Network:
    """4 × (2 × (conv 3×3 - BN - ReLU) - max pool 2), dense 4096 twice with dropout, dense K.

    Input is (N, channels, size_px, size_px), size_px ≥ 16. Where more than 4×4 places are left (80 px and more, which
    the authors did not use) they are averaged down to a grid of at most 4×4, or the dense layer would be huge.
    """
    if size_px < 16:
        raise ValueError(f"vgg: {size_px} px leaves nothing after four halvings; give 16 px or more")
    layers: list[nn.Module] = []
    inputs = channels
    for width in WIDTHS:
        for before in (inputs, width):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
        inputs = width
    side = size_px // 2 ** len(WIDTHS)
    grid = next(grid for grid in (4, 3, 2, 1) if side % grid == 0) if side > 4 else side
    if grid < side:
        layers.append(nn.AvgPool2d(side // grid))
    layers += [nn.Flatten(), nn.Linear(inputs * grid * grid, HIDDEN), nn.ReLU(), nn.Dropout(dropout)]
    layers += [nn.Linear(HIDDEN, HIDDEN), nn.ReLU()]
    return Network(nn.Sequential(*layers), Head(HIDDEN, classes, va_head, dropout))


NETWORK = NetworkKind(vgg)
