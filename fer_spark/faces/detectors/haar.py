"""OpenCV's Haar cascade: needs no model file, finds fewer faces than YuNet and takes longer."""

from __future__ import annotations

from pathlib import Path

import cv2

from fer_spark.faces.detect import DetectorKind
from fer_spark.faces.errors import NoFaceFoundError
from fer_spark.faces.geometry import Detection, FaceBox, Letterbox, Picture, as_pixels
from fer_spark.faces.model_file import ModelFileError
from fer_spark.faces.shrink import fitted

_CASCADE = "haarcascade_frontalface_default.xml"
_SIZE_PX = 200
_PAD_FRAC = 0.15
_STEP, _NEIGHBOURS, _LEAST_PX = 1.1, 4, 24


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

    def __init__(self) -> None:
        self._cascade = cv2.CascadeClassifier(cascade_path())

    def detect(self, picture: Picture, annotated: Detection | None) -> list[Detection]:
        """Faces in px of the full-size picture, largest first. Raises NoFaceFoundError."""
        pixels = picture.pixels
        gray = pixels if pixels.ndim == 2 else as_pixels(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
        box = Letterbox.fit(pixels.shape[1], pixels.shape[0], _SIZE_PX, _PAD_FRAC)
        small = fitted(gray, box)
        right, bottom = _SIZE_PX - box.pad_left - box.fit_width, _SIZE_PX - box.pad_top - box.fit_height
        canvas = cv2.copyMakeBorder(small, box.pad_top, bottom, box.pad_left, right, cv2.BORDER_REPLICATE)
        found = self._cascade.detectMultiScale(canvas, _STEP, _NEIGHBOURS, minSize=(_LEAST_PX, _LEAST_PX))
        if len(found) == 0:
            raise NoFaceFoundError(f"Haar cascade: no frontal face of {_LEAST_PX} px at {_SIZE_PX} px")
        faces = []
        for left, top, width, height in found:
            x, y = box.to_picture(left, top)
            face = Detection(FaceBox(x, y, width / box.scale_x, height / box.scale_y))
            faces.append(face.scaled(1 / picture.scale, 1 / picture.scale))
        return sorted(faces, key=lambda face: (-face.box.area, face.box.left, face.box.top))


DETECTOR = DetectorKind(
    lambda spec: HaarDetector(),
    version=cv2.__version__,
    auto_place=2,
    regret="YuNet's model is not found; Haar cascades miss one face in six: `fer-spark fetch-detector`",
)
