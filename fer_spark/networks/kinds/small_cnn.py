"""One convolution of 32 filters: the design of the PySpark study of facial expression recognition.

The study names 32 filters of 3×3 with ReLU and pooling, then dense layers. It says nothing of padding, of the dense
layer's width and of dropout: here as in the Keras examples of its time, no padding, 128 units and none.
"""

from __future__ import annotations

from torch import nn

from fer_spark.networks.kind import NetworkKind
from fer_spark.networks.network import Head, Network

FILTERS = 32
HIDDEN = 128


def small_cnn(*, classes: int, channels: int, size_px: int, dropout: float = 0.0, va_head: bool = False) -> Network:
    """conv 3×3×32 - ReLU - max pool 2 - dense 128 - ReLU - dense K; input is (N, channels, size_px, size_px)."""
    side = (size_px - 2) // 2
    trunk = nn.Sequential(
        nn.Conv2d(channels, FILTERS, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(FILTERS * side * side, HIDDEN),
        nn.ReLU(),
    )
    return Network(trunk, Head(HIDDEN, classes, va_head, dropout))


NETWORK = NetworkKind(small_cnn)
