"""Scoring by the Spark job against bare loops and Spark's predict_batch_udf: same network, same pictures, same cores.

All run one torch thread per process and as many processes as cores. Rates are pictures per second; `scoring` is the
job's one pass over the pictures, `all of it` also lists, checks, publishes and sums up.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fer_spark.cli.commands.build_shards import main as build_shards
from fer_spark.cli.commands.score import main as score
from fer_spark.faces.detect import DetectorSpec, resolve_detector
from fer_spark.faces.prepare import FacePreparer
from fer_spark.faces.settings import FaceSettings
from fer_spark.networks.bundle import load_bundle
from fer_spark.rows import RAW_IMAGE
from fer_spark.serving.model import face_settings
from fer_spark.spark.session import get_session
from tests.benchmarks.loops import timed
from tests.benchmarks.prepare import small_pictures
from tests.benchmarks.results import Compared

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_FILL = 1024
_OPENED: list[Any] = []


LOOP, SCORING = "bare loop", "fer-spark score, scoring"


def run(images: int, rounds: int, cores: int, bundle: str, prepared: bool = True) -> list[Compared]:
    """Pictures per second of job, loops and predict_batch_udf: on raw pictures, and on prepared faces.

    `prepared`: also compare on faces that are prepared already.
    """
    with tempfile.TemporaryDirectory(prefix="fer-spark-bench-") as directory:
        work = Path(directory)
        files = small_pictures(work / "lake", images or 6_000, cores)
        spark = get_session("benchmark", ["spark.ui.enabled=false", "spark.driver.memory=2g"], f"local[{cores},4]")
        model = _model()
        card = load_bundle(bundle).card
        settings = face_settings(card, "largest", "auto", model)
        detector = resolve_detector(settings)
        how = f"{bundle}, views {card.views}, {cores} cores, {rounds} rounds"
        raw = _compare(
            f"score {len(files):,} small pictures, faces by {detector.name}, {how}",
            len(files),
            rounds,
            {
                "fer-spark score": lambda: _job(bundle, "images", work / "lake", work, settings),
                "bare loop": lambda: timed(_raw, files, work / "loop", cores, bundle, settings, detector)[0],
            },
        )
        if not prepared:
            return [raw]
        faces = _shards(work, settings)
        parts = _parts(spark, work, faces)
        count = sum(pq.read_metadata(part).num_rows for part in parts)
        ready = _compare(
            f"score {count:,} prepared faces, {how}",
            count,
            rounds,
            {
                "fer-spark score": lambda: _job(bundle, "shards", work / "shards", work, settings),
                "bare loop": lambda: timed(_prepared, parts, work / "loop", cores, bundle, faces)[0],
                "predict_batch_udf": lambda: _batch_udf(spark, work, bundle),
            },
        )
    return [raw, ready]


def _compare(title: str, pictures: int, rounds: int, contenders: dict[str, Callable[[], Any]]) -> Compared:
    rates: dict[str, list[float]] = {}
    for round_ in range(rounds + 1):
        for name, contender in contenders.items():
            seconds = contender()
            if not round_:  # the first warms up
                continue
            both = seconds if isinstance(seconds, tuple) else (seconds,)
            for part, value in zip(("", ", scoring"), both, strict=False):
                rates.setdefault(name + part, []).append(pictures / value)
    return Compared(title, "pictures/s", SCORING, rates)


def _job(bundle: str, kind: str, source: Path, work: Path, settings: FaceSettings) -> tuple[float, float]:
    """Seconds of the whole job, and of its pass over the pictures."""
    output = work / "scores"
    shutil.rmtree(output, ignore_errors=True)
    words = ["--bundle", bundle, "--source", kind, "--input", str(source), "--output", str(output)]
    if kind == "images":
        words += ["--detector", settings.detector, "--detector-model", settings.detector_model]
    began = time.perf_counter()
    assert score(words) == 0
    whole = time.perf_counter() - began
    return whole, json.loads((output / "_summary.json").read_text())["scoring_s"]


def _shards(work: Path, settings: FaceSettings) -> str:
    words = ["--source", "images", "--input", str(work / "lake"), "--output", str(work / "shards"), "--split", "none"]
    words += ["--size", settings.size[0], "--detector", settings.detector, "--detector-model", settings.detector_model]
    assert build_shards(words) == 0
    return settings.specs[0].column


def _parts(spark: SparkSession, work: Path, column: str) -> list[str]:
    """The same faces in as many files as there are cores, for the loop; and as arrays, for predict_batch_udf."""
    paths = sorted(str(path) for path in (work / "shards").rglob("split=*/*.parquet"))
    table = pa.concat_tables([pq.read_table(path, columns=["face_id", column]) for path in paths])
    wide = np.frombuffer(b"".join(table.column(column).to_pylist()), np.uint8).reshape(len(table), -1)
    arrays = pa.FixedSizeListArray.from_arrays(pa.array(wide.reshape(-1).astype(np.float32)), wide.shape[1])
    pq.write_table(
        pa.table({"face_id": table.column("face_id"), "pixels": arrays.cast(pa.list_(pa.float32()))}),
        work / "arrays.parquet",
        row_group_size=1024,
    )
    made = []
    for number in range(8):
        made.append(str(work / f"part-{number}.parquet"))
        pq.write_table(table.take(pa.array(np.arange(number, len(table), 8))), made[-1], row_group_size=_FILL)
    return made


def _raw(files: list[str], output: str, bundle_name: str, settings: FaceSettings, detector: DetectorSpec) -> int:
    """Decode, find, align, fill a batch, ask the network, write: no Spark."""
    bundle, preparer = _bundle(bundle_name), FacePreparer(settings, detector)
    blank, column = dict.fromkeys(RAW_IMAGE.names), settings.specs[0].column
    rows: list[dict[str, Any]] = []
    with pq.ParquetWriter(output, _schema(bundle)) as writer:
        for file in files:
            content = Path(file).read_bytes()
            rows += preparer.prepare(blank | {"source_path": file, "content": content, "encoding": "file"})
            if len(rows) >= _FILL:
                _answer(bundle, [r["face_id"] for r in rows], [r[column] for r in rows], writer)
                rows = []
        _answer(bundle, [r["face_id"] for r in rows], [r[column] for r in rows], writer)
    return len(files)


def _prepared(files: list[str], output: str, bundle_name: str, column: str) -> int:
    bundle, count = _bundle(bundle_name), 0
    with pq.ParquetWriter(output, _schema(bundle)) as writer:
        for file in files:
            for batch in pq.ParquetFile(file).iter_batches(_FILL):
                _answer(bundle, batch.column("face_id").to_pylist(), batch.column(column).to_pylist(), writer)
                count += batch.num_rows
    return count


def _answer(bundle: Any, ids: list[str | None], cells: list[bytes | None], writer: pq.ParquetWriter) -> None:
    known = [(one, cell) for one, cell in zip(ids, cells, strict=True) if cell is not None]
    if not known:
        return
    side = bundle.card.image.size_px
    faces = np.frombuffer(b"".join(cell for _, cell in known), np.uint8).reshape(-1, side, side)
    found = bundle.predict_proba(faces)
    columns = [pa.array([one for one, _ in known]), pa.array([bundle.labels[i] for i in found.argmax(axis=1)])]
    writer.write_table(pa.table([*columns, *(pa.array(share) for share in found.T)], _schema(bundle)))


def _schema(bundle: Any) -> pa.Schema:
    texts = [pa.field(name, pa.string()) for name in ("face_id", "label")]
    return pa.schema([*texts, *(pa.field(name, pa.float32()) for name in bundle.labels)])


def _bundle(name: str) -> Any:
    import torch

    torch.set_num_threads(1)
    if not _OPENED:
        _OPENED.append(load_bundle(name))
    return _OPENED[0]


def _batch_udf(spark: SparkSession, work: Path, bundle_name: str) -> float:
    """Spark's own way to score arrays with a model, with a batch as large as ours."""
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql.types import ArrayType, FloatType

    def make() -> Callable[[Any], Any]:
        bundle = _bundle(bundle_name)
        side = bundle.card.image.size_px

        def predict(pixels: Any) -> Any:
            return bundle.predict_proba(pixels.reshape(-1, side, side).astype(np.uint8))

        return predict

    side = load_bundle(bundle_name).card.image.size_px
    function = predict_batch_udf(
        make, return_type=ArrayType(FloatType()), batch_size=_FILL, input_tensor_shapes=[[side * side]]
    )
    began = time.perf_counter()
    frame = spark.read.parquet(str(work / "arrays.parquet")).select("face_id", function("pixels").alias("found"))
    frame.write.mode("overwrite").parquet(str(work / "udf"))
    return time.perf_counter() - began


def _model() -> str:
    data = os.environ.get("FER_SPARK_DATA", "")
    return str(Path(data).parent / "models" / "face_detection_yunet.onnx") if data else ""
