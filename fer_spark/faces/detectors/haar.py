"""OpenCV's Haar cascade: needs no model file, finds fewer faces than YuNet and takes longer.

Where every face counts, a picture that the one bounded look would show too small is looked at in tiles too.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fer_spark.faces.detect import DetectorKind
from fer_spark.faces.errors import NoFaceFoundError
from fer_spark.faces.geometry import Detection, FaceBox, Letterbox, Picture, Pixels, as_pixels
from fer_spark.faces.model_file import ModelFileError
from fer_spark.faces.search.tiles import TILE_PX, Boxes, Tile, detailed, distinct, search
from fer_spark.faces.shrink import fitted

_CASCADE = "haarcascade_frontalface_default.xml"
_SIZE_PX = 200
_PAD_FRAC = 0.15
_STEP, _NEIGHBOURS, _LEAST_PX = 1.1, 4, 24
_SURE_FACE_PX = 26.0
"""A little more than the least that the cascade can find, as its steps in size are coarse."""


def cascade_path() -> str:
    """The frontal face cascade that OpenCV 4 ships. Raises ModelFileError where it is missing (OpenCV 5)."""
    folder = getattr(getattr(cv2, "data", None), "haarcascades", "")
    path = Path(folder) / _CASCADE
    if not folder or not path.is_file():
        raise ModelFileError(f"OpenCV {cv2.__version__} ships no {_CASCADE}: use --detector yunet, or OpenCV 4")
    return str(path)


class HaarDetector:
    """Frontal faces by cv2.CascadeClassifier on a gray letterbox of bounded size; no landmarks, no score."""

    name, needs_colour, looks_at_px = "haar", False, _SIZE_PX

    def __init__(self, every_face: bool = False, least_px: float = 24) -> None:
        """`least_px`: with every_face, the shorter side of the smallest faces to look for, px of the full-size picture.

        Raises ModelFileError as cascade_path does.
        """
        self._cascade = cv2.CascadeClassifier(cascade_path())
        self._every_face, self._finest = every_face, min(1.0, _SURE_FACE_PX / max(least_px, 1))

    def detect(self, picture: Picture, annotated: Detection | None) -> list[Detection]:
        """Faces in px of the full-size picture, largest first. Raises NoFaceFoundError."""
        boxes = self._look(picture.pixels)
        boxes[:, :4] /= picture.scale
        sizes = f"{_SIZE_PX} px"
        if self._every_face and max(picture.width, picture.height) * self._finest > _SIZE_PX:
            boxes = np.concatenate([boxes, self._look_at_tiles(detailed(picture, self._finest))])
            boxes = boxes[distinct(list(boxes), boxes[:, 4].tolist())]
            sizes += f" and in tiles of {TILE_PX}"
        if len(boxes) == 0:
            raise NoFaceFoundError(f"Haar cascade: no frontal face of {_LEAST_PX} px at {sizes}")
        faces = [Detection(FaceBox(*map(float, box[:4]))) for box in boxes]
        return sorted(faces, key=lambda face: (-face.box.area, face.box.left, face.box.top))

    def _look(self, pixels: Pixels) -> Boxes:
        """(K, 5) boxes in px of `pixels` with how many candidates agreed on each: at the whole, on a bounded canvas."""
        box = Letterbox.fit(pixels.shape[1], pixels.shape[0], _SIZE_PX, _PAD_FRAC)
        small = fitted(_gray(pixels), box)
        right, bottom = _SIZE_PX - box.pad_left - box.fit_width, _SIZE_PX - box.pad_top - box.fit_height
        canvas = cv2.copyMakeBorder(small, box.pad_top, bottom, box.pad_left, right, cv2.BORDER_REPLICATE)
        found = self._cascaded(as_pixels(canvas), _SIZE_PX)
        found[:, 0] -= box.pad_left
        found[:, 1] -= box.pad_top
        found[:, 0:4:2] /= box.scale_x
        found[:, 1:4:2] /= box.scale_y
        return found

    def _look_at_tiles(self, picture: Picture) -> Boxes:
        """As `_look`, in px of the full-size picture, of the whole faces in each tile."""

        def look(tile: Tile) -> Boxes:
            box = Letterbox.fit(tile.width, tile.height, tile.input_px)
            boxes = self._cascaded(fitted(_gray(tile.cut(picture.pixels)), box), TILE_PX)
            boxes[:, 0:4:2] /= box.scale_x
            boxes[:, 1:4:2] /= box.scale_y
            boxes[:, :2] += tile.left, tile.top
            return boxes

        found, _ = search(picture, self._finest, _SIZE_PX, look)
        boxes = np.array(found).reshape(-1, 5)
        boxes[:, :4] /= picture.scale
        return boxes

    def _cascaded(self, gray: Pixels, most_px: int) -> Boxes:
        least, most = (_LEAST_PX, _LEAST_PX), (most_px, most_px)
        found, counts = self._cascade.detectMultiScale2(gray, _STEP, _NEIGHBOURS, minSize=least, maxSize=most)
        boxes = np.array(found, np.float64).reshape(-1, 4)
        return np.column_stack([boxes, np.array(counts, np.float64).reshape(-1)])


def _gray(pixels: Pixels) -> Pixels:
    return pixels if pixels.ndim == 2 else as_pixels(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))


DETECTOR = DetectorKind(
    lambda spec: HaarDetector(spec.every_face, spec.least_px),
    version=cv2.__version__,
    auto_place=2,
    regret="YuNet's model is not found; Haar cascades miss one face in six: `fer-spark fetch-detector`",
)
