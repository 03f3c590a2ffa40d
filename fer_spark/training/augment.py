"""Augmentation of a whole batch on its device: one resampling for all geometry, then light, then erasing."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F

from fer_spark.training.augment_settings import AugmentSettings
from fer_spark.training.draws import uniform

_DRAWS = 16


def augment(
    images: torch.Tensor, settings: AugmentSettings, rows: torch.Tensor, key: tuple[int, ...], out_px: int
) -> torch.Tensor:
    """(N, C, H, W) float in [0, 1] → (N, C, out_px, out_px) float, a random crop of it when out_px < H.

    `rows` (N,) and `key` (seed, epoch, step) alone decide what happens to each picture. Sampling is bilinear; what lies
    outside the picture repeats its border.
    """
    return vary(images, settings, draw(rows, key).to(images.device, non_blocking=True), out_px)


def draw(rows: torch.Tensor, key: tuple[int, ...]) -> torch.Tensor:
    """(N, 16) float32 in [0, 1), on the CPU: what decides the changes of each row, a function of it and the key."""
    return torch.from_numpy(uniform(rows.cpu().numpy(), _DRAWS, *key))


def vary(images: torch.Tensor, settings: AugmentSettings, draws: torch.Tensor, out_px: int) -> torch.Tensor:
    """`augment` with the draws at hand: tensors of the device alone, nothing for it to wait for."""
    moved = _resample(images, settings, draws, out_px)
    lit = _light(moved, settings, draws[:, 8:11])
    return _erase(lit, settings, draws[:, 11:16])


def center(images: torch.Tensor, out_px: int) -> torch.Tensor:
    """(N, C, H, W) → its middle (N, C, out_px, out_px), as in testing."""
    height, width = images.shape[-2:]
    top, left = (height - out_px) // 2, (width - out_px) // 2
    return images[..., top : top + out_px, left : left + out_px]


def _signed(draw: torch.Tensor) -> torch.Tensor:
    return draw * 2 - 1


def _resample(images: torch.Tensor, settings: AugmentSettings, draws: torch.Tensor, out_px: int) -> torch.Tensor:
    count, channels, height, _ = images.shape
    moves = (draws[:, 0] < settings.affine_prob).float()
    angle = _signed(draws[:, 1]) * math.radians(settings.rotate_deg) * moves
    zoom = torch.exp(_signed(draws[:, 2]) * math.log1p(settings.scale_frac) * moves)
    shear = torch.tan(_signed(draws[:, 3]) * math.radians(settings.shear_deg) * moves)
    mirror = torch.where(draws[:, 6] < settings.flip_prob, -1.0, 1.0)
    crop = out_px / height
    room = 1 - crop
    shift = 2 * settings.shift_frac * moves
    # output (x, y) in [-1, 1] → input: mirror, crop, shear, rotate, zoom, shift
    cos, sin = torch.cos(angle) * crop / zoom, torch.sin(angle) * crop / zoom
    theta = torch.zeros(count, 2, 3, device=images.device)
    theta[:, 0, 0], theta[:, 0, 1] = cos * mirror, cos * shear - sin
    theta[:, 1, 0], theta[:, 1, 1] = sin * mirror, sin * shear + cos
    theta[:, 0, 2] = _signed(draws[:, 4]) * (shift + room)
    theta[:, 1, 2] = _signed(draws[:, 5]) * (shift + room)
    grid = F.affine_grid(theta, [count, channels, out_px, out_px], align_corners=False)
    return F.grid_sample(images, grid.to(images.dtype), mode="bilinear", padding_mode="border", align_corners=False)


def _light(images: torch.Tensor, settings: AugmentSettings, draws: torch.Tensor) -> torch.Tensor:
    changes = (draws[:, 0] < settings.light_prob).float().view(-1, 1, 1, 1)
    contrast = 1 + _signed(draws[:, 1]).view(-1, 1, 1, 1) * settings.contrast * changes
    bright = _signed(draws[:, 2]).view(-1, 1, 1, 1) * settings.brightness * changes
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return ((images - mean) * contrast + mean + bright).clamp(0, 1)


def _erase(images: torch.Tensor, settings: AugmentSettings, draws: torch.Tensor) -> torch.Tensor:
    """A rectangle of 2 % to `erase_frac` of the area and an aspect ratio of 1/3 to 3, filled with one random gray."""
    size = images.shape[-1]
    area = 0.02 + draws[:, 1] * max(settings.erase_frac - 0.02, 0.0)
    aspect = torch.exp(_signed(draws[:, 2]) * math.log(3.0))
    high, wide = (area * aspect).sqrt().clamp(max=1.0), (area / aspect).sqrt().clamp(max=1.0)
    top, left = draws[:, 3] * (1 - high), draws[:, 4] * (1 - wide)
    at = (torch.arange(size, device=images.device) + 0.5) / size
    in_rows = (at >= top[:, None]) & (at < (top + high)[:, None])
    in_columns = (at >= left[:, None]) & (at < (left + wide)[:, None])
    hidden = in_rows[:, :, None] & in_columns[:, None, :] & (draws[:, 0] < settings.erase_prob)[:, None, None]
    gray = (draws[:, 1] * 7919.0).frac().view(-1, 1, 1, 1).to(images.dtype)
    return torch.where(hidden[:, None], gray.expand_as(images), images)


def step_seed(*key: int) -> int:
    """A 63-bit seed for what is drawn once per step (mixup), from a key of integers."""
    return int(uniform(np.zeros(1, dtype=np.int64), 2, *key)[0] @ np.array([2.0**24, 2.0**40]))
