"""Where the eyes are found: ours (small first) and one YuNet pass at 320 px, against each other and the truth."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import cv2
import numpy as np

from fer_spark.faces.detect import DetectorSpec, resolve_detector
from fer_spark.faces.prepare import FacePreparer
from fer_spark.faces.settings import FaceSettings
from fer_spark.rows import RAW_IMAGE
from fer_spark.sample import Drawing, draw_face, encode
from tests.benchmarks.loops import face_320

Eyes = np.ndarray | None
"""(4,) x, y of the eye that is left in the picture, then of the other; None where no face was found."""


def run(images: int) -> None:
    """Print faces found and eye errors, as fractions of the eye distance, on drawn and on real pictures."""
    data = os.environ.get("FER_SPARK_DATA", "")
    model = str(Path(data).parent / "models" / "face_detection_yunet.onnx") if data else ""
    detector = resolve_detector(FaceSettings(detector="yunet", detector_model=model))
    drawn = [draw_face(9, i, Drawing(size_px=200 + i % 150, two_faces_fraction=0.0)) for i in range(images)]
    truth = [np.array(picture.eyes, float).reshape(4) for picture in drawn]
    ours, one_pass = _both([encode(picture, ".png") for picture in drawn], detector)
    _say(f"{images} drawn pictures, against the drawn eyes: ours", ours, truth)
    _say(f"{images} drawn pictures, against the drawn eyes: 320 px", one_pass, truth)
    if not data:
        return
    with tarfile.open(Path(data) / "facial_expressions.tar") as archive:
        names = [member for member in archive if member.name.endswith(".jpg")]
        step = max(len(names) // images, 1)
        contents = [archive.extractfile(member).read() for member in names[::step]]  # type: ignore[union-attr]
    ours, one_pass = _both(contents, detector)
    _say(f"{len(contents)} real pictures: ours against 320 px", ours, one_pass)
    shifted = [_shifted(content) for content in contents]
    moved = [None if eyes is None else eyes + 4 for eyes in _both(shifted, detector)[1]]
    _say(f"{len(contents)} real pictures: 320 px against itself, picture cut by 4 px", moved, one_pass)


def _both(contents: list[bytes], detector: DetectorSpec) -> tuple[list[Eyes], list[Eyes]]:
    preparer = FacePreparer(FaceSettings(), detector)
    model = np.frombuffer(detector.model, np.uint8)
    network = cv2.FaceDetectorYN.create("onnx", model, np.zeros(0, np.uint8), (320, 320), 0.6)
    blank = dict.fromkeys(RAW_IMAGE.names)
    ours: list[Eyes] = []
    one_pass: list[Eyes] = []
    for content in contents:
        row = preparer.prepare(blank | {"source_path": "x", "content": content, "encoding": "file"})[0]
        ours.append(None if row["reason"] else _ordered(np.array(row["landmarks"][:4], float)))
        _, found = face_320(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR), network)
        one_pass.append(None if found is None else _ordered(found[4:8].astype(float)))
    return ours, one_pass


def _ordered(eyes: np.ndarray) -> np.ndarray:
    return eyes if eyes[0] <= eyes[2] else eyes[[2, 3, 0, 1]]


def _shifted(content: bytes) -> bytes:
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return cv2.imencode(".png", picture[4:, 4:])[1].tobytes()


def _say(title: str, found: list[Eyes], reference: list[Eyes]) -> None:
    errors = []
    for eyes, known in zip(found, reference, strict=True):
        if eyes is not None and known is not None:
            distance = np.hypot(*(known[2:] - known[:2]))
            errors.append((np.hypot(*(eyes[:2] - known[:2])) + np.hypot(*(eyes[2:] - known[2:]))) / 2 / distance)
    print(
        f"{title:<70} found {sum(eyes is not None for eyes in found):5d}   eye error mean {np.mean(errors):.3f} "
        f"median {np.median(errors):.3f} p95 {np.percentile(errors, 95):.3f} of the eye distance"
    )
