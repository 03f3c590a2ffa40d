"""From stored pixels to what a network takes, on the device."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class PixelScale:
    """Mean and deviation per channel of pixels in [0, 1], from the manifest."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def standardise(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) in [0, 1] → (x - mean) / std, laid out with channels last."""
        mean = torch.tensor(self.mean, device=images.device).view(1, -1, 1, 1)
        std = torch.tensor(self.std, device=images.device).view(1, -1, 1, 1)
        return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def to_unit(images: torch.Tensor, device: torch.device) -> torch.Tensor:
    """(N, H, W) or (N, H, W, 3), uint8 or float32 in [0, 1] → (N, C, H, W) float32 in [0, 1] on the device."""
    moved = images.to(device, non_blocking=True)
    moved = moved[:, None] if moved.ndim == 3 else moved.permute(0, 3, 1, 2)
    return moved.float() / 255 if moved.dtype == torch.uint8 else moved


def bf16_pays(device: torch.device) -> bool:
    """Whether the hardware computes in bfloat16 itself: emulated, it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        supported = getattr(torch.cpu, name, None)
        if supported is not None and supported():
            return True
    return False


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """`bf16`, `fp32`, or `auto`: bfloat16 where it pays."""
    if precision == "bf16" or (precision == "auto" and bf16_pays(device)):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()
