"""Explanations as pictures: the face, its heat map, and the segments of most weight, side by side."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from fer_spark.explaining.superpixels import SegmentMap

Array = npt.NDArray[Any]

FOR, AGAINST = (178, 24, 43), (33, 102, 172)
"""Red speaks for the label, blue against it: far apart also for the colour-blind."""

_PANEL, _GAP, _LINE = 240, 8, 22
_STRONGEST = 0.65


def overlay_png(face: Array, segments: SegmentMap, weights: Array, caption: str, top: int = 3) -> bytes:
    """PNG: face, heat map over it, face with the `top` segments outlined (red for, blue against); `caption` below.

    face (S, S) or (S, S, 3), uint8 or float in [0, 1].
    """
    rgb = _rgb(face)
    panels = [_enlarged(rgb), heat(rgb, weights[segments]), _outlined(rgb, segments, weights, top)]
    sheet = Image.new("RGB", (3 * _PANEL + 4 * _GAP, _PANEL + 2 * _GAP + _LINE), "white")
    for place, panel in enumerate(panels):
        sheet.paste(Image.fromarray(panel), (_GAP + place * (_PANEL + _GAP), _GAP))
    words = ImageDraw.Draw(sheet)
    words.text((_GAP, _PANEL + 2 * _GAP), caption, fill="black", font=ImageFont.load_default(14))
    return _png(sheet)


def map_png(weights: SegmentMap | Array, caption: str) -> bytes:
    """PNG of a mean map, (S, S) weights, on white."""
    blank = np.full((*weights.shape, 3), 255, dtype=np.uint8)
    sheet = Image.new("RGB", (_PANEL + 2 * _GAP, _PANEL + 2 * _GAP + _LINE), "white")
    sheet.paste(Image.fromarray(heat(blank, weights, 1.0)), (_GAP, _GAP))
    words = ImageDraw.Draw(sheet)
    words.text((_GAP, _PANEL + 2 * _GAP), caption, fill="black", font=ImageFont.load_default(14))
    return _png(sheet)


def heat(rgb: Array, weights: Array, strongest: float = _STRONGEST) -> npt.NDArray[np.uint8]:
    """(240, 240, 3): red over pixels of positive weight, blue over negative, the more opaque the greater."""
    largest = float(np.abs(weights).max()) or 1.0
    share = _enlarged_map(weights / largest)
    opacity = np.abs(share)[..., None] * strongest
    colour = np.where(share[..., None] > 0, np.array(FOR, float), np.array(AGAINST, float))
    return np.asarray(np.rint(_enlarged(rgb) * (1 - opacity) + colour * opacity), dtype=np.uint8)


def _outlined(rgb: Array, segments: SegmentMap, weights: Array, top: int) -> npt.NDArray[np.uint8]:
    shown, large = _enlarged(rgb).copy(), _enlarged_map(segments)
    for segment in np.argsort(-np.abs(weights), kind="stable")[:top][::-1]:
        inside = np.pad(large == segment, 2)
        core = inside.copy()
        for axis in (0, 1):
            for step in (-2, 2):
                core &= np.roll(inside, step, axis)
        shown[(inside & ~core)[2:-2, 2:-2]] = FOR if weights[segment] > 0 else AGAINST
    return shown


def _rgb(face: Array) -> npt.NDArray[np.uint8]:
    values = face if face.dtype == np.uint8 else np.rint(face * 255)
    bytes_of = np.asarray(values, dtype=np.uint8)
    return np.repeat(bytes_of[..., None], 3, axis=2) if bytes_of.ndim == 2 else bytes_of


def _enlarged(rgb: Array) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.fromarray(rgb).resize((_PANEL, _PANEL), Image.Resampling.BICUBIC))


def _enlarged_map(values: Array) -> Array:
    """(S, S) → (240, 240) without mixing neighbours."""
    line = np.arange(_PANEL) * values.shape[0] // _PANEL
    return np.asarray(values[line][:, line])


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
