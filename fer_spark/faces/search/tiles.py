"""Where a detector looks for every face of a picture too large for one look: levels of tiles, and what they agree on.

A level shows the picture at one scale. Its tiles overlap by more than the largest face that is left to it, so each such
face lies whole in at least one of them; larger ones are found on a coarser level, and last on the whole picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_spark.faces.geometry import Detection, Picture, Pixels

TILE_PX = 640
"""Side of the square input that shows a tile; a level that is smaller as a whole is one smaller tile."""

OVERLAP_PX = 128
_EDGE_PX = 4
"""A box that comes so near to where a tile cuts the picture may be half a face: px of the input."""

LARGEST_PX = OVERLAP_PX - 2 * _EDGE_PX
"""A face of at most this side, in px of the input, lies whole in some tile."""

_STEP = 4.0
"""From one level's scale to the next: a face of LARGEST_PX has 30 px on the next, which any detector finds."""

_SAME_IOU, _SAME_PART = 0.3, 0.6
"""Two boxes are one face when they share this much of their union, or of the smaller one: half a face, or a feature."""

Boxes = npt.NDArray[np.float64]
"""(K, 4 or more) rows that begin with left, top, width, height, px."""


@dataclass(frozen=True)
class Tile:
    """A rectangle of a picture of (height, width) px whose longer side is shown on `input_px`."""

    left: int
    top: int
    width: int
    height: int
    picture_width: int
    picture_height: int
    input_px: int = TILE_PX

    def cut(self, pixels: Pixels) -> Pixels:
        return pixels[self.top : self.top + self.height, self.left : self.left + self.width]

    def whole(self, boxes: Boxes) -> npt.NDArray[np.bool_]:
        """(K,) which boxes, in px of the picture, do not reach an edge where the tile cuts the picture."""
        edge = _EDGE_PX * max(self.width, self.height) / self.input_px
        right, bottom = self.left + self.width, self.top + self.height
        return (
            ((self.left == 0) | (boxes[:, 0] >= self.left + edge))
            & ((self.top == 0) | (boxes[:, 1] >= self.top + edge))
            & ((right == self.picture_width) | (boxes[:, 0] + boxes[:, 2] <= right - edge))
            & ((bottom == self.picture_height) | (boxes[:, 1] + boxes[:, 3] <= bottom - edge))
        )


def detailed(picture: Picture, finest: float) -> Picture:
    """The picture with `finest` px per px of its full size, or all that it has."""
    return picture if picture.finer is None or picture.scale >= finest else picture.finer(finest)


def search(picture: Picture, finest: float, whole_px: int, look: Callable[[Tile], Boxes]) -> tuple[list[Boxes], int]:
    """The whole faces that `look` shows in the tiles of all `levels`, each maybe several times; and how many tiles.

    `look` gives a tile's (K, 4 or more) boxes in px of `picture.pixels`.
    """
    found: list[Boxes] = []
    shown = [tile for level in levels(picture, finest, whole_px) for tile in level]
    for tile in shown:
        boxes = look(tile)
        found.extend(boxes[tile.whole(boxes)])
    return found, len(shown)


def levels(picture: Picture, finest: float, whole_px: int) -> Iterator[list[Tile]]:
    """Tiles of each level, in px of `picture.pixels`, from `finest` px per px of the full size on, ever coarser.

    The whole picture on `whole_px` is looked at anyway: what that shows as well as a level would is left out.
    """
    height, width = picture.pixels.shape[:2]
    scale = min(finest / picture.scale, 1.0)
    while max(height, width) * scale > whole_px:
        yield tiles(width, height, scale)
        scale /= _STEP


def tiles(width: int, height: int, scale: float) -> list[Tile]:
    """The tiles of a picture that is shown at `scale` px of the input per px."""
    side, overlap = math.ceil(TILE_PX / scale), math.ceil(OVERLAP_PX / scale)
    input_px = min(TILE_PX, max(1, round(max(width, height) * scale)))
    return [
        Tile(left, top, min(side, width), min(side, height), width, height, input_px)
        for top in _starts(height, side, overlap)
        for left in _starts(width, side, overlap)
    ]


def _starts(length: int, side: int, overlap: int) -> list[int]:
    """Evenly spread, so that the last tile ends where the picture does."""
    if length <= side:
        return [0]
    count = math.ceil((length - overlap) / (side - overlap))
    return [round(index * (length - side) / (count - 1)) for index in range(count)]


def distinct(boxes: Sequence[Boxes], scores: Sequence[float]) -> list[int]:
    """Which of the boxes to keep so that no face is there twice, best score first: their places."""
    rows = np.array([box[:4] for box in boxes], np.float64).reshape(-1, 4)
    kept: list[int] = []
    for place in sorted(range(len(rows)), key=lambda index: -scores[index]):
        if not same_face(rows[place], rows[kept]).any():
            kept.append(place)
    return kept


def distinct_faces(faces: Sequence[Detection]) -> list[Detection]:
    """`distinct` of detections, in their order; one without a score counts as less than any with one."""
    boxes = [np.array([face.box.left, face.box.top, face.box.width, face.box.height]) for face in faces]
    return [faces[place] for place in sorted(distinct(boxes, [face.score or 0.0 for face in faces]))]


def same_face(box: Boxes, others: Boxes) -> npt.NDArray[np.bool_]:
    """(K,) whether a box (left, top, width, height) is the same face as each of the others (K, 4), or a part of it."""
    wide = np.minimum(box[0] + box[2], others[:, 0] + others[:, 2]) - np.maximum(box[0], others[:, 0])
    high = np.minimum(box[1] + box[3], others[:, 1] + others[:, 3]) - np.maximum(box[1], others[:, 1])
    shared = np.clip(wide, 0, None) * np.clip(high, 0, None)
    own, areas = box[2] * box[3], others[:, 2] * others[:, 3]
    part = shared > _SAME_PART * np.minimum(own, areas)
    return np.asarray(part | (shared > _SAME_IOU * (own + areas - shared)))
