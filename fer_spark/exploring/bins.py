"""Bins of valence and arousal. All edges are whole numbers of millionths, so that -0.2 never falls one bin low."""

from __future__ import annotations

import math

MICRO = 1_000_000
"""Millionths in one unit; values are rounded to them before they are binned."""

FINE, MEDIUM, COARSE = 50_000, 100_000, 200_000
"""Widths of bins in millionths: 0.05, 0.1 and 0.2."""

ANGLE_DEG, RADIUS = 15, 100_000
RADII = 15
"""Rings of 0.1 reach to 1.5; the corner of the square lies at 1.414."""

NOTE = (
    "Bins are half-open, [low, high); the last one holds 1.0 too. Values are rounded to 6 decimals and binned in whole "
    "millionths, so that a value on an edge, such as -0.2, falls into the bin that begins there."
)


def count_of(width: int) -> int:
    """Bins of that width (millionths) over [-1, 1]."""
    return 2 * MICRO // width


def low_of(index: int, width: int) -> float:
    """Lower edge of a bin over [-1, 1]; the upper edge of bin i is low_of(i + 1)."""
    return (index * width - MICRO) / MICRO


def edges_of(index: int, width: int) -> tuple[float, float]:
    return low_of(index, width), low_of(index + 1, width)


def bin_of(value: float, width: int) -> int | None:
    """Index of the bin over [-1, 1] that holds a value; None for NaN and values outside. What Spark computes too."""
    if math.isnan(value) or not -1.0 <= value <= 1.0:
        return None
    micro = math.floor(value * MICRO + 0.5)
    return min((micro + MICRO) // width, count_of(width) - 1)


def coarser(index: int, fine: int, width: int) -> int:
    """Index of the bin of `width` that holds bin `index` of width `fine`."""
    return index * fine // width
