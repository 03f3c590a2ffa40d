"""Three convolutions with dropout after each: the next step after `small_cnn`."""

from __future__ import annotations

from torch import nn

from fer_spark.networks.kind import NetworkKind
from fer_spark.networks.network import Head, Network

WIDTHS = (32, 64, 128)
HIDDEN = 128


def deep_cnn(*, classes: int, channels: int, size_px: int, dropout: float = 0.25, va_head: bool = False) -> Network:
    """3 × (conv 3×3 - BN - ReLU - max pool 2 - dropout), 32-64-128 channels, dense 128, twice the dropout, dense K.

    Input is (N, channels, size_px, size_px).
    """
    layers: list[nn.Module] = []
    inputs = channels
    for width in WIDTHS:
        layers += [
            nn.Conv2d(inputs, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Dropout(dropout),
        ]
        inputs = width
    side = size_px // 2 ** len(WIDTHS)
    layers += [nn.Flatten(), nn.Linear(inputs * side * side, HIDDEN), nn.ReLU()]
    return Network(nn.Sequential(*layers), Head(HIDDEN, classes, va_head, min(2 * dropout, 0.9)))


NETWORK = NetworkKind(deep_cnn)
