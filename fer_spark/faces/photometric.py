"""Noise reduction and brightness normalisation of a face, at its stored size. Colour: on the luminance alone."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from fer_spark.faces.geometry import Pixels, as_pixels

_CLAHE_CLIP, _CLAHE_TILES = 2.0, 4
"""A 48 px face has tiles of 12 px; OpenCV's default of 8 tiles would equalise 36 pixels at a time, mostly noise."""


def normalise(face: Pixels, denoise: str, photometric: str) -> Pixels:
    """Apply `FaceSettings.denoise`, then `.photometric`; (S, S[, 3]) in and out. Raises KeyError for unknown names."""
    return _PHOTOMETRIC[photometric](_DENOISE[denoise](face))


def _median(face: Pixels) -> Pixels:
    return as_pixels(cv2.medianBlur(face, 3))


def _bilateral(face: Pixels) -> Pixels:
    return as_pixels(cv2.bilateralFilter(face, d=5, sigmaColor=30, sigmaSpace=2))


def _nlmeans(face: Pixels) -> Pixels:
    if face.ndim == 2:
        return as_pixels(cv2.fastNlMeansDenoising(face, None, 6.0, 5, 15))
    return as_pixels(cv2.fastNlMeansDenoisingColored(face, None, 6.0, 6.0, 5, 15))


def _equalize(gray: Pixels) -> Pixels:
    return as_pixels(cv2.equalizeHist(gray))


def _clahe(gray: Pixels) -> Pixels:
    return as_pixels(cv2.createCLAHE(_CLAHE_CLIP, (_CLAHE_TILES, _CLAHE_TILES)).apply(gray))


def _on_luminance(change: Callable[[Pixels], Pixels]) -> Callable[[Pixels], Pixels]:
    def changed(face: Pixels) -> Pixels:
        if face.ndim == 2:
            return change(face)
        luminance = cv2.cvtColor(face, cv2.COLOR_RGB2YCrCb)
        luminance[..., 0] = change(as_pixels(np.ascontiguousarray(luminance[..., 0])))
        return as_pixels(cv2.cvtColor(luminance, cv2.COLOR_YCrCb2RGB))

    return changed


def _unchanged(face: Pixels) -> Pixels:
    return face


_DENOISE: dict[str, Callable[[Pixels], Pixels]] = {
    "none": _unchanged,
    "median": _median,
    "bilateral": _bilateral,
    "nlmeans": _nlmeans,
}
_PHOTOMETRIC: dict[str, Callable[[Pixels], Pixels]] = {
    "none": _unchanged,
    "equalize": _on_luminance(_equalize),
    "clahe": _on_luminance(_clahe),
}
