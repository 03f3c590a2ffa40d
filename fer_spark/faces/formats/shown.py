"""Decoded values of any kind as a viewer shows them: 8 bits, sRGB, transparent pixels on white.

Strip by strip, so that a picture needs its decoded size and its result and hardly more, whatever its kind.

Values of more than 8 bits: where the format says what white is (65535; 4095 of a 12-bit TIFF), that becomes 255. Where
it does not (32-bit integers, floats): white is 1 if no value is above it; else 255 or 65535, if the largest value
reaches a sixteenth of it; else, and where values are negative, the lowest becomes 0 and the highest 255. NaN is black.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from fer_spark.faces.formats.profiles import convert_rows, transform_to_srgb
from fer_spark.faces.geometry import Pixels, as_pixels

_STRIP_PX = 1 << 18
_WHITES = (255, 65535)
_WITH_ALPHA = frozenset(("LA", "La", "PA", "RGBa", "RGBA"))
Values = npt.NDArray[Any]


def shown_array(values: Values, profile: bytes | None, white: float | None = None) -> Pixels:
    """OpenCV's (H, W), (H, W, 3) BGR or (H, W, 4) BGRA of any type → (H, W) or (H, W, 3) RGB. `white`: None by rule;
    uint16 is white at 65535."""
    if values.ndim == 3 and values.shape[2] == 2:
        values = values[..., 0]
    low, high = (0.0, white or 65535.0) if values.dtype == np.uint16 else (0.0, 255.0)
    if values.dtype not in (np.uint8, np.uint16):
        low, high = (0.0, white) if white else _range(values[rows] for rows in _strips(*values.shape[:2]))

    def strip(rows: slice) -> Pixels:
        part = eight_bits(values[rows], low, high)
        if part.ndim == 3:
            part = as_pixels(cv2.cvtColor(part, cv2.COLOR_BGR2RGB if part.shape[2] == 3 else cv2.COLOR_BGRA2RGBA))
        return on_white(part, profile)

    return _joined(values.shape[0], values.shape[1], strip)


def shown_picture(picture: Image.Image, profile: bytes | None) -> Pixels:
    """A loaded Pillow picture → (H, W) or (H, W, 3) RGB."""
    width, height = picture.size
    convert = _converter(picture, profile)

    def strip(rows: slice) -> Pixels:
        return convert(picture.crop((0, rows.start, width, rows.stop)))

    return _joined(height, width, strip)


def convert_in_place(pixels: Pixels, profile: bytes) -> Pixels:
    """Gray or RGB pixels in the profile's space become sRGB where they lie."""
    for rows in _strips(*pixels.shape[:2]):
        pixels[rows] = convert_rows(pixels[rows], profile)
    return pixels


def eight_bits(values: Values, low: float, high: float) -> Pixels:
    """`low` becomes 0 and `high` 255, rounded; values outside are cut off."""
    if values.dtype == np.uint8 and (low, high) == (0, 255):
        return as_pixels(values)
    if values.dtype == np.uint16 and (low, high) == (0, 65535):
        return as_pixels(cv2.convertScaleAbs(values, alpha=1 / 257))
    scaled = (values.astype(np.float64) - low) * (255 / (high - low))
    return as_pixels(np.rint(np.clip(np.nan_to_num(scaled, posinf=255, neginf=0), 0, 255)))


def on_white(pixels: Pixels, profile: bytes | None = None) -> Pixels:
    """(h, W, 4) RGBA on a white background, rounded; anything else as it is. Colours are converted first."""
    if pixels.ndim < 3 or pixels.shape[2] != 4:
        return convert_rows(pixels, profile) if profile else pixels
    colours, alpha = pixels[..., :3], pixels[..., 3:].astype(np.uint16)
    if profile:
        colours = convert_rows(colours, profile)
    return as_pixels((colours * alpha + 255 * (255 - alpha) + 127) // 255)


def _joined(height: int, width: int, strip: Callable[[slice], Pixels]) -> Pixels:
    whole: Pixels | None = None
    for rows in _strips(height, width):
        part = strip(rows)
        if whole is None:
            whole = np.empty((height, *part.shape[1:]), np.uint8)
        whole[rows] = part
    assert whole is not None
    return whole


def _strips(height: int, width: int) -> Iterator[slice]:
    step = max(1, _STRIP_PX // width)
    for top in range(0, height, step):
        yield slice(top, min(top + step, height))


def _converter(picture: Image.Image, profile: bytes | None) -> Callable[[Image.Image], Pixels]:
    """Strips of this picture → 8-bit gray or RGB."""
    mode = picture.mode
    if mode.startswith("I;16") or mode in ("I", "F"):
        return _deep_converter(picture, profile)
    if mode in _WITH_ALPHA or "transparency" in picture.info:
        plain = {"La": "LA", "RGBa": "RGBA"}.get(mode, mode)
        return lambda strip: on_white(np.asarray(strip.convert(plain).convert("RGBA")), profile)
    if mode in ("1", "L"):
        return lambda strip: on_white(np.asarray(strip.convert("L")), profile)
    transform = transform_to_srgb(profile, mode) if profile and mode == "CMYK" else None
    if transform is not None:
        return lambda strip: as_pixels(np.asarray(transform.apply(strip)))
    return lambda strip: on_white(np.asarray(strip.convert("RGB")), profile)


def _deep_converter(picture: Image.Image, profile: bytes | None) -> Callable[[Image.Image], Pixels]:
    white, clear = _stated_white(picture), picture.info.get("transparency")
    low, high = (0.0, white) if white else _range(_pillow_strips(picture))

    def convert(strip: Image.Image) -> Pixels:
        values = np.asarray(strip)
        gray = eight_bits(values.astype(np.uint16) if white else values, low, high)
        if not isinstance(clear, int):
            return on_white(gray, profile)
        alpha = np.where(values == clear, 0, 255).astype(np.uint8)
        return on_white(as_pixels(np.dstack([gray, gray, gray, alpha])), profile)

    return convert


def _stated_white(picture: Image.Image) -> float | None:
    """The value that the format calls white; None where it calls none so."""
    if picture.mode.startswith("I;16"):
        bits = getattr(picture, "tag_v2", {}).get(258, (16,))[0]
        return float(2**bits - 1) if bits in (12, 16) else 65535.0
    # Pillow scales Netpbm's and PNG's values to 16 bits, whatever their largest is
    return 65535.0 if picture.mode == "I" and picture.format in ("PPM", "PNG", "JPEG2000") else None


def _pillow_strips(picture: Image.Image) -> Iterator[Values]:
    width, height = picture.size
    for rows in _strips(height, width):
        yield np.asarray(picture.crop((0, rows.start, width, rows.stop)))


def _range(strips: Iterator[Values]) -> tuple[float, float]:
    """What is black and what is white in values that do not say so: see this module's first lines."""
    lowest, highest = np.inf, -np.inf
    for strip in strips:
        finite = strip[np.isfinite(strip)]
        if finite.size:
            lowest, highest = min(lowest, float(finite.min())), max(highest, float(finite.max()))
    if lowest >= 0 and highest <= 1:
        return 0.0, 1.0
    stated = next((white for white in _WHITES if lowest >= 0 and white / 16 <= highest <= white), None)
    if stated is not None:
        return 0.0, float(stated)
    return (lowest, highest) if lowest < highest else (0.0, 1.0)
