"""Augmentation on batches whose outcome is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from fer_spark.training.augment import augment, center, step_seed
from fer_spark.training.augment_settings import AugmentSettings

OFF = AugmentSettings(flip_prob=0, affine_prob=0, light_prob=0, erase_prob=0)


def _pictures(count: int, size: int = 20, channels: int = 1) -> torch.Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(count))


def _run(
    images: torch.Tensor, settings: AugmentSettings, out_px: int = 0, key: tuple[int, ...] = (0, 0, 0)
) -> torch.Tensor:
    return augment(images, settings, torch.arange(len(images)), key, out_px or images.shape[-1])


def test_with_everything_off_pictures_stay_as_they_are() -> None:
    images = _pictures(5, channels=3)
    assert torch.allclose(_run(images, OFF), images, atol=1e-5)


def test_a_mirror_image_is_exact() -> None:
    images = _pictures(4)
    assert torch.allclose(_run(images, dataclasses.replace(OFF, flip_prob=1)), images.flip(-1), atol=1e-5)


def test_about_the_asked_share_is_mirrored() -> None:
    images = _pictures(1).expand(2000, -1, -1, -1)
    moved = _run(images, dataclasses.replace(OFF, flip_prob=0.3))
    assert (moved - images).abs().amax(dim=(1, 2, 3)).gt(0.01).float().mean().item() == pytest.approx(0.3, abs=0.04)


def test_a_crop_shows_a_part_at_the_same_scale_and_moves_about() -> None:
    ramp = torch.arange(20.0).repeat(20, 1)[None, None] / 19  # x position as gray value
    moved = _run(ramp.expand(500, -1, -1, -1), OFF, out_px=16)
    assert moved.shape == (500, 1, 16, 16)
    steps = moved[:, 0, 8, 1:] - moved[:, 0, 8, :-1]
    assert torch.allclose(steps, torch.full_like(steps, 1 / 19), atol=1e-3)
    left = moved[:, 0, 8, 0] * 19
    assert left.min() < 0.3
    assert left.max() > 3.7
    assert torch.allclose(center(ramp, 16)[0, 0, 0, 0] * 19, torch.tensor(2.0))


def test_rotation_turns_about_the_centre_by_at_most_the_limit() -> None:
    line = torch.zeros(1, 1, 41, 41)
    line[..., 20, :] = 1
    turned = _run(
        line.expand(400, -1, -1, -1),
        dataclasses.replace(OFF, affine_prob=1, rotate_deg=20, scale_frac=0, shift_frac=0, shear_deg=0),
    )
    assert turned[:, 0, 20, 20].min() > 0.9
    rows = torch.arange(41.0)
    right = (turned[:, 0, :, 35] * rows).sum(1) / turned[:, 0, :, 35].sum(1) - 20
    angles = torch.rad2deg(torch.atan(right / 15))
    assert 18 < angles.abs().max() < 20.5
    assert abs(angles.mean()) < 2


def test_light_keeps_the_range_and_its_limits() -> None:
    gray = torch.full((300, 1, 8, 8), 0.5)
    lit = _run(gray, dataclasses.replace(OFF, light_prob=1, brightness=0.2, contrast=0.3))
    means = lit.mean(dim=(1, 2, 3))
    assert 0.3 <= means.min() < 0.33
    assert 0.67 < means.max() <= 0.7
    assert _run(_pictures(50), dataclasses.replace(OFF, light_prob=1, brightness=0.9)).aminmax().max <= 1


def test_an_erased_rectangle_has_one_gray_and_an_area_within_the_limit() -> None:
    images = _pictures(1, 40).expand(500, -1, -1, -1)
    erased = _run(images, dataclasses.replace(OFF, erase_prob=1, erase_frac=0.25))
    hidden = (erased - images).abs() > 1e-4
    shares = hidden.float().mean(dim=(1, 2, 3))
    assert shares.min() > 0
    assert shares.max() < 0.3
    assert shares.max() > 0.2
    for picture, mask in zip(erased[:50], hidden[:50], strict=True):
        assert picture[mask].max() - picture[mask].min() < 1e-6


def test_a_picture_is_varied_alike_in_any_batch_and_otherwise_at_another_step() -> None:
    images, settings = _pictures(6), AugmentSettings()
    rows = torch.arange(6)
    whole = augment(images, settings, rows, (3, 1, 4), 18)
    part = augment(images[2:4], settings, rows[2:4], (3, 1, 4), 18)
    assert torch.allclose(whole[2:4], part, atol=1e-6)
    assert not torch.allclose(augment(images, settings, rows, (3, 1, 5), 18), whole, atol=1e-3)


def test_step_seeds_differ() -> None:
    assert len({step_seed(0, epoch, step) for epoch in range(20) for step in range(50)}) == 1000
    assert all(0 <= step_seed(seed) < 2**63 for seed in np.arange(100))
