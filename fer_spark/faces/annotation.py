"""The face box and landmarks that a row brings along."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fer_spark.faces.errors import BadAnnotationError
from fer_spark.faces.geometry import Detection, FaceBox, Landmarks

_BOX = ("box_left", "box_top", "box_width", "box_height")


def annotated_face(row: Mapping[str, Any]) -> Detection | None:
    """The row's face in px of the upright full-size picture, or None. Raises BadAnnotationError."""
    numbers = [row[name] for name in _BOX]
    if all(number is None for number in numbers):
        return None
    if any(number is None or not math.isfinite(number) for number in numbers):
        raise BadAnnotationError(f"face box {numbers}: expected four numbers (left, top, width, height)")
    box = FaceBox(*map(float, numbers))
    if box.width <= 0 or box.height <= 0:
        raise BadAnnotationError(f"face box {box}: width and height must be above 0")
    flat = row["landmarks"]
    if not flat:
        return Detection(box)
    if len(flat) % 2 or not all(math.isfinite(number) for number in flat):
        raise BadAnnotationError(f"{len(flat)} landmark numbers: expected x, y pairs of finite numbers")
    return Detection(box, Landmarks.from_flat(flat))
