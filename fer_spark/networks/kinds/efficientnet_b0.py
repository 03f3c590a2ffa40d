"""torchvision's EfficientNet-B0 with a head of our own, for transfer learning from ImageNet.

Nothing is downloaded: the weights come from a file, or from torchvision's cache where they are there already.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from fer_spark.networks.kind import NetworkKind, WeightsError
from fer_spark.networks.network import Head, Network
from fer_spark.networks.settings import NetworkSettings

FEATURES = 1280
HIDDEN = 256
WEIGHTS_DIGEST = "7f5810bc"
WEIGHTS_URL = f"https://download.pytorch.org/models/efficientnet_b0_rwightman-{WEIGHTS_DIGEST}.pth"
"""torchvision's IMAGENET1K_V1 (BSD-3); its file name ends in the first eight digits of its SHA-256."""


class EfficientNetTrunk(nn.Module):
    """(N, 1 or 3, S, S) → (N, 1280): gray becomes three equal channels, other sizes become input_px, bilinearly."""

    def __init__(self, input_px: int) -> None:
        super().__init__()
        from torchvision.models import efficientnet_b0 as torchvision_b0

        self.input_px = input_px
        self.features: nn.Module = torchvision_b0(weights=None).features

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        faces = faces.expand(-1, 3, -1, -1)
        if faces.shape[-1] != self.input_px:
            size = (self.input_px, self.input_px)
            faces = nn.functional.interpolate(faces, size, mode="bilinear", align_corners=False)
        features: torch.Tensor = self.features(faces)
        return features.mean(dim=(2, 3))


def efficientnet_b0(
    *, classes: int, channels: int, input_px: int = 224, dropout: float = 0.2, va_head: bool = False
) -> Network:
    """EfficientNet-B0's features, then the transfer-learning study's head: linear 256, dropout, batch norm, linear K.

    `channels` 1 or 3 of (N, channels, S, S) input, resized to `input_px` (ImageNet weights expect about 224). The data
    set's own standardisation stands in for ImageNet's: both give zero mean and unit deviation.
    """
    if channels not in (1, 3):
        raise ValueError(f"efficientnet_b0: {channels} channels, expected 1 or 3")
    return Network(EfficientNetTrunk(input_px), Head(FEATURES, classes, va_head, dropout, HIDDEN))


def load_imagenet(network: Network, weights: str) -> None:
    """Fill the trunk from torchvision's weights: a .safetensors or .pth file, or 'imagenet' for torchvision's cache.

    Raises WeightsError that says where to put the file, or what is wrong with it.
    """
    path = _cached_file() if weights == "imagenet" else Path(weights)
    if not path.is_file():
        raise WeightsError(
            f"{path}: no such file. Nothing is downloaded here: fetch {WEIGHTS_URL} and put it there, or name it with "
            "--weights FILE; --weights '' starts at random"
        )
    state = {name.removeprefix("features."): value for name, value in _read(path).items() if name[:9] == "features."}
    try:
        network.get_submodule("trunk.features").load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(
            f"{path}: not the weights of torchvision's efficientnet_b0 ({_first_line(error)})"
        ) from error


def _cached_file() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS_URL.rsplit("/", 1)[1]


def _read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file. A .pth must be torchvision's own by its digest, and is read as tensors only."""
    if path.suffix == ".safetensors":
        try:
            return dict(load_file(path))
        except (OSError, SafetensorError) as error:
            raise WeightsError(f"{path}: cannot be read as safetensors ({_first_line(error)})") from error
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if not digest.startswith(WEIGHTS_DIGEST):
        raise WeightsError(
            f"{path}: sha256 {digest[:8]}…, torchvision's file has {WEIGHTS_DIGEST}…; fetch {WEIGHTS_URL} again, "
            "or give other weights as .safetensors"
        )
    state: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def _arguments(settings: NetworkSettings, size_px: int) -> dict[str, Any]:
    return {"input_px": settings.upsample_px or max(224, size_px)}


NETWORK = NetworkKind(efficientnet_b0, _arguments, load_imagenet)
