"""Colour profiles (ICC.1:2022): pixels of any profile's space become sRGB, which models and detectors are trained on.

By LittleCMS, perceptual intent, as Pillow's own conversion. A profile that is damaged, or that says sRGB, changes
nothing.
"""

from __future__ import annotations

import io
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageCms

from fer_spark.faces.geometry import Pixels, as_pixels

_SPACES = {"L": ("GRAY", "RGB"), "RGB": ("RGB",), "CMYK": ("CMYK",), "LAB": ("Lab",)}
_SAME = 2
"""A profile whose colours differ from sRGB by no more levels than this counts as sRGB: rounding of its tables."""


@lru_cache(maxsize=16)
def transform_to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a Pillow mode (L, RGB, CMYK) with this profile to RGB; None where there is nothing to convert.

    A gray picture with a profile of RGB colours goes in as RGB.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if space not in _SPACES.get(mode, ()):
            return None
        inside = "RGB" if space == "RGB" else mode
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), inside, "RGB")
        return None if inside != "CMYK" and _is_same(transform, inside) else transform
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _is_same(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    levels = np.linspace(0, 255, 18).astype(np.uint8)
    probe = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 18, 3)
    if mode == "L":
        probe = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    image = Image.fromarray(probe) if mode == "RGB" else Image.fromarray(np.ascontiguousarray(probe[..., 0]))
    found = np.asarray(transform.apply(image)).astype(np.int16)
    return bool(np.abs(found - probe).max() <= _SAME)


def convert_rows(pixels: Pixels, profile: bytes) -> Pixels:
    """(h, W) gray or (h, W, 3) RGB in the profile's space → sRGB of the same shape."""
    transform = transform_to_srgb(profile, "L" if pixels.ndim == 2 else "RGB")
    if transform is None:
        return pixels
    if pixels.ndim == 2:
        return as_pixels(cv2.LUT(pixels, _gray_table(profile)))
    return as_pixels(np.asarray(transform.apply(Image.fromarray(np.ascontiguousarray(pixels)))))


@lru_cache(maxsize=16)
def _gray_table(profile: bytes) -> Pixels:
    """256 values: what each gray of the profile is in sRGB. Their channels agree but for rounding: green counts."""
    transform = transform_to_srgb(profile, "L")
    assert transform is not None
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    image = ramp if transform.input_mode == "L" else ramp.convert("RGB")
    return np.ascontiguousarray(np.asarray(transform.apply(image))[0, :, 1])
