"""torchvision's EfficientNet-B0 with a head of our own, for transfer learning from ImageNet.

Nothing is downloaded: the weights come from a file, or from torchvision's cache where they are there already.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from fer_spark.networks.imagenet import EnlargingTrunk, Published, fill
from fer_spark.networks.kind import NetworkKind
from fer_spark.networks.network import Head, Network
from fer_spark.networks.settings import NetworkSettings

FEATURES = 1280
HIDDEN = 256
WEIGHTS_DIGEST = "7f5810bc"
WEIGHTS_URL = f"https://download.pytorch.org/models/efficientnet_b0_rwightman-{WEIGHTS_DIGEST}.pth"
"""torchvision's IMAGENET1K_V1 (BSD-3); its file name ends in the first eight digits of its SHA-256."""


def efficientnet_b0(
    *, classes: int, channels: int, input_px: int = 224, dropout: float = 0.2, va_head: bool = False
) -> Network:
    """EfficientNet-B0's features, then the transfer-learning study's head: linear 256, dropout, batch norm, linear K.

    `channels` 1 or 3 of (N, channels, S, S) input, resized to `input_px` (ImageNet weights expect about 224). The data
    set's own standardisation stands in for ImageNet's: both give zero mean and unit deviation.
    """
    from torchvision.models import efficientnet_b0 as torchvision_b0

    if channels not in (1, 3):
        raise ValueError(f"efficientnet_b0: {channels} channels, expected 1 or 3")
    trunk = EnlargingTrunk(torchvision_b0(weights=None).features, input_px)
    return Network(trunk, Head(FEATURES, classes, va_head, dropout, HIDDEN))


def load_imagenet(network: Network, weights: str) -> None:
    """Fill the trunk from torchvision's weights: a .safetensors or .pth file, or 'imagenet' for torchvision's cache.

    Raises WeightsError that says where to put the file, or what is wrong with it.
    """
    path = _cached_file() if weights == "imagenet" else Path(weights)
    read = Published("torchvision's file", WEIGHTS_DIGEST, WEIGHTS_URL).read(path)
    state = {name.removeprefix("features."): value for name, value in read.items() if name[:9] == "features."}
    fill(network.get_submodule("trunk.features"), state, path, "torchvision's efficientnet_b0")


def _cached_file() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS_URL.rsplit("/", 1)[1]


def _arguments(settings: NetworkSettings, size_px: int) -> dict[str, Any]:
    return {"input_px": settings.upsample_px or max(224, size_px)}


NETWORK = NetworkKind(efficientnet_b0, _arguments, load_imagenet)
