"""All the faces of 12-megapixel group photographs: recall, doubles, false ones and cost; ours and one YuNet pass."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from fer_spark.faces.detect import DetectorSpec, resolve_detector
from fer_spark.faces.geometry import FaceBox, Pixels
from fer_spark.faces.prepare import FacePreparer
from fer_spark.faces.settings import FaceSettings
from fer_spark.rows import RAW_IMAGE

_SIDES_PX = {"large": (300,), "mixed": (300, 100, 100, 100), "small": (100,), "smaller": (70,)}
"""Width of the pasted portraits, in turn; a face has 0.46 of it."""

Finder = Callable[[bytes], list[FaceBox]]


@dataclass(frozen=True)
class Group:
    content: bytes
    faces: list[FaceBox]


@dataclass(frozen=True)
class Count:
    found: int
    twice: int
    false: int


def run(rounds: int) -> None:
    """Print what each way finds of 40 faces and the CPU ms a picture, decoding included; ways take turns."""
    cv2.setNumThreads(1)
    groups = {name: group_photograph(sides) for name, sides in _SIDES_PX.items()}
    ways: dict[str, Finder] = {"ours, --faces all, Haar": _ours(FaceSettings(faces="all", detector="haar"))}
    folder = os.environ.get("FER_SPARK_DATA", "")
    model = str(Path(folder).parent / "models" / "face_detection_yunet.onnx") if folder else ""
    if model:
        ways["ours, --faces all, YuNet"] = _ours(FaceSettings(faces="all", detector="yunet", detector_model=model))
        ways["ours, largest, YuNet"] = _ours(FaceSettings(detector="yunet", detector_model=model))
        ways["one YuNet pass at full size"] = _one_pass(model, 4000, 3000)
        ways["one YuNet pass at 640 px"] = _one_pass(model, 640, 480)
    milliseconds: dict[tuple[str, str], list[float]] = {}
    counts: dict[tuple[str, str], Count] = {}
    for _ in range(rounds):
        for way, find in ways.items():
            for name, group in groups.items():
                began = time.process_time()
                boxes = find(group.content)
                milliseconds.setdefault((way, name), []).append((time.process_time() - began) * 1000)
                counts[way, name] = _count(boxes, group.faces)
    for (way, name), took in milliseconds.items():
        count = counts[way, name]
        print(
            f"{way:<28} {name:<8} {count.found:2d} of 40   twice {count.twice:2d}   false {count.false:2d}   "
            f"{min(took):6.0f} ms a picture"
        )
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def group_photograph(sides: tuple[int, ...]) -> Group:
    """40 portraits of the astronaut, in rows of eight, on 4000x3000 px of noise."""
    noise = np.random.default_rng(1).integers(-20, 20, (3000, 4000, 1))
    picture = (np.full((3000, 4000, 3), (90, 120, 90)) + noise).clip(0, 255).astype(np.uint8)
    portrait: Pixels = np.asarray(data.astronaut(), np.uint8)[0:256, 130:330]
    faces = []
    for place in range(40):
        side = sides[place % len(sides)]
        left, top = 60 + (place % 8) * 490, 60 + (place // 8) * 590
        shrunk = cv2.resize(portrait, (side, int(side * 1.28)), interpolation=cv2.INTER_AREA)
        picture[top : top + shrunk.shape[0], left : left + side] = shrunk
        faces.append(FaceBox(left + 0.26 * side, top + 0.28 * side, 0.46 * side, 0.6 * side))
    content = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
    return Group(content, faces)


def _count(boxes: list[FaceBox], faces: list[FaceBox]) -> Count:
    hits = [sum(box.iou(face) > 0.3 for box in boxes) for face in faces]
    false = sum(all(box.iou(face) <= 0.3 for face in faces) for box in boxes)
    return Count(sum(hit > 0 for hit in hits), sum(hit - 1 for hit in hits if hit), false)


def _ours(settings: FaceSettings) -> Finder:
    spec: DetectorSpec = resolve_detector(settings)
    preparer, blank = FacePreparer(settings, spec), dict.fromkeys(RAW_IMAGE.names)

    def find(content: bytes) -> list[FaceBox]:
        rows = preparer.prepare(blank | {"source_path": str(time.monotonic_ns()), "content": content + os.urandom(4)})
        sides = ("box_left", "box_top", "box_width", "box_height")
        return [FaceBox(*(row[side] for side in sides)) for row in rows if row["reason"] is None]

    blank["encoding"] = "file"
    return find


def _one_pass(model: str, width: int, height: int) -> Finder:
    network = cv2.FaceDetectorYN.create(model, "", (width, height), 0.6, 0.3, 5000)

    def find(content: bytes) -> list[FaceBox]:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        scale = width / picture.shape[1]
        shown = picture if scale == 1 else cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        found = network.detect(shown)[1]
        return [] if found is None else [FaceBox(*(float(value) / scale for value in row[:4])) for row in found]

    return find
