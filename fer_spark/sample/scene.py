"""Around the head: background, body, placing a head in a picture, then light, blur and noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_spark.sample import features
from fer_spark.sample.canvas import Points
from fer_spark.sample.drawing import Box, Eyes
from fer_spark.sample.head import Look

FOREHEAD_Y = 0.20
"""Upper end of a face box on the canvas."""

Image = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""

_TEXTURE_SIDE_PX = 1024
_TEXTURE_STD = 40.0
_SHOULDER = np.array([[-0.15, 0.0], [-0.42, 0.12], [-0.55, 0.45], [-0.6, 3.5]])
_SHOULDERS = np.concatenate([_SHOULDER, _SHOULDER[::-1] * (-1, 1)])
_NECK = np.array([0.5, 0.93])


@dataclass(frozen=True)
class Place:
    """Where a head goes: `matrix` (2, 3) maps canvas fractions to px; one canvas side is `side_px` long."""

    matrix: NDArray[np.float64]
    side_px: float
    tilt_deg: float

    def apply(self, points: Points) -> Points:
        """Canvas fractions (N, 2) to px of the picture (N, 2)."""
        return np.asarray(points @ self.matrix[:, :2].T + self.matrix[:, 2])

    def eyes(self, look: Look) -> Eyes:
        y = features.EYE_Y + look.pose.pitch
        x = 0.5 + look.pose.yaw
        distance = look.person.eye_distance
        (left_x, left_y), (right_x, right_y) = self.apply(np.array([[x - distance, y], [x + distance, y]])).tolist()
        return (left_x, left_y), (right_x, right_y)


def place_head(look: Look, tilt_deg: float, area: Box, height_px: float, rng: np.random.Generator) -> tuple[Place, Box]:
    """Turn the head and put its face, `height_px` high (less where that does not fit), at random inside `area`."""
    outline = features.face_outline(look.person, look.actions)
    outline = outline[outline[:, 1] >= FOREHEAD_Y]
    angle = np.deg2rad(tilt_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = (outline - 0.5) @ turn.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    extent = high - low
    side_px = min(height_px / extent[1], 0.98 * area.width / extent[0], 0.98 * area.height / extent[1])
    free = np.array([area.width, area.height]) - extent * side_px
    corner = np.array([area.left, area.top]) + free * np.clip(rng.normal((0.5, 0.45), 0.22), 0.02, 0.98)
    matrix = np.empty((2, 3))
    matrix[:, :2] = turn * side_px
    matrix[:, 2] = corner - (low + turn @ (0.5, 0.5)) * side_px
    width, height = (extent * side_px).tolist()
    return Place(matrix, side_px, tilt_deg), Box(float(corner[0]), float(corner[1]), width, height)


def draw_background(rng: np.random.Generator, height: int, width: int) -> Image:
    """A soft random field with a few shapes on it, sharp or out of focus."""
    rows, columns = rng.integers(2, 7, 2).tolist()
    tint = rng.normal(0, rng.uniform(4, 40), 3)
    coarse = rng.uniform(25, 230) + tint + rng.normal(0, rng.uniform(4, 40), (rows, columns, 3)) * (1.0, 0.9, 0.8)
    field = np.clip(coarse, 0, 255).astype(np.uint8)
    image = np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    count = int(rng.integers(0, 9))
    if count == 0:
        return image
    corners = (rng.uniform(-0.1, 1.1, (count, 2, 2)) * (width, height)).astype(int).tolist()
    colours = np.clip(rng.uniform(10, 245, (count, 1)) + rng.normal(0, 35, (count, 3)), 0, 255).tolist()
    kinds = rng.integers(0, 3, count).tolist()
    for (start, end), colour, kind in zip(corners, colours, kinds, strict=True):
        if kind == 0:
            cv2.rectangle(image, start, end, colour, -1)
        elif kind == 1:
            cv2.circle(image, start, max(2, abs(end[0] - start[0]) // 4), colour, -1, cv2.LINE_AA)
        else:
            cv2.line(image, start, end, colour, max(1, width // 40), cv2.LINE_AA)
    focus = float(rng.uniform(0, 0.03)) * width
    if focus > 0.8:  # a box filter looks the same behind a face and costs a fraction of a Gaussian
        reach = 2 * int(focus) + 1
        image = np.asarray(cv2.blur(image, (reach, reach)), dtype=np.uint8)
    return image


def draw_body(image: Image, place: Place, rng: np.random.Generator) -> None:
    """Shoulders in plain clothes below the neck, down to the picture's edge; drawn in place."""
    neck = place.apply(_NECK[None, :])[0]
    shoulders = np.rint((neck + _SHOULDERS * place.side_px) * 16).astype(np.int32)
    cv2.fillPoly(image, [shoulders], rng.uniform(15, 235, 3).tolist(), cv2.LINE_AA, 4)


def paste_head(image: Image, head: NDArray[np.uint8], place: Place) -> None:
    """Lay a head (S, S, 4; premultiplied alpha) over the picture, in place."""
    height, width = image.shape[:2]
    corners = place.apply(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, (width, height)).astype(int).tolist()
    right, bottom = np.clip(np.ceil(corners.max(axis=0)), 0, (width, height)).astype(int).tolist()
    scale = 1 / len(head)
    matrix = place.matrix * (scale, scale, 1.0)
    matrix[:, 2] += matrix[:, :2].sum(axis=1) / 2 - 0.5 - (left, top)  # OpenCV's pixel centres are whole numbers
    warped = cv2.warpAffine(head, matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    through = 255 - warped[:, :, 3]
    under = image[top:bottom, left:right]
    dimmed = cv2.multiply(under, cv2.merge([through, through, through]), scale=1 / 255)
    cv2.add(dimmed, cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB), dst=under)


def develop(image: Image, face_px: float, gray: bool, rng: np.random.Generator) -> Image:
    """Exposure, contrast and colour cast, then blur up to 1.2 % of the face's height, noise, and gray if asked."""
    if gray:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[:, :, None]  # type: ignore[assignment]
    channels = image.shape[2]
    gain = rng.uniform(0.72, 1.12) * (1 + rng.normal(0, 0.03, channels))
    gamma = rng.uniform(0.8, 1.3)
    lift = rng.uniform(0, 28)
    ramp = np.linspace(0, 1, 256)[:, None] ** gamma * (255 - lift) * gain + lift
    image = np.asarray(cv2.LUT(image, np.clip(ramp, 0, 255).astype(np.uint8)[None]), dtype=np.uint8)
    sigma = float(rng.uniform(0.2, 0.012 * max(face_px, 30.0) + 0.2))
    if rng.random() < 0.35 and sigma > 0.4:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.uint8)
    image = image.reshape(*image.shape[:2], channels)
    image = _add_noise(image, rng.uniform(0.5, min(8.0, 2.0 + face_px / 20)), rng)
    if gray:
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
    return image


def _add_noise(image: Image, std: float, rng: np.random.Generator) -> Image:
    height, width, channels = image.shape
    top, left = (int(rng.integers(0, max(1, _TEXTURE_SIDE_PX - side))) for side in (height, width))
    noise = _noise_texture()[top : top + height, left : left + width, :channels]
    gain = std / _TEXTURE_STD
    out = cv2.addWeighted(np.ascontiguousarray(image), 1.0, np.ascontiguousarray(noise), gain, -128 * gain)
    return np.asarray(out, dtype=np.uint8).reshape(height, width, channels)


@lru_cache(maxsize=1)
def _noise_texture() -> Image:
    """(1024, 1024, 3) uint8 around 128: drawn once, as a fresh picture of noise takes longer than the picture."""
    rng = np.random.default_rng(20130707)
    noise = rng.standard_normal((_TEXTURE_SIDE_PX, _TEXTURE_SIDE_PX, 3), dtype=np.float32)
    return np.asarray(np.clip(noise * _TEXTURE_STD + 128, 0, 255), dtype=np.uint8)
