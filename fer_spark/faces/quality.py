"""Measures of a face picture (brightness, contrast, sharpness), taken before it is denoised or normalised."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from fer_spark.faces.geometry import Pixels

MEASURED_PX = 48
"""Every face is measured at this size, so that the figures of large and small faces compare."""


@dataclass(frozen=True)
class Quality:
    """`sharpness`: variance of the Laplacian; `brightness`, `contrast`: mean and standard deviation, [0, 1]."""

    sharpness: float
    brightness: float
    contrast: float


def measure(face: Pixels) -> Quality:
    """Measure a gray (48, 48) face. Raises ValueError for another shape."""
    if face.shape != (MEASURED_PX, MEASURED_PX):
        raise ValueError(f"face: expected ({MEASURED_PX}, {MEASURED_PX}) gray, got {face.shape}")
    _, spread = cv2.meanStdDev(cv2.Laplacian(face, cv2.CV_16S))
    mean, deviation = cv2.meanStdDev(face)
    return Quality(float(spread[0, 0]) ** 2, float(mean[0, 0]) / 255, float(deviation[0, 0]) / 255)
