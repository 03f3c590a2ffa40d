"""Face boxes, landmarks and the maps between a picture, a detector's input and a crop.

One convention everywhere: coordinates are continuous, in px, x to the right and y down, and pixel i covers [i, i + 1).
OpenCV's affine warps put pixel i at i instead; `CropSquare.matrix` is the only place that converts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""(H, W) gray or (H, W, 3) RGB, uint8."""


def as_pixels(array: npt.NDArray[Any]) -> Pixels:
    """State that OpenCV's or numpy's answer is uint8; values of another type are cast."""
    return array.astype(np.uint8, copy=False)


@dataclass(frozen=True)
class Picture:
    """What a detector looks at: pixels at `scale` px per px of the upright full-size picture of (height, width) px.

    `finer(scale)` is the same picture with at least that scale, or all that there is; None: this is all that there is.
    """

    pixels: Pixels
    width: int
    height: int
    scale: float = 1.0
    finer: Callable[[float], Picture] | None = None

    @classmethod
    def whole(cls, pixels: Pixels) -> Picture:
        return cls(pixels, pixels.shape[1], pixels.shape[0])


@dataclass(frozen=True)
class FaceBox:
    """An upright rectangle, px; it may be partly outside its picture."""

    left: float
    top: float
    width: float
    height: float

    @property
    def center(self) -> tuple[float, float]:
        return self.left + self.width / 2, self.top + self.height / 2

    @property
    def area(self) -> float:
        return max(self.width, 0.0) * max(self.height, 0.0)

    @property
    def geometric_side(self) -> float:
        """Side of the square of the same area, px."""
        return math.sqrt(self.area)

    @property
    def longer_side(self) -> float:
        return max(self.width, self.height)

    @property
    def shorter_side(self) -> float:
        return min(self.width, self.height)

    def scaled(self, scale_x: float, scale_y: float) -> FaceBox:
        return FaceBox(self.left * scale_x, self.top * scale_y, self.width * scale_x, self.height * scale_y)

    def iou(self, other: FaceBox) -> float:
        """Intersection over union, 0-1; 0 for two empty boxes."""
        wide = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        high = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        shared = max(wide, 0.0) * max(high, 0.0)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0


@dataclass(frozen=True)
class Landmarks:
    """Points of one face, px. Known layouts: 2 (eyes), 5 (YuNet) and 68 points (iBUG, as in AffectNet)."""

    points: tuple[tuple[float, float], ...]

    @classmethod
    def from_flat(cls, values: list[float]) -> Landmarks:
        """Read x0, y0, x1, y1 …; raises ValueError for an odd count."""
        if len(values) % 2:
            raise ValueError(f"landmarks: expected x, y pairs, got {len(values)} numbers")
        return cls(tuple(zip(map(float, values[::2]), map(float, values[1::2]), strict=True)))

    @property
    def flat(self) -> list[float]:
        return [value for point in self.points for value in point]

    def scaled(self, scale_x: float, scale_y: float) -> Landmarks:
        return Landmarks(tuple((x * scale_x, y * scale_y) for x, y in self.points))

    @property
    def eyes(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Centres of the eye on the picture's left and of the one on its right; None for an unknown layout."""
        if len(self.points) in (2, 5):
            return self.points[0], self.points[1]
        if len(self.points) == 68:
            return _mean(self.points[36:42]), _mean(self.points[42:48])
        return None


def _mean(points: tuple[tuple[float, float], ...]) -> tuple[float, float]:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


@dataclass(frozen=True)
class Detection:
    """One face; `score` in [0, 1] or None where the detector gives none.

    `confirmed`: a second look at the face alone showed one as well. `turn_deg`: it was found with the picture turned
    back by so much, -90, 90 or 180; the sign is that of eye_angle_deg.
    """

    box: FaceBox
    landmarks: Landmarks | None = None
    score: float | None = None
    confirmed: bool = True
    turn_deg: int = 0

    def scaled(self, scale_x: float, scale_y: float) -> Detection:
        points = None if self.landmarks is None else self.landmarks.scaled(scale_x, scale_y)
        return replace(self, box=self.box.scaled(scale_x, scale_y), landmarks=points)


_LEAST_ANGLE_DEG = 0.5
"""A smaller turn moves no pixel of a 96 px face by half a pixel: it is not worth the blur."""

_LEAST_EYE_DISTANCE = 0.15
"""Of the box's longer side; closer eyes are a profile or landmarks gone astray, and their line says nothing."""


def eye_angle_deg(detection: Detection) -> float:
    """Angle of the line through the eyes, degrees; positive when the picture's right eye is the lower one.

    0 without eyes, when they are too close together to tell, and for an angle too small to matter.
    """
    eyes = None if detection.landmarks is None else detection.landmarks.eyes
    if eyes is None:
        return 0.0
    across, down = eyes[1][0] - eyes[0][0], eyes[1][1] - eyes[0][1]
    if not math.hypot(across, down) >= _LEAST_EYE_DISTANCE * detection.box.longer_side > 0:
        return 0.0
    angle_deg = math.degrees(math.atan2(down, across))
    return angle_deg if abs(angle_deg) >= _LEAST_ANGLE_DEG else 0.0


@dataclass(frozen=True)
class Letterbox:
    """A picture of (height, width) px shrunk or grown to (fit_height, fit_width) in the middle of a square canvas."""

    size_px: int
    fit_width: int
    fit_height: int
    pad_left: int
    pad_top: int
    scale_x: float
    scale_y: float

    @classmethod
    def fit(cls, width: int, height: int, size_px: int, pad_frac: float = 0.0) -> Letterbox:
        """Fit the longer side into size_px / (1 + pad_frac); scale_x and scale_y are canvas px per picture px."""
        scale = size_px / (max(width, height) * (1 + pad_frac))
        wide, high = max(1, round(width * scale)), max(1, round(height * scale))
        return cls(size_px, wide, high, (size_px - wide) // 2, (size_px - high) // 2, wide / width, high / height)

    def to_picture(self, x: float, y: float) -> tuple[float, float]:
        """Map a point of the canvas to the picture."""
        return (x - self.pad_left) / self.scale_x, (y - self.pad_top) / self.scale_y

    def to_canvas(self, x: float, y: float) -> tuple[float, float]:
        """Map a point of the picture to the canvas."""
        return x * self.scale_x + self.pad_left, y * self.scale_y + self.pad_top


@dataclass(frozen=True)
class CropSquare:
    """The square that becomes a face picture: centre and side in px, turned by angle_deg (as eye_angle_deg)."""

    center_x: float
    center_y: float
    side: float
    angle_deg: float = 0.0

    @classmethod
    def around(cls, box: FaceBox, margin_frac: float, angle_deg: float = 0.0) -> CropSquare:
        """The square on the box's longer side, grown by margin_frac of it on each side."""
        return cls(*box.center, box.longer_side * (1 + 2 * margin_frac), angle_deg)

    def scaled(self, scale: float) -> CropSquare:
        return CropSquare(self.center_x * scale, self.center_y * scale, self.side * scale, self.angle_deg)

    def matrix(self, out_px: int) -> npt.NDArray[np.float64]:
        """(2, 3) matrix from picture to crop of out_px in OpenCV's convention (pixel i lies at i)."""
        turn, scale = math.radians(self.angle_deg), out_px / self.side
        cos, sin = math.cos(turn) * scale, math.sin(turn) * scale
        center_x, center_y, middle = self.center_x - 0.5, self.center_y - 0.5, (out_px - 1) / 2
        return np.array(
            [
                [cos, sin, middle - cos * center_x - sin * center_y],
                [-sin, cos, middle + sin * center_x - cos * center_y],
            ]
        )

    @property
    def reach(self) -> float:
        """Half the side of the upright square that holds this one, px."""
        turn = math.radians(self.angle_deg)
        return self.side / 2 * (abs(math.cos(turn)) + abs(math.sin(turn)))
