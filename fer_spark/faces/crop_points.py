"""Where a face's five points lie in its prepared picture: from the shards' columns, through the crop that was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_spark.faces.geometry import CropSquare, FaceBox

COLUMNS = ("landmarks", "box_left", "box_top", "box_width", "box_height", "angle_deg")
_OF_68 = (slice(36, 42), slice(42, 48), slice(30, 31), slice(48, 49), slice(54, 55))
"""Eyes, nose tip and mouth corners among iBUG's 68 points."""


@dataclass(frozen=True)
class CropPoints:
    """A row of the shards → (5, 2) px of its prepared picture; None where it has no box, or neither 5 nor 68 points."""

    margin_frac: float
    size_px: int

    def __call__(self, row: Mapping[str, Any]) -> npt.NDArray[np.float64] | None:
        flat = row["landmarks"]
        if flat is None or len(flat) not in (10, 136) or row["box_width"] is None:
            return None
        points = np.asarray(flat, dtype=np.float64).reshape(-1, 2)
        if len(points) == 68:
            points = np.stack([points[part].mean(axis=0) for part in _OF_68])
        box = FaceBox(row["box_left"], row["box_top"], row["box_width"], row["box_height"])
        square = CropSquare.around(box, self.margin_frac, row["angle_deg"] or 0.0)
        matrix = square.matrix(self.size_px)  # OpenCV's convention: a pixel lies at its number, not half beyond it
        found = (points - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5
        return found if np.isfinite(found).all() else None
