"""YuNet, a small network: finds more faces than Haar, several times faster; needs a model file of 230 kB.

W. Wu et al., YuNet: A Tiny Millisecond-level Face Detector, 2023; tried small first.

A face that fills its picture is found best on a small input, and a small input is cheap: a picture is looked at on 96
px first, and on a larger input only when that shows nothing, or only something small. YuNet answers for one face with
about ten candidates; the usual suppression keeps the best, whose landmarks jump by several percent of the eye distance
when the picture moves by a pixel. Here the candidates of a face are averaged, and every face kept is looked at once
more, cut out and mirrored, and the two answers are averaged again.

Where every face counts, a picture in which the whole look would show small ones too small is looked at in tiles too.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fer_spark.faces.detect import DetectorKind, ModelFile
from fer_spark.faces.errors import NoFaceFoundError
from fer_spark.faces.geometry import Detection, FaceBox, Landmarks, Letterbox, Picture, Pixels
from fer_spark.faces.model_file import ModelFileError, find_model, read_model
from fer_spark.faces.search.tiles import TILE_PX, Tile, detailed, distinct, distinct_faces, search
from fer_spark.faces.shrink import fitted

_SCALES_PX = (96, 320, 640)
_GROWS_FROM_PX = {96: 0, 320: 0, 640: 480}
"""Input size: the picture's longer side from which it shows more than the size before it."""

_CANDIDATE_SCORE = 0.3
_SAME_FACE_IOU = 0.3
_SMALL_FACE_PX = 16.0
_STEADY_FACE_PX = 48.0
_REFINE_PX, _REFINE_SIDE = 96, 1.45
_SURE_FACE_PX = 20.0
"""A face of this shorter side on the input is found as surely as a larger one; of 16 px, two in three."""

Found = npt.NDArray[np.float64]
"""(K, 15) rows: left, top, width, height, five landmarks as x, y, score. px."""


class YunetDetector:
    """One network per input size: a network whose input size changes has answered with stray boxes."""

    name, needs_colour, looks_at_px = "yunet", True, _SCALES_PX[-1]

    def __init__(self, model: bytes, score: float, every_face: bool, least_px: float = 24) -> None:
        """`least_px`: with every_face, the shorter side of the smallest faces to look for, px of the full-size picture.

        Raises ModelFileError when OpenCV cannot load the model.
        """
        self._model = np.frombuffer(model, np.uint8)
        self._score, self._every_face = score, every_face
        self._finest = min(1.0, _SURE_FACE_PX / max(least_px, 1))
        self._networks: dict[int, cv2.FaceDetectorYN] = {}
        self._network(_SCALES_PX[0])

    def detect(self, picture: Picture, annotated: Detection | None) -> list[Detection]:
        """Faces in px of the full-size picture, largest first: all, or the largest alone. Raises NoFaceFoundError."""
        faces, looked_at = self._search(picture.pixels)
        if self._every_face and max(picture.width, picture.height) * self._finest > TILE_PX:
            picture, faces, tiles = self._search_tiles(picture, faces)
            looked_at = [*looked_at, f"{tiles} tiles of {TILE_PX}"]
        if not faces:
            raise NoFaceFoundError(f"YuNet: no face of score {self._score:g}, looked at {', '.join(looked_at)} px")
        if not self._every_face:
            faces = [max(faces, key=lambda face: face[2] * face[3])]
        detections = [self._refined(picture, face) for face in faces]
        if self._every_face:
            detections = distinct_faces(detections)
        return sorted(detections, key=lambda face: (-face.box.area, face.box.left, face.box.top))

    def _search_tiles(self, picture: Picture, faces: list[Found]) -> tuple[Picture, list[Found], int]:
        """`faces` of the whole looks and what tiles show beside them, in px of the picture returned; how many tiles."""
        fine = detailed(picture, self._finest)

        def look(tile: Tile) -> Found:
            box = Letterbox.fit(tile.width, tile.height, tile.input_px)
            rows = np.array(self._look(tile.cut(fine.pixels), box, mirror=False)).reshape(-1, 15)
            rows[:, [0, *range(4, 14, 2)]] += tile.left
            rows[:, [1, *range(5, 14, 2)]] += tile.top
            return rows

        grown = fine.scale / picture.scale
        found = [np.append(face[:14] * grown, face[14]) for face in faces]
        more, tiles = search(fine, self._finest, _SCALES_PX[-1], look)
        found += more
        return fine, [found[place] for place in distinct(found, [face[14] for face in found])], tiles

    def _search(self, picture: Pixels) -> tuple[list[Found], list[str]]:
        """Grow the input until a face of fair size is seen; where every face counts, through all sizes."""
        height, width = picture.shape[:2]
        faces: list[Found] = []
        looked_at: list[str] = []
        for size in _SCALES_PX:
            if max(height, width) < _GROWS_FROM_PX[size]:
                break
            looked_at.append(str(size))
            letterbox = Letterbox.fit(width, height, size)
            for face in self._look(picture, letterbox, mirror=False):
                if all(_iou(face, np.array([known]))[0] < _SAME_FACE_IOU for known in faces):
                    faces.append(face)
            largest = max((max(face[2], face[3]) for face in faces), default=0.0) * letterbox.scale_x
            if not self._every_face and largest >= _SMALL_FACE_PX:
                break
        return faces, looked_at

    def _look(self, picture: Pixels, letterbox: Letterbox, mirror: bool) -> list[Found]:
        """Faces, each the average of its candidates, in px of `picture`."""
        canvas = _canvas(picture, letterbox)
        answer: Any = self._network(letterbox.size_px).detect(cv2.flip(canvas, 1) if mirror else canvas)
        found: Found | None = answer[1]
        if found is None:
            return []
        rows = found[np.isfinite(found).all(axis=1)].astype(np.float64)
        if mirror:
            rows = _mirrored(rows, letterbox.size_px)
        rows[:, 0:14:2] -= letterbox.pad_left
        rows[:, 1:14:2] -= letterbox.pad_top
        rows[:, 2:4] += letterbox.pad_left, letterbox.pad_top
        rows[:, 0:14:2] /= letterbox.scale_x
        rows[:, 1:14:2] /= letterbox.scale_y
        return _merged(rows, self._score)

    def _refined(self, picture: Picture, face: Found) -> Detection:
        """Look at the face alone, mirrored, and average; the first look counts where it saw enough pixels."""
        again = self._again(picture.pixels, face)
        if again is None:
            return _detection(face, picture.scale, confirmed=False)
        seen_px = max(face[2], face[3]) * _SCALES_PX[0] / max(picture.pixels.shape[:2])
        merged = (face + again) / 2 if seen_px >= _STEADY_FACE_PX else again
        merged[14] = max(face[14], again[14])
        return _detection(merged, picture.scale, confirmed=True)

    def _again(self, picture: Pixels, face: Found) -> Found | None:
        """The same face as a look at it alone, mirrored, shows it; None where that shows none."""
        side = max(face[2], face[3]) * _REFINE_SIDE
        middle_x, middle_y = face[0] + face[2] / 2, face[1] + face[3] / 2
        left, top = max(round(middle_x - side / 2), 0), max(round(middle_y - side / 2), 0)
        cut = picture[top : max(round(middle_y + side / 2), 0), left : max(round(middle_x + side / 2), 0)]
        if cut.size == 0:
            return None
        pad_frac = max(side / max(cut.shape[:2]) - 1, 0.0)
        again = self._look(cut, Letterbox.fit(cut.shape[1], cut.shape[0], _REFINE_PX, pad_frac), mirror=True)
        for other in again:
            other[0:2] += left, top
            other[4:14] += (left, top) * 5
        return next((other for other in again if _iou(face, np.array([other]))[0] >= _SAME_FACE_IOU), None)

    def _network(self, size_px: int) -> cv2.FaceDetectorYN:
        if size_px not in self._networks:
            size, score, no_config = (size_px, size_px), min(_CANDIDATE_SCORE, self._score), np.zeros(0, np.uint8)
            try:
                network = cv2.FaceDetectorYN.create("onnx", self._model, no_config, size, score, 1.0, 2000)
            except cv2.error as error:
                raise ModelFileError(f"the model is no YuNet that OpenCV {cv2.__version__} loads: {error}") from error
            self._networks[size_px] = network
        return self._networks[size_px]


def _canvas(picture: Pixels, letterbox: Letterbox) -> Pixels:
    """The picture in the middle of a black (size, size, 3) BGR square."""
    small = fitted(picture, letterbox)
    canvas = np.zeros((letterbox.size_px, letterbox.size_px, 3), np.uint8)
    inner = canvas[letterbox.pad_top :, letterbox.pad_left :][: small.shape[0], : small.shape[1]]
    inner[:] = small[..., None] if small.ndim == 2 else small[..., ::-1]
    return canvas


def _mirrored(rows: Found, size_px: int) -> Found:
    """What the rows found on a mirrored canvas are on the canvas itself: left and right change places."""
    flipped = rows.copy()
    flipped[:, 0] = size_px - rows[:, 0] - rows[:, 2]
    flipped[:, 4:14:2] = size_px - rows[:, [6, 4, 8, 12, 10]]
    flipped[:, 5:14:2] = rows[:, [7, 5, 9, 13, 11]]
    return flipped


def _merged(rows: Found, score: float) -> list[Found]:
    """Average the candidates of each face, weighted by score; a face needs one candidate of `score`."""
    faces = []
    rows = rows[np.argsort(-rows[:, 14], kind="stable")]
    while len(rows) and rows[0, 14] >= score:
        same = _iou(rows[0], rows) >= _SAME_FACE_IOU
        same[0] = True
        face = np.average(rows[same], axis=0, weights=rows[same, 14])
        face[14] = rows[0, 14]
        faces.append(face)
        rows = rows[~same]
    return faces


def _iou(row: Found, rows: Found) -> Found:
    wide = np.minimum(row[0] + row[2], rows[:, 0] + rows[:, 2]) - np.maximum(row[0], rows[:, 0])
    high = np.minimum(row[1] + row[3], rows[:, 1] + rows[:, 3]) - np.maximum(row[1], rows[:, 1])
    shared = np.clip(wide, 0, None) * np.clip(high, 0, None)
    return np.asarray(shared / np.maximum(row[2] * row[3] + rows[:, 2] * rows[:, 3] - shared, 1e-9))


def _detection(row: Found, scale: float, confirmed: bool) -> Detection:
    left, top, width, height = (float(value) / scale for value in row[:4])
    points = tuple((float(x) / scale, float(y) / scale) for x, y in row[4:14].reshape(5, 2))
    return Detection(FaceBox(left, top, width, height), Landmarks(points), min(float(row[14]), 1.0), confirmed)


DETECTOR = DetectorKind(
    lambda spec: YunetDetector(spec.model, spec.score, spec.every_face, spec.least_px),
    ModelFile(
        find_model,
        read_model,
        "YuNet's model file is not found: name it with --detector-model, set $FER_SPARK_MODELS to its folder, "
        "or run `fer-spark fetch-detector`",
    ),
    auto_place=1,
)
