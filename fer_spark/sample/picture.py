"""One labelled picture, as a pure function of a seed and an index."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fer_spark.sample.drawing import Box, Drawing, DrawnFace, DrawnPicture
from fer_spark.sample.features import Pose
from fer_spark.sample.head import Light, Look, draw_head
from fer_spark.sample.people import EXPRESSIONS, Person, draw_actions, draw_affect, draw_person
from fer_spark.sample.scene import Image, develop, draw_background, draw_body, paste_head, place_head

PICTURES_PER_PERSON = 6
_PEOPLE_AT_ONCE = 5
_CANVAS_SIDES_PX = (80, 112, 160, 224, 320, 448)
_MIN_FACE_PX = 44.0
_MIN_SIDE_PX, _TYPICAL_SIDE_PX, _MAX_SIDE_PX = 96, 200, 700
_PASSER_BY = 1_000_000_000  # people who are only ever second in a picture, so that they join no two groups


@dataclass(frozen=True)
class _Cast:
    """Who comes into a picture and how."""

    number: int
    label: str
    seed: int
    drawing: Drawing


def label_at(seed: int, index: int) -> str:
    """Label of picture `index`: every run of seven indices holds each expression once, in random order."""
    block, position = divmod(index, len(EXPRESSIONS))
    return EXPRESSIONS[np.random.default_rng([seed, 3, block]).permutation(len(EXPRESSIONS))[position]]


def person_at(index: int) -> int:
    """Number of the person in picture `index`: six pictures each, five people taking turns."""
    return index // (_PEOPLE_AT_ONCE * PICTURES_PER_PERSON) * _PEOPLE_AT_ONCE + index % _PEOPLE_AT_ONCE


def draw_face(seed: int, index: int, drawing: Drawing | None = None, label: str | None = None) -> DrawnPicture:
    """Picture `index` (0 or more) of a seed: the same bytes whatever was drawn before, in whichever process.

    `label` asks for an expression; otherwise `label_at` chooses. Raises ValueError on an unknown label or a size
    outside 32 to 1000 px.
    """
    drawing = drawing or Drawing()
    if label is not None and label not in EXPRESSIONS:
        raise ValueError(f"label: expected one of {', '.join(EXPRESSIONS)}, got {label!r}")
    if drawing.size_px is not None and not 32 <= drawing.size_px <= 1000:
        raise ValueError(f"size_px: expected 32 to 1000, got {drawing.size_px}")
    rng = np.random.default_rng([seed, 2, index])
    number = person_at(index)
    two = rng.random() < drawing.two_faces_fraction
    height, width = _draw_size(drawing, two, rng)
    image = draw_background(rng, height, width)
    least, most = drawing.face_fraction
    height_px = max(_MIN_FACE_PX, float(np.exp(rng.uniform(np.log(least), np.log(most)))) * min(height, width))
    cast = _Cast(number, label or label_at(seed, index), seed, drawing)
    if two:
        share = float(rng.uniform(0.56, 0.60))
        near, far = Box(0, 0, share * width, height), Box(share * width, 0, (1 - share) * width, height)
        other = _Cast(_PASSER_BY + number, EXPRESSIONS[rng.integers(len(EXPRESSIONS))], seed, drawing)
        behind = _add_head(image, other, far, 0.7 * height_px, rng)
        faces: tuple[DrawnFace, ...] = (_add_head(image, cast, near, height_px, rng), behind)
    else:
        faces = (_add_head(image, cast, Box(0, 0, width, height), height_px, rng),)
    gray = drawing.gray if drawing.gray is not None else bool(rng.random() < (0.9 if width == 48 else 0.25))
    image = develop(image, faces[0].box.height, gray, rng)
    rated = rng.random() < 0.5
    valence, arousal = draw_affect(faces[0].label, faces[0].intensity, rng) if rated else (None, None)
    return DrawnPicture(image, gray, faces, valence, arousal)


def _draw_size(drawing: Drawing, two: bool, rng: np.random.Generator) -> tuple[int, int]:
    """Height and width in px: 48 x 48 now and then, else 96 to 700 with a median near 200; wide for two faces."""
    if drawing.size_px is not None:
        return drawing.size_px, drawing.size_px
    if two:
        height = int(rng.uniform(120, 320))
        return height, int(height * rng.uniform(1.35, 1.8))
    if rng.random() < 0.15:
        return 48, 48
    side = _TYPICAL_SIDE_PX * float(np.exp(rng.normal(0, 0.42)))
    return _within_limits(side), _within_limits(side * float(rng.uniform(0.75, 1.34)))


def _within_limits(side_px: float) -> int:
    """Sides beyond a limit are mirrored at it, so that they do not pile up there."""
    mirrored = max(side_px, 2 * _MIN_SIDE_PX - side_px)
    return int(max(_MIN_SIDE_PX, min(mirrored, 2 * _MAX_SIDE_PX - mirrored)))


def _add_head(image: Image, cast: _Cast, area: Box, height_px: float, rng: np.random.Generator) -> DrawnFace:
    person = _person(cast.seed, cast.number)
    intensity = float(rng.uniform(*cast.drawing.intensity))
    pose = Pose(float(rng.normal(0, 0.009)), float(rng.normal(0, 0.005)), tuple(rng.normal(0, (0.005, 0.002)).tolist()))
    light = Light(float(rng.uniform(-1, 1)), float(rng.uniform(-1, 0.2)), float(rng.uniform(0.75, 1.2)))
    look = Look(person, draw_actions(cast.label, intensity, rng), pose, light)
    tilt_deg = float(np.clip(rng.normal(0, 0.4), -1, 1)) * cast.drawing.max_tilt_deg
    place, box = place_head(look, tilt_deg, area, height_px, rng)
    side_px = next((side for side in _CANVAS_SIDES_PX if side >= 0.95 * place.side_px), _CANVAS_SIDES_PX[-1])
    head = draw_head(look, side_px, rng)
    draw_body(image, place, rng)
    paste_head(image, head, place)
    return DrawnFace(f"p{cast.number:06d}", cast.label, intensity, box, place.eyes(look), tilt_deg, look.actions)


@lru_cache(maxsize=64)
def _person(seed: int, number: int) -> Person:
    return draw_person(np.random.default_rng([seed, 1, number]))
