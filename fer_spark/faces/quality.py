"""What a face picture is like, measured before it is denoised or normalised; and when a found face is in doubt."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from fer_spark.faces.geometry import Detection, Pixels

MEASURED_PX = 48
"""Every face is measured at this size, so that the figures of large and small faces compare."""


_LOW_SCORE, _STEEP_DEG = 0.87, 40.0
"""Of 57 photographs none was in doubt by this; of the same on their side or head, in which YuNet found 89 faces, 66."""


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


def doubt(face: Detection, angle_deg: float) -> str | None:
    """Why a found face is not to be trusted, and the remedy; None where nothing speaks against it.

    A low score alone is no reason: small and turned heads have it. Together with a steep angle, or when a second look
    at the face alone shows none, it is what a picture on its side looks like.
    """
    if face.score is None or face.score >= _LOW_SCORE or face.turn_deg:
        return None
    steep = abs(angle_deg) > _STEEP_DEG
    if face.confirmed and not steep:
        return None
    seen = f"its eyes at {angle_deg:.0f} degrees" if steep else "not seen again when looked at alone"
    return (
        f"a face in doubt: score {face.score:.2f}, {seen}; is the picture on its side? --try-turned looks at it turned"
    )
