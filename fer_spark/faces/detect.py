"""Which detector finds the faces: chosen on the driver, carried to the workers as a small value, loaded there."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2

from fer_spark.faces.errors import NoFaceFoundError
from fer_spark.faces.geometry import Detection, FaceBox, Picture
from fer_spark.faces.haar import HaarDetector, cascade_path
from fer_spark.faces.model_file import ModelFileError, find_model, read_model
from fer_spark.faces.settings import FaceSettings
from fer_spark.faces.yunet import YunetDetector

_log = logging.getLogger(__name__)


class Detector(Protocol):
    """Finds the faces of one upright picture.

    `name` goes into FACE.detector. `needs_colour`: colour pictures must be offered as RGB. `looks_at_px`: longer side
    from which on more detail finds no more; 0 when the pixels are not looked at.
    """

    name: str
    needs_colour: bool
    looks_at_px: int

    def detect(self, picture: Picture, annotated: Detection | None) -> list[Detection]:
        """Faces, largest first, in px of the full-size picture, as is the row's own `annotated`.

        Raises NoFaceFoundError.
        """


@dataclass(frozen=True)
class DetectorSpec:
    """What a worker needs to load the detector: picklable, the model's bytes included.

    `least_px`: with every_face, the shorter side of the smallest faces to look for, px of the full-size picture.
    """

    name: str
    score: float = 0.6
    every_face: bool = False
    model: bytes = b""
    least_px: int = 24

    @property
    def digest(self) -> str:
        """32 hex digits over everything that changes what is found; how small it may be is a setting of its own."""
        head = f"{self.name}|{self.score}|{self.every_face}|{cv2.__version__ if self.name == 'haar' else ''}|"
        return hashlib.sha256(head.encode() + self.model).hexdigest()[:32]


class WholePicture:
    """The picture is the face."""

    name, needs_colour, looks_at_px = "none", False, 0

    def detect(self, picture: Picture, annotated: Detection | None) -> list[Detection]:
        return [Detection(FaceBox(0, 0, picture.width, picture.height))]


class AnnotatedBox:
    """The face is where the row says."""

    name, needs_colour, looks_at_px = "source", False, 0

    def detect(self, picture: Picture, annotated: Detection | None) -> list[Detection]:
        if annotated is None:
            raise NoFaceFoundError("the row gives no face box; use --detector yunet or haar")
        if annotated.box.iou(FaceBox(0, 0, picture.width, picture.height)) <= 0:
            raise NoFaceFoundError(f"the row's face box lies outside its picture: {annotated.box}")
        return [annotated]


def load_detector(spec: DetectorSpec) -> Detector:
    """Load what a spec describes. Raises ValueError for an unknown name, ModelFileError for a model that is none."""
    if spec.name == "yunet":
        return YunetDetector(spec.model, spec.score, spec.every_face, spec.least_px)
    if spec.name == "haar":
        return HaarDetector(spec.every_face, spec.least_px)
    if spec.name == "source":
        return AnnotatedBox()
    if spec.name == "none":
        return WholePicture()
    raise ValueError(f"detector: expected yunet, haar, source or none, got {spec.name!r}")


def resolve_detector(settings: FaceSettings, source_detector: str | None = None) -> DetectorSpec:
    """Choose the detector on the driver, and read its model.

    `source_detector` is what the source's pictures call for under `auto`: "source" (rows carry boxes), "none" (pictures
    are faces already), or None (photographs: YuNet where its model is found, else Haar, with a warning). Raises
    ModelFileError when YuNet is asked for and not found, or Haar and OpenCV ships no cascades.
    """
    name = settings.detector
    if name == "auto":
        name = source_detector or ("yunet" if find_model(settings.detector_model) else "haar")
        if name == "haar":
            _log.warning("YuNet's model is not found; Haar cascades miss one face in six: `fer-spark fetch-detector`")
    every_face, model = settings.faces == "all", _model(name, settings)
    spec = DetectorSpec(name, settings.detector_score, every_face, model, settings.min_face_px)
    load_detector(spec)
    return spec


def _model(name: str, settings: FaceSettings) -> bytes:
    if name == "haar":
        cascade_path()
    if name != "yunet":
        return b""
    path: Path | None = find_model(settings.detector_model)
    if path is None:
        raise ModelFileError(
            "YuNet's model file is not found: name it with --detector-model, set $FER_SPARK_MODELS to its folder, "
            "or run `fer-spark fetch-detector`"
        )
    return read_model(path)
