"""The Spark job against bare loops, in turn, on the same pictures and the same number of cores."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from fer_spark.cli.commands.build_shards import main
from fer_spark.faces.detect import resolve_detector
from fer_spark.faces.settings import FaceSettings
from fer_spark.sample import Drawing, WriteSettings, draw_face, write_folder
from fer_spark.spark.session import get_session
from tests.benchmarks.loops import same_settings, straightforward, timed
from tests.benchmarks.results import Compared

_DRAWN = 2_000
_SIZES = {"48:gray": (48, False), "256:rgb": (256, True)}


WHOLE, LISTED, PREPARING = (
    "build-shards, whole job",
    "build-shards, listing and preparing",
    "build-shards, preparing alone",
)
EQUAL, PLAIN = "bare loop, equal settings", "straightforward loop, YuNet at 320 px"


def run(what: str, images: int, rounds: int, cores: int) -> list[Compared]:
    """Pictures per second of the job, its preparing, and both loops, for each size."""
    found = []
    with tempfile.TemporaryDirectory(prefix="fer-spark-bench-") as directory:
        work = Path(directory)
        if what == "prepare":
            files = small_pictures(work / "lake", images or 60_000, cores)
        else:
            files = _photographs(work / "lake", images or 1_500)
        model = os.environ.get("FER_SPARK_DATA", "") and str(
            Path(os.environ["FER_SPARK_DATA"]).parent / "models" / "face_detection_yunet.onnx"
        )
        get_session("benchmark", ["spark.ui.enabled=false", "spark.driver.memory=2g"], f"local[{cores},4]")
        for size in ["48:gray"] if what == "prepare" else ["48:gray", "256:rgb"]:
            found.append(_compare(what, files, work, size, model, rounds, cores))
    return found


def _compare(what: str, files: list[str], work: Path, size: str, model: str, rounds: int, cores: int) -> Compared:
    settings = FaceSettings(size=(size,), detector="yunet" if model else "haar", detector_model=model)
    detector = resolve_detector(settings)
    _job(work, size, settings, warm_up=files[:200])
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        seconds, report = _job(work, size, settings)
        rates.setdefault(WHOLE, []).append(len(files) / seconds)
        took = report["run"]
        rates.setdefault(LISTED, []).append(len(files) / took["prepare_s"])
        rates.setdefault(PREPARING, []).append(len(files) / (took["prepare_s"] - took["listing_s"]))
        seconds, faces = timed(same_settings, files, work / "loop", cores, settings, detector)
        rates.setdefault(EQUAL, []).append(len(files) / seconds)
        if detector.name == "yunet":
            arguments = (detector.model, *_SIZES[size])
            some = files[: max(len(files) // 5, 1)]  # its rate is steady, and it is slow
            seconds, plain = timed(straightforward, some, work / "plain", cores, *arguments)
            rates.setdefault(PLAIN, []).append(len(some) / seconds)
    found = f"faces: job {report['counts']['written_faces']:,}, equal settings {faces:,}"
    print(found + (f", 320 px {plain:,} of {len(some):,}" if detector.name == "yunet" else ""))
    print(f"decodes per picture: {report['decodes_per_picture']}")
    small = "small pictures" if what == "prepare" else "photographs of 8 megapixels"
    title = f"{len(files):,} {small} to {size}, faces by {detector.name}, {cores} cores, {rounds} rounds"
    return Compared(title, "pictures/s", PREPARING, rates)


def _job(work: Path, size: str, settings: FaceSettings, warm_up: list[str] | None = None) -> tuple[float, dict]:  # type: ignore[type-arg]
    output, lake = work / "shards", work / "lake"
    if warm_up is not None:
        lake = work / "warm"
        shutil.rmtree(lake, ignore_errors=True)
        lake.mkdir()
        for number, file in enumerate(warm_up):
            shutil.copy(file, lake / f"{number}.jpg")
    shutil.rmtree(output, ignore_errors=True)
    began = time.perf_counter()
    flags = ["--source", "images", "--input", str(lake), "--output", str(output), "--size", size, "--split", "none"]
    code = main([*flags, "--detector", settings.detector, "--detector-model", settings.detector_model])
    assert code == 0, code
    return time.perf_counter() - began, json.loads((output / "_manifest.json").read_text())


def small_pictures(lake: Path, count: int, cores: int) -> list[str]:
    """Real pictures, copied until there are enough, where $FER_SPARK_DATA has them; else drawn ones, likewise."""
    lake.mkdir(parents=True)
    data = os.environ.get("FER_SPARK_DATA", "")
    if not data:
        drawn = WriteSettings(workers=cores, drawing=Drawing(size_px=350))
        write_folder(lake / "drawn", min(count, _DRAWN), seed=1, layout="flat", settings=drawn)
        contents = [path.read_bytes() for path in sorted((lake / "drawn").rglob("*")) if path.is_file()]
        shutil.rmtree(lake / "drawn")
        return _copies(lake, contents, count)
    with tarfile.open(Path(data) / "facial_expressions.tar") as archive:
        contents = [archive.extractfile(m).read() for m in archive if m.name.endswith(".jpg")]  # type: ignore[union-attr]
    return _copies(lake, contents, count)


def _copies(lake: Path, contents: list[bytes], count: int) -> list[str]:
    for number in range(count):
        # a few bytes behind the end mark: no two files are equal, so that nobody can decode one for many
        (lake / f"{number:06d}.jpg").write_bytes(contents[number % len(contents)] + number.to_bytes(4, "big"))
    return sorted(str(path) for path in lake.iterdir())


def _photographs(lake: Path, count: int) -> list[str]:
    """8-megapixel JPEGs of one drawn face each on a textured background, quality 90."""
    lake.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(min(count, 40)):
        coarse = random.integers(40, 216, (153, 204, 3), np.uint8)
        texture = cv2.resize(coarse, (3264, 2448), interpolation=cv2.INTER_CUBIC)
        noise = random.integers(0, 24, texture.shape, np.uint8)
        photograph = cv2.add(texture, noise)
        side = int(random.integers(700, 1400))
        face = draw_face(5, number, Drawing(size_px=600, gray=False, max_tilt_deg=10, two_faces_fraction=0.0)).image
        left, top = int(random.integers(0, 3264 - side)), int(random.integers(0, 2448 - side))
        photograph[top : top + side, left : left + side] = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC)
        content = cv2.imencode(".jpg", photograph[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
        for copy in range(number, count, 40):
            (lake / f"{copy:05d}.jpg").write_bytes(content + copy.to_bytes(4, "big"))
    return sorted(str(path) for path in lake.iterdir())
