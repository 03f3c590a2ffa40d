"""Cut the face square out of a picture, turned upright, at the size requested."""

from __future__ import annotations

import math

import cv2
import numpy as np

from fer_spark.faces.geometry import CropSquare, Pixels, as_pixels
from fer_spark.faces.shrink import shrink

_MOST_CUT_PX = 16 * 2**20
"""Of a square that reaches far beyond its picture (a strip, a box gone astray): larger ones are shrunk first."""


def crop_face(picture: Pixels, square: CropSquare, out_px: int) -> Pixels:
    """Return (out_px, out_px[, 3]) uint8; what lies outside the picture repeats its border.

    Shrinking averages areas and growing is cubic. A turned square is first shrunk by areas to twice the output's
    scale, turned, then halved by areas: no step samples coarser than it filters, so fine texture turns to gray and
    not to patterns. An upright square is snapped to whole pixels, so that a picture of the size requested comes
    through unchanged.
    """
    if square.angle_deg == 0 and not _is_mostly_border(picture, square):
        return resize(_upright_cut(picture, square), out_px)
    region, offset = _region(picture, square)
    scale = out_px / square.side
    oversample = 2 if scale < 1 else 1
    pre = scale * oversample
    if pre < 1:
        wide, high = max(1, round(region.shape[1] * pre)), max(1, round(region.shape[0] * pre))
        shrunk = shrink(region, wide, high)
    else:
        shrunk = region
    ratio_x, ratio_y = shrunk.shape[1] / region.shape[1], shrunk.shape[0] / region.shape[0]
    matrix = square.matrix(out_px * oversample) @ _grow(ratio_x, ratio_y, *offset)
    kernel = cv2.INTER_LINEAR if oversample == 2 else cv2.INTER_CUBIC
    turned = cv2.warpAffine(shrunk, matrix, (out_px * oversample,) * 2, flags=kernel, borderMode=cv2.BORDER_REPLICATE)
    return resize(as_pixels(turned), out_px)


def resize(pixels: Pixels, out_px: int) -> Pixels:
    """Resize to a square: averages areas when shrinking, cubic when growing, unchanged at the same size.

    The pixels are the same with AVX-512, AVX2 and FMA3 switched off.
    """
    if pixels.shape[:2] == (out_px, out_px):
        return pixels
    if min(pixels.shape[:2]) >= out_px:
        return shrink(pixels, out_px, out_px)
    # Intel's IPP, which OpenCV calls for cubic growth alone, has a kernel for each kind of processor, and they differ;
    # OpenCV's own gives the same pixels on all of them. The switch is this thread's.
    ipp = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    try:
        return as_pixels(cv2.resize(pixels, (out_px, out_px), interpolation=cv2.INTER_CUBIC))
    finally:
        cv2.ipp.setUseIPP(ipp)


def _is_mostly_border(picture: Pixels, square: CropSquare) -> bool:
    """Whether an upright square is so much larger than its picture that cutting it out would fill the memory."""
    return bool(square.side**2 > _MOST_CUT_PX + 4 * picture.size)


def _upright_cut(picture: Pixels, square: CropSquare) -> Pixels:
    side = max(1, round(square.side))
    return _cut(picture, round(square.center_x - side / 2), round(square.center_y - side / 2), side, side)


def _region(picture: Pixels, square: CropSquare) -> tuple[Pixels, tuple[int, int]]:
    """The part of the picture that a turned square touches, and its top left corner, px."""
    reach = square.reach + 2
    left, top = math.floor(square.center_x - reach), math.floor(square.center_y - reach)
    right, bottom = math.ceil(square.center_x + reach), math.ceil(square.center_y + reach)
    height, width = picture.shape[:2]
    left, right = min(max(left, 0), width - 1), max(min(right, width), 1)
    top, bottom = min(max(top, 0), height - 1), max(min(bottom, height), 1)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    return picture[top:bottom, left:right], (left, top)


def _cut(picture: Pixels, left: int, top: int, width: int, height: int) -> Pixels:
    """Cut a rectangle; where it leaves the picture, the border pixels are repeated."""
    rows, columns = picture.shape[:2]
    inside = picture[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    if inside.shape[:2] == (height, width):
        return inside
    if inside.size:
        above, before = max(-top, 0), max(-left, 0)
        below, after = height - above - inside.shape[0], width - before - inside.shape[1]
        return as_pixels(cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REPLICATE))
    down = np.clip(np.arange(top, top + height), 0, rows - 1)
    across = np.clip(np.arange(left, left + width), 0, columns - 1)
    return picture[down[:, None], across[None, :]]


def _grow(ratio_x: float, ratio_y: float, left: int, top: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(3, 3) map from a shrunk region to its picture, in OpenCV's convention (pixel i lies at i)."""
    return np.array(
        [
            [1 / ratio_x, 0, left + 0.5 / ratio_x - 0.5],
            [0, 1 / ratio_y, top + 0.5 / ratio_y - 0.5],
            [0, 0, 1],
        ]
    )
