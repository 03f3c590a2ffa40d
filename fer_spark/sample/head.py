"""A whole head on a transparent canvas: the drawn parts, multiplied by soft light and shadow."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_spark.sample import features, hair
from fer_spark.sample.canvas import Canvas
from fer_spark.sample.features import EYE_Y, MOUTH_Y, NOSE_Y, Pose
from fer_spark.sample.people import Actions, Person

_FULL_SHADING_PX = 128  # soft light on a larger canvas is computed at half its size


@dataclass(frozen=True)
class Light:
    """Where the light comes from (-1 left or top, 1 right or bottom) and how hard the shadows are (0 to 1.3)."""

    across: float = 0.0
    down: float = -0.5
    hardness: float = 1.0


@dataclass(frozen=True)
class Look:
    """Everything a head's drawing depends on."""

    person: Person
    actions: Actions = field(default_factory=Actions)
    pose: Pose = field(default_factory=Pose)
    light: Light = field(default_factory=Light)


def draw_head(look: Look, side_px: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(side_px, side_px, 4) uint8, RGB premultiplied by alpha; the neck runs out at the lower edge."""
    person, actions, pose = look.person, look.actions, look.pose
    canvas = Canvas(np.zeros((side_px, side_px, 4), np.uint8))
    hair.draw_back(canvas, person, actions)
    canvas.polygon(features.face_outline(person, actions), person.skin)
    hair.draw_beard(canvas, person, actions)
    features.draw_mouth(canvas, person, actions, pose)
    features.draw_nose(canvas, person, actions, pose)
    features.draw_eyes(canvas, person, actions, pose)
    hair.draw_hair(canvas, person, actions, rng)
    features.draw_brows(canvas, person, actions, pose)
    hair.draw_glasses(canvas, person, pose)
    sigma = 0.0042 * side_px
    soft = cv2.GaussianBlur(canvas.image, (0, 0), sigma) if sigma > 0.5 else canvas.image
    factor = _shading(look, side_px if side_px <= _FULL_SHADING_PX else side_px // 2)
    factor = np.asarray(cv2.resize(factor, (side_px, side_px), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    factors = cv2.merge([factor, factor, factor, np.ones_like(factor)])
    return np.asarray(cv2.multiply(soft, factors, dtype=cv2.CV_8U), dtype=np.uint8)


@lru_cache(maxsize=8)
def _pixel_centres(side_px: int) -> NDArray[np.float32]:
    return np.asarray((np.arange(side_px) + 0.5) / side_px, dtype=np.float32)


def _shading(look: Look, side_px: int) -> NDArray[np.float32]:
    """(side_px, side_px) float32 factors around 1: a sum of axis-aligned Gaussians, and a head that is round."""
    blobs = _blobs(look)
    centres = _pixel_centres(side_px)
    x, y, sigma_x, sigma_y, gain = (blobs[:, i : i + 1] for i in range(5))
    across = np.exp(-0.5 * ((centres - x) / sigma_x) ** 2)
    down = gain * np.exp(-0.5 * ((centres - y) / sigma_y) ** 2)
    head_x = (centres - 0.5) / look.person.face_width
    head_y = (centres - 0.46) / 0.36
    light = look.light
    row = 1.02 + 0.20 * light.across * head_x - 0.20 * np.minimum(head_x**4, 3)
    column = 0.12 * light.down * head_y - 0.08 * np.minimum(head_y**4, 3)
    # einsum, as BLAS threads of several processes on one machine stall one another for milliseconds per product
    total = np.einsum("ky,kx->yx", down, across) + row[None, :] + column[:, None]
    return np.asarray(np.clip(total, 0.08, 1.9), dtype=np.float32)


def _blobs(look: Look) -> NDArray[np.float32]:
    """(K, 5) float32: centre x, y, standard deviations x, y, gain; a negative gain is a shadow."""
    person, light = look.person, look.light
    skin_light = sum(person.skin) / 765
    shine = 1 + 1.6 * (1 - skin_light)
    rows = _centre_blobs(look, shine)
    for side in (-1.0, 1.0):
        lit = 1 + 0.35 * side * light.across
        for x, y, sigma_x, sigma_y, gain in _side_blobs(look, side):
            rows.append((x, y, sigma_x, sigma_y, gain * lit * shine if gain > 0 else gain * (2 - lit)))
    blobs = np.array(rows, dtype=np.float32)
    blobs[:, 4] *= light.hardness
    return blobs


def _centre_blobs(look: Look, shine: float) -> list[tuple[float, ...]]:
    person, actions, pose, light = look.person, look.actions, look.pose, look.light
    middle, nose_x = 0.5 + pose.yaw, 0.5 + 1.3 * pose.yaw
    chin = features.chin_y(person, actions)
    eyes, nose, mouth = EYE_Y + pose.pitch, NOSE_Y + pose.pitch, MOUTH_Y + pose.pitch
    lip_low = mouth + 0.034 + 0.058 * actions.jaw_drop + 0.013 * actions.lips_part
    raised = 0.5 * (actions.inner_brow + actions.outer_brow)
    wrinkled = 0.25 + person.age
    nose_shadow = nose_x - 0.02 * light.across
    rows: list[tuple[float, ...]] = [
        (0.5 + 0.06 * light.across, 0.31, 0.10, 0.05, 0.12 * shine),  # forehead
        (nose_x, eyes + 0.06, 0.011, 0.055, 0.17 * shine),  # nose bridge
        (nose_x, nose - 0.024, 0.017, 0.014, 0.18 * shine),  # nose tip
        (nose_shadow, nose + 0.010, 0.036, 0.011, -0.30),  # under the nose
        (middle, 0.635, 0.008, 0.013, -0.07),  # philtrum
        (middle, lip_low, 0.038, 0.011, -0.24),  # under the lower lip
        (middle, chin - 0.042, 0.034, 0.020, 0.10 * shine),  # chin
        (0.5, chin + 0.035, 0.150, 0.030, -0.42),  # the chin's shadow on the neck
        (middle, chin - 0.050, 0.026, 0.010, -0.18 * actions.chin_raise),
        (middle, eyes - 0.012, 0.022, 0.006, -0.30 * actions.nose_wrinkle),
        (middle, eyes + 0.012, 0.020, 0.006, -0.26 * actions.nose_wrinkle),
    ]
    rows += [(0.5, y, 0.085, 0.0045, -0.18 * raised * wrinkled) for y in (0.292, 0.322, 0.352)]
    return rows


def _side_blobs(look: Look, side: float) -> list[tuple[float, ...]]:
    person, actions, pose = look.person, look.actions, look.pose
    middle = 0.5 + pose.yaw
    eye_x, eyes = middle + side * person.eye_distance, EYE_Y + pose.pitch
    brow = features.brow_y(person, actions)[0] + pose.pitch
    nose_x, nose = 0.5 + 1.3 * pose.yaw, NOSE_Y + pose.pitch
    lifted = actions.smile - 0.5 * actions.corner_down
    corner_x = middle + side * (person.mouth_width * (1 + 0.28 * actions.smile) + 0.016)
    corner_y = MOUTH_Y + pose.pitch - 0.026 * lifted
    fold = 0.05 + 0.08 * person.age + 0.14 * actions.smile + 0.14 * actions.upper_lip + 0.10 * actions.nose_wrinkle
    start_x = nose_x + side * 0.046
    rows: list[tuple[float, ...]] = [
        (eye_x, eyes - 0.012, 0.050, 0.030, -0.26),  # eye socket
        (middle + side * 0.040, eyes - 0.002, 0.016, 0.026, -0.24),  # its inner corner
        (nose_x + side * 0.030, 0.545, 0.013, 0.040, -0.12),  # side of the nose
        (nose_x + side * 0.036, nose - 0.010, 0.010, 0.013, -0.12),  # wing
        (middle + side * 0.112, 0.555, 0.046, 0.034, 0.12),  # cheek bone
        (0.5 + side * 0.165, 0.660, 0.035, 0.060, -0.12),  # hollow of the cheek
        (0.5 + side * 0.200, 0.400, 0.028, 0.070, -0.12),  # temple
        (middle + side * 0.105, 0.530, 0.036, 0.018, 0.16 * actions.cheek),
        (eye_x, eyes + 0.034, 0.032, 0.006, -0.08 - 0.10 * person.age - 0.14 * actions.cheek - 0.1 * actions.lid_tight),
        (eye_x + side * 0.062, eyes + 0.004, 0.012, 0.008, -0.18 * actions.cheek),
        (middle + side * 0.013, brow, 0.005, 0.020, -0.34 * actions.brow_lower),
        (eye_x - side * 0.01, eyes - 0.026, 0.040, 0.010, -0.16 * actions.brow_lower),
        (corner_x + side * 0.004, corner_y, 0.008, 0.010, -0.16 - 0.12 * max(0.0, lifted)),
        (corner_x, corner_y + 0.022, 0.010, 0.014, -0.20 * actions.corner_down),
    ]
    for step in (0.1, 0.35, 0.6, 0.85):
        x = start_x + (corner_x + side * 0.012 - start_x) * step
        rows.append((x, nose - 0.010 + (corner_y - nose + 0.008) * step**1.2, 0.008, 0.014, -fold))
    return rows
