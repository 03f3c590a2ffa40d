"""Pictures on their side: where upright shows nothing good, the picture is looked at in its three other turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from fer_spark.faces.errors import NoFaceFoundError
from fer_spark.faces.geometry import Detection, FaceBox, Landmarks, Picture, as_pixels

GOOD_SCORE = 0.9
"""Upright faces mostly have more; of 456 pictures turned on purpose none had."""

_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, -90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180}
"""By how much a face has to be turned in its picture (as eye_angle_deg) for this to bring it upright."""


def detect_at_any_turn(detect: Callable[[Picture], list[Detection]], picture: Picture) -> list[Detection]:
    """The faces that `detect` finds upright or, where none of them is good, at the turn that shows them best.

    They are in px of `picture`'s full size, upright as it is, and each says its turn. Raises NoFaceFoundError.
    """
    best: list[Detection] = []
    reason = ""
    try:
        best = detect(picture)
    except NoFaceFoundError as nothing:
        reason = nothing.detail
    if any(_is_good(face) for face in best):
        return best
    seen = _goodness(best)
    for turn in _TURNS:
        try:
            faces = detect(_turned(picture, turn))
        except NoFaceFoundError:
            continue
        if _goodness(faces) > seen:
            best, seen = [_turned_back(face, turn, picture) for face in faces], _goodness(faces)
    if not best:
        raise NoFaceFoundError(f"{reason}; nor at another turn")
    return best


def _is_good(face: Detection) -> bool:
    return face.score is None or face.score >= GOOD_SCORE


def _goodness(faces: list[Detection]) -> float:
    """How much speaks for faces: their scores, 1 without one."""
    return sum(1.0 if face.score is None else face.score for face in faces)


def _turned(picture: Picture, turn: int) -> Picture:
    pixels = np.ascontiguousarray(as_pixels(cv2.rotate(picture.pixels, _TURNS[turn])))
    width, height = (picture.width, picture.height) if turn == 180 else (picture.height, picture.width)
    finer = picture.finer
    return Picture(
        pixels, width, height, picture.scale, None if finer is None else lambda scale: _turned(finer(scale), turn)
    )


def _turned_back(face: Detection, turn: int, picture: Picture) -> Detection:
    """A face in px of the turned picture, in px of the picture itself."""

    def back(x: float, y: float) -> tuple[float, float]:
        if turn == 180:
            return picture.width - x, picture.height - y
        return (picture.width - y, x) if turn == 90 else (y, picture.height - x)

    box = face.box
    (a, b), (c, d) = back(box.left, box.top), back(box.left + box.width, box.top + box.height)
    upright = FaceBox(min(a, c), min(b, d), abs(c - a), abs(d - b))
    points = None if face.landmarks is None else Landmarks(tuple(back(x, y) for x, y in face.landmarks.points))
    return replace(face, box=upright, landmarks=points, turn_deg=turn)
