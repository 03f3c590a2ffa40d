"""From stored pixels to what a network takes, on the device."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class PixelScale:
    """Mean and deviation per channel of pixels in [0, 1], from the manifest."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def standardise(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) in [0, 1] → (x - mean) / std, laid out with channels last."""
        mean, std = _on_device(self.mean, images.device), _on_device(self.std, images.device)
        return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


@functools.lru_cache(maxsize=64)
def _on_device(values: tuple[float, ...], device: torch.device) -> torch.Tensor:
    """(1, C, 1, 1); made once, as a step that is being recorded cannot copy from the CPU."""
    return torch.tensor(values, device=device).view(1, -1, 1, 1)


def sent(value: torch.Tensor, device: torch.device) -> torch.Tensor:
    """`value` on the device; to a GPU by way of page-locked memory, else the CPU would wait for all it computes."""
    if device.type == "cpu" or value.device == device:
        return value.to(device)
    return value.pin_memory().to(device, non_blocking=True)


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


def step_precision(precision: str, device: torch.device, network: nn.Module) -> str:
    """What a training step computes in: `precision`, but float32 for `auto` where a CPU trains depthwise convolutions,
    whose gradients take longer in bfloat16."""
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d) and module.groups > 1]
    trained = any(module.weight.requires_grad for module in convolutions)
    return "fp32" if precision == "auto" and device.type == "cpu" and trained else precision


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """`bf16`, `fp32`, or `auto`: bfloat16 where it pays."""
    if precision == "bf16" or (precision == "auto" and bf16_pays(device)):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()
