"""What we measure ourselves against: bare multi-process loops over files, without Spark."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fer_spark.faces.detect import DetectorSpec
from fer_spark.faces.prepare import FacePreparer
from fer_spark.faces.settings import FaceSettings
from fer_spark.rows import RAW_IMAGE

_BATCH = 512


def timed(
    work: Callable[..., int], files: list[str], output: Path, processes: int, *arguments: Any
) -> tuple[float, int]:
    """Seconds and faces of `work` over the files, dealt out to the processes, each writing one Parquet file."""
    output.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes) as pool:
        pool.map(_warm_up, range(processes))
        began = time.perf_counter()
        jobs = [(work, files[i::processes], str(output / f"part-{i}.parquet"), *arguments) for i in range(processes)]
        faces = sum(pool.starmap(_call, jobs, chunksize=1))
        return time.perf_counter() - began, faces


def _warm_up(_: int) -> None:
    cv2.setNumThreads(1)


def _call(work: Callable[..., int], *arguments: Any) -> int:
    cv2.setNumThreads(1)
    return work(*arguments)


def same_settings(files: list[str], output: str, settings: FaceSettings, detector: DetectorSpec) -> int:
    """Our own preparation of one picture, in a plain loop: what is left to gain or lose is Spark alone."""
    preparer = FacePreparer(settings, detector)
    schema, blank = preparer.table.arrow_schema, dict.fromkeys(RAW_IMAGE.names)
    faces, rows = 0, []
    with pq.ParquetWriter(output, schema, compression="zstd") as writer:
        for file in files:
            content = Path(file).read_bytes()
            rows += preparer.prepare(blank | {"source_path": file, "content": content, "encoding": "file"})
            if len(rows) >= _BATCH:
                faces += sum(row["reason"] is None for row in rows)
                writer.write_table(pa.Table.from_pylist(rows, schema))
                rows = []
        faces += sum(row["reason"] is None for row in rows)
        writer.write_table(pa.Table.from_pylist(rows, schema))
    return faces


def straightforward(files: list[str], output: str, model: bytes, size_px: int, colour: bool) -> int:
    """The loop one writes first: decode whole, YuNet on a 320 px letterbox, crop box and margin, resize, Parquet."""
    detector = cv2.FaceDetectorYN.create("onnx", np.frombuffer(model, np.uint8), np.zeros(0, np.uint8), (320, 320), 0.6)
    schema = pa.schema([("path", pa.string()), ("image", pa.binary())])
    faces, rows = 0, []
    with pq.ParquetWriter(output, schema, compression="zstd") as writer:
        for file in files:
            picture = cv2.imdecode(np.frombuffer(Path(file).read_bytes(), np.uint8), cv2.IMREAD_COLOR)
            crop = None if picture is None else face_320(picture, detector)[0]
            if crop is not None:
                rows.append({"path": file, "image": _small(crop, size_px, colour)})
                faces += 1
            if len(rows) >= _BATCH:
                writer.write_table(pa.Table.from_pylist(rows, schema))
                rows = []
        writer.write_table(pa.Table.from_pylist(rows, schema))
    return faces


def face_320(picture: Any, detector: Any) -> tuple[Any, Any]:
    """The largest face's crop and its YuNet row in picture px, or (None, None)."""
    height, width = picture.shape[:2]
    scale = 320 / max(height, width)
    small = cv2.resize(picture, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    canvas = np.zeros((320, 320, 3), np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    _, found = detector.detect(canvas)
    if found is None:
        return None, None
    found = found[np.isfinite(found).all(axis=1)]
    if not len(found):
        return None, None
    best = found[np.argmax(found[:, 2] * found[:, 3])].copy()
    best[:14] /= scale
    side = max(best[2], best[3]) * 1.2
    middle_x, middle_y = best[0] + best[2] / 2, best[1] + best[3] / 2
    left, top = max(int(middle_x - side / 2), 0), max(int(middle_y - side / 2), 0)
    crop = picture[top : int(middle_y + side / 2), left : int(middle_x + side / 2)]
    return (crop, best) if crop.size else (None, None)


def _small(crop: Any, size_px: int, colour: bool) -> bytes:
    resized = cv2.resize(crop, (size_px, size_px), interpolation=cv2.INTER_AREA)
    if not colour:
        return bytes(cv2.cvtColor(resized, cv2.COLOR_BGR2GRAY).tobytes())
    return bytes(cv2.imencode(".jpg", resized, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())
