"""Pictures that are faces already, recognised by their sizes: (nearly) all of them one same small square."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable

from PIL import Image

from fer_spark.faces.header import PILLOW_ERRORS

SAMPLE = 100
"""Pictures that are looked at; their first HEADER_BYTES alone."""

HEADER_BYTES = 32 * 1024
LEAST_PICTURES = 8
"""Fewer tell nothing of what comes after them."""

_LEAST_PX, _MOST_PX = 24, 128
"""Data sets of crops have 48, 64, 96, 100, 112 or 128 px. Larger squares are portraits as often as crops."""

_SHARE = 0.95

Size = tuple[int, int]
"""Width and height, px."""


def crop_side(sizes: Iterable[Size | None], least_pictures: int = LEAST_PICTURES) -> int:
    """The side of the small square that nearly all pictures are, px; 0 where they are not, or are too few to tell.

    None, a file that is no picture, says nothing of the others.
    """
    known = [size for size in sizes if size is not None]
    if len(known) < max(least_pictures, 1):
        return 0
    (width, height), count = Counter(known).most_common(1)[0]
    return width if width == height and _LEAST_PX <= width <= _MOST_PX and count >= _SHARE * len(known) else 0


def recognised_as_crops(side_px: int) -> str:
    """The message where all pictures of a sample are such squares."""
    return (
        f"nearly all pictures are {side_px}x{side_px} px: recognised as faces cropped already, so no detector runs "
        "(--detector yunet or haar runs one)"
    )


def size_of(start: bytes) -> Size | None:
    """Of the picture of which these are the first HEADER_BYTES, or all; None for no picture.

    (0, 0): what says its size so late, or has so many pixels, is no small picture.
    """
    try:
        with Image.open(io.BytesIO(start)) as picture:
            return picture.size
    except Image.DecompressionBombError:
        return 0, 0
    except PILLOW_ERRORS:
        return None if len(start) < HEADER_BYTES else (0, 0)


def size_of_file(path: bytes) -> Size | None:
    """As size_of, of a file; None also for one that cannot be opened."""
    try:
        with open(path, "rb") as file:
            return size_of(file.read(HEADER_BYTES))
    except OSError:
        return None
