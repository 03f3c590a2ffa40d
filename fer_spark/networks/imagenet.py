"""Networks whose trunk may start from ImageNet: enlarging small faces for it, and reading files of weights.

Nothing is downloaded. A .pth is a pickle: only files of a known digest are opened, and as tensors alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from fer_spark.networks.kind import WeightsError


class EnlargingTrunk(nn.Module):
    """(N, 1 or 3, S, S) → (N, F): gray becomes three equal channels, other sizes become input_px, bilinearly; then
    `features`, (N, F, h, w), and their mean over the picture.
    """

    def __init__(self, features: nn.Module, input_px: int) -> None:
        super().__init__()
        self.input_px = input_px
        self.features = features

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        faces = faces.expand(-1, 3, -1, -1)
        if faces.shape[-1] != self.input_px:
            size = (self.input_px, self.input_px)
            faces = nn.functional.interpolate(faces, size, mode="bilinear", align_corners=False)
        features: torch.Tensor = self.features(faces)
        return features.mean(dim=(2, 3))


@dataclass(frozen=True)
class Published:
    """A file of weights as others publish it: `digest`, the first digits of its SHA-256; `where` it is to be had."""

    of: str
    digest: str
    where: str

    def read(self, path: Path) -> dict[str, torch.Tensor]:
        """The tensors of a .safetensors file, or of the published .pth. Raises WeightsError with the next step."""
        if not path.is_file():
            raise WeightsError(
                f"{path}: no such file. Nothing is downloaded here: fetch {self.where} and put it there, or name it "
                "with --weights FILE; --weights '' starts at random"
            )
        if path.suffix == ".safetensors":
            try:
                return dict(load_file(path))
            except (OSError, SafetensorError) as error:
                raise WeightsError(f"{path}: cannot be read as safetensors ({first_line(error)})") from error
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if not digest.startswith(self.digest):
            raise WeightsError(
                f"{path}: sha256 {digest[:8]}…, {self.of} has {self.digest}…; fetch {self.where} again, or give other "
                "weights as .safetensors"
            )
        state: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        return state


def fill(part: nn.Module, state: dict[str, torch.Tensor], path: Path, of: str) -> None:
    """Raises WeightsError where names or shapes are not those of `part`; `of` says whose they should be."""
    try:
        part.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(f"{path}: not the weights of {of} ({first_line(error)})") from error


def first_line(error: Exception) -> str:
    """What an error says first."""
    return str(error).strip().split("\n")[0]
