"""Which detector finds the faces: chosen on the driver, carried to the workers as a small value, loaded there."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fer_spark import members
from fer_spark.faces import detectors
from fer_spark.faces.geometry import Detection, Picture
from fer_spark.faces.model_file import ModelFileError
from fer_spark.faces.settings import AUTO, FaceSettings

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
class ModelFile:
    """A file without which a detector finds nothing.

    find     where it is: at the path that --detector-model gives, else where it usually lies; None: nowhere. Raises
             ModelFileError for a path that names nothing
    read     its bytes, checked. Raises ModelFileError
    missing  what to do where it is nowhere
    """

    find: Callable[[str], Path | None]
    read: Callable[[Path], bytes]
    missing: str


@dataclass(frozen=True)
class DetectorKind:
    """The traits of a detector, declared by its module in fer_spark/faces/detectors/ as DETECTOR.

    load        of a worker. Raises ModelFileError for a model that is none, or for what is not installed
    model       the file that it needs; None: none
    version     of whatever else decides what it finds; goes into the digest
    auto_place  when `--detector auto` tries it on photographs: 1 first. 0: only where it is named, or where the data
                set calls for it
    regret      warning where `auto` takes it, as those before it are not there
    """

    load: Callable[[DetectorSpec], Detector]
    model: ModelFile | None = None
    version: str = ""
    auto_place: int = 0
    regret: str = ""


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
    def kind(self) -> DetectorKind:
        """Raises ValueError for an unknown name."""
        return kind_of(self.name)

    @property
    def digest(self) -> str:
        """32 hex digits over everything that changes what is found; how small it may be is a setting of its own."""
        head = f"{self.name}|{self.score}|{self.every_face}|{self.kind.version}|"
        return hashlib.sha256(head.encode() + self.model).hexdigest()[:32]


def kind_of(name: str) -> DetectorKind:
    """The traits of a detector. Raises ValueError for a name that no module in fer_spark/faces/detectors/ has."""
    known = members.names(detectors)
    if name not in known:
        raise ValueError(f"detector: expected one of {', '.join(known)}, got {name!r}")
    kind: DetectorKind = members.member(detectors, name).DETECTOR
    return kind


def load_detector(spec: DetectorSpec) -> Detector:
    """Load what a spec describes. Raises ValueError for an unknown name, ModelFileError for a model that is none."""
    return spec.kind.load(spec)


def resolve_detector(settings: FaceSettings, source_detector: str | None = None) -> DetectorSpec:
    """Choose the detector on the driver, and read its model.

    `source_detector` is what the source's pictures call for under `auto`: "source" (rows carry boxes), "none" (pictures
    are faces already), or None (photographs: YuNet where its model is found, else Haar, with a warning). Raises
    ModelFileError when YuNet is requested and not found, or Haar and OpenCV ships no cascades.
    """
    name = settings.detector
    if name == AUTO:
        name = source_detector or _first_there(settings.detector_model)
        if kind_of(name).regret:
            _log.warning(kind_of(name).regret)
    every_face, model = settings.faces == "all", _model(kind_of(name), settings)
    spec = DetectorSpec(name, settings.detector_score, every_face, model, settings.min_face_px)
    load_detector(spec)
    return spec


def _first_there(model_path: str) -> str:
    """The first of those that `auto` tries whose model file is there, or that needs none; else the last one."""
    kinds = {name: kind_of(name) for name in members.names(detectors)}
    tried = sorted((name for name, kind in kinds.items() if kind.auto_place), key=lambda name: kinds[name].auto_place)
    models = {name: kinds[name].model for name in tried}
    return next((name for name, model in models.items() if model is None or model.find(model_path)), tried[-1])


def _model(kind: DetectorKind, settings: FaceSettings) -> bytes:
    if kind.model is None:
        return b""
    path = kind.model.find(settings.detector_model)
    if path is None:
        raise ModelFileError(kind.model.missing)
    return kind.model.read(path)
