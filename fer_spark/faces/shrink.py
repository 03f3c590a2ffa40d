"""Shrinking by averaging areas, fast for large pictures.

OpenCV averages 2x2 px about five times faster than any other ratio, so large ratios are taken in halves first.
"""

from __future__ import annotations

import cv2

from fer_spark.faces.geometry import Letterbox, Pixels, as_pixels


def halved(pixels: Pixels) -> Pixels:
    """Average 2x2 px; a last odd row or column is left out, so that the scale is exactly 1/2."""
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    return as_pixels(cv2.resize(pixels[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA))


def shrink(pixels: Pixels, width: int, height: int, spare: int = 2) -> Pixels:
    """Average areas down to (height, width); halves are taken while `spare` times the size is left for the last step.

    A spare of 2 is as good as one step to the eye; 1 is faster still, for a detector's input.
    """
    while pixels.shape[1] >= 2 * spare * width and pixels.shape[0] >= 2 * spare * height and _even(pixels):
        pixels = halved(pixels)
    return as_pixels(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))


def fitted(pixels: Pixels, letterbox: Letterbox) -> Pixels:
    """The picture at the size it has on a letterbox's canvas: (fit_height, fit_width[, 3])."""
    width, height = letterbox.fit_width, letterbox.fit_height
    if letterbox.scale_x < 1:
        return shrink(pixels, width, height, spare=1)
    return as_pixels(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR))


def _even(pixels: Pixels) -> bool:
    """Whether halving leaves nothing out: an edge that is left out would shift the rest."""
    return bool(pixels.shape[0] % 2 == 0 and pixels.shape[1] % 2 == 0)
