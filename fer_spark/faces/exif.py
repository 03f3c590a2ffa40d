"""EXIF orientation: how a stored picture has to be turned to be upright (EXIF 2.32, section 4.6.5.1.6)."""

from __future__ import annotations

import struct
from collections.abc import Callable

import cv2
import cv2.typing

from fer_spark.faces.geometry import Pixels, as_pixels

ORIENTATION_TAG = 0x0112

_TURNS: dict[int, Callable[[Pixels], cv2.typing.MatLike]] = {
    1: lambda pixels: pixels,
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.flip(cv2.transpose(pixels), -1),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def turned_upright(stored: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation 1-8; (H, W[, 3]) in, the same or with H and W exchanged out."""
    return as_pixels(_TURNS[orientation](stored))


def exif_orientation(tiff: bytes) -> int:
    """The EXIF orientation 1-8 in a TIFF block; 1 where there is none or the block is damaged."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 10:
        return 1
    (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
    if directory + 2 > len(tiff):
        return 1
    (count,) = struct.unpack_from(f"{order}H", tiff, directory)
    for entry in range(directory + 2, min(directory + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind = struct.unpack_from(f"{order}HH", tiff, entry)
        if tag == ORIENTATION_TAG and kind == 3:
            (value,) = struct.unpack_from(f"{order}H", tiff, entry + 8)
            return value if 1 <= value <= 8 else 1
    return 1
