"""The truth table: one row per written file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fer_spark.sample.drawing import DrawnPicture


@dataclass(frozen=True)
class TruthRow:
    """What is known about one file. Lengths in px; None where the file shows no face. `broken`: "" or its kind."""

    path: str
    label: str
    person: str
    split: str
    left: float | None = None
    top: float | None = None
    width: float | None = None
    height: float | None = None
    eye0_x: float | None = None
    eye0_y: float | None = None
    eye1_x: float | None = None
    eye1_y: float | None = None
    tilt_deg: float | None = None
    faces: int = 0
    gray: bool | None = None
    image_width: int | None = None
    image_height: int | None = None
    valence: float | None = None
    arousal: float | None = None
    broken: str = ""


def truth_of(path: str, split: str, picture: DrawnPicture, kind: str) -> TruthRow:
    """The row of one file; a broken one (`kind` is not "") keeps its label and person, and shows no face."""
    row = TruthRow(path, picture.label, picture.person_id, split, broken=kind)
    if kind:
        return row
    box, ((x0, y0), (x1, y1)) = picture.box, picture.eyes
    height, width = picture.image.shape[:2]
    lengths: dict[str, Any] = {
        "left": box.left, "top": box.top, "width": box.width, "height": box.height,
        "eye0_x": x0, "eye0_y": y0, "eye1_x": x1, "eye1_y": y1, "tilt_deg": picture.faces[0].tilt_deg,
    }  # fmt: skip
    lengths = {name: round(value, 2) for name, value in lengths.items()}
    return replace(
        row,
        **lengths,
        faces=len(picture.faces),
        gray=picture.gray,
        image_width=width,
        image_height=height,
        valence=picture.valence,
        arousal=picture.arousal,
    )
