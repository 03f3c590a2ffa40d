"""Settings of drawn pictures (`Drawing`), and a drawn picture with the truth about it (`DrawnPicture`)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fer_spark.sample.people import Actions

Eyes = tuple[tuple[float, float], tuple[float, float]]
"""(x, y) of both eye centres in px of the picture, the one further left in the picture first."""


@dataclass(frozen=True)
class Drawing:
    """What kinds of pictures are drawn."""

    size_px: int | None = field(
        default=None, metadata={"help": "side of square pictures, 32-1000 px; mixed if not given"}
    )
    gray: bool | None = field(default=None, metadata={"help": "all gray, or all colour; mixed if not given"})
    max_tilt_deg: float = field(default=25.0, metadata={"help": "largest head tilt, degrees"})
    face_fraction: tuple[float, float] = field(
        default=(0.36, 0.95), metadata={"help": "face height over the picture's shorter side, least and most"}
    )
    two_faces_fraction: float = field(default=0.05, metadata={"help": "share of pictures with a second, smaller face"})
    intensity: tuple[float, float] = field(default=(0.5, 1.0), metadata={"help": "strength of the expression, 0 to 1"})


FER2013_DRAWING = Drawing(size_px=48, gray=True, max_tilt_deg=15.0, face_fraction=(0.86, 0.97), two_faces_fraction=0.0)
"""48 x 48 gray pictures that a face fills, as in FER-2013."""


@dataclass(frozen=True)
class Box:
    """A rectangle in px of its picture; a face's goes from hairline to chin and from cheek to cheek."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class DrawnFace:
    """One face: who, which expression and how strong (0 to 1), where, and how far the head is tilted."""

    person_id: str
    label: str
    intensity: float
    box: Box
    eyes: Eyes
    tilt_deg: float
    actions: Actions


@dataclass(frozen=True)
class DrawnPicture:
    """A picture (H, W, 3) uint8 RGB with its truth; label, person, box and eyes are those of `faces[0]`, the largest.

    `gray`: the three channels are equal. `valence` and `arousal` are in [-1, 1], or None on a picture without a rating.
    """

    image: NDArray[np.uint8]
    gray: bool
    faces: tuple[DrawnFace, ...]
    valence: float | None
    arousal: float | None

    @property
    def label(self) -> str:
        return self.faces[0].label

    @property
    def person_id(self) -> str:
        return self.faces[0].person_id

    @property
    def box(self) -> Box:
        return self.faces[0].box

    @property
    def eyes(self) -> Eyes:
        return self.faces[0].eyes
