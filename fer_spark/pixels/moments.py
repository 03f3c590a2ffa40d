"""Sums of a face's pixels, from which a manifest's mean and deviation are added up."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt


def moments(face: npt.NDArray[np.uint8]) -> list[float]:
    """Sum of each channel, then sum of squares of each channel, of 0-255 pixels; exact while below 2**53."""
    channels = [face] if face.ndim == 2 else list(cv2.split(face))
    sums = [float(cv2.sumElems(channel)[0]) for channel in channels]
    return sums + [float(round(cv2.norm(channel, cv2.NORM_L2SQR))) for channel in channels]
