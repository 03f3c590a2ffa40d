"""One build, or one scoring, by another engine, with our own preparation and network: a process of its own.

python -m tests.benchmarks.engine_jobs ENGINE build|score INPUT OUTPUT --cores 2 --model YUNET --bundle BUNDLE

`bare`: a process per core and nothing else. `two-udfs`: what one writes first on Spark, a pandas UDF that decodes and
finds the face (YuNet on 320 px) and one that resizes; to score, predict_batch_udf. `ray`, `daft`: these engines, with
batches of our own functions. Every engine writes zstd Parquet.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fer_spark.faces.detect import resolve_detector
from fer_spark.faces.on_spark import prepare_batches
from fer_spark.faces.prepare import FacePreparer
from fer_spark.faces.settings import FaceSettings
from fer_spark.networks.places import find_bundle, read_files
from fer_spark.rows import RAW_IMAGE
from tests.benchmarks.loops import face_320, timed

if TYPE_CHECKING:
    from fer_spark.networks.bundle import Bundle

BATCH = 256


@dataclass(frozen=True)
class Asked:
    """What is done with pictures: `model` is YuNet's file, "" for Haar; `bundle` is "" for a build."""

    model: str
    bundle: str

    @property
    def settings(self) -> FaceSettings:
        detector = "yunet" if self.model else "haar"
        return FaceSettings(size=("48:gray",), detector=detector, detector_model=self.model)

    def answer(self, paths: list[str], contents: pa.Array) -> pa.Table:
        """A batch of pictures prepared, or scored, in this process. The network is loaded once."""
        blank = {field.name: pa.nulls(len(paths), field.type) for field in RAW_IMAGE.arrow_schema}
        blank |= {"source_path": pa.array(paths), "content": contents, "encoding": pa.array(["file"] * len(paths))}
        raw = pa.record_batch([blank[name] for name in RAW_IMAGE.names], schema=RAW_IMAGE.arrow_schema)
        preparer = _preparer(self)
        batches = list(prepare_batches(iter([raw]), preparer))
        prepared = pa.Table.from_batches(batches, preparer.table.arrow_schema)
        return _scores(_bundle(self.bundle), prepared) if self.bundle else prepared

    def schema(self) -> pa.Schema:
        return _score_schema(self.labels) if self.bundle else _preparer(self).table.arrow_schema

    @property
    def labels(self) -> list[str]:
        return list(read_files(find_bundle(self.bundle))[0].label_names)


@lru_cache(maxsize=1)
def _preparer(asked: Asked) -> FacePreparer:
    cv2.setNumThreads(1)
    return FacePreparer(asked.settings, resolve_detector(asked.settings))


@lru_cache(maxsize=1)
def _bundle(name: str) -> Bundle:
    import torch  # here alone: a build needs none

    from fer_spark.networks.bundle import load_bundle

    torch.set_num_threads(1)
    return load_bundle(name)


def _scores(bundle: Bundle, prepared: pa.Table) -> pa.Table:
    """A row per row of a prepared table: face_id, label and a probability per label, null where there is no face."""
    cells = prepared["image_48_gray"].to_pylist()
    faces = [number for number, cell in enumerate(cells) if cell is not None]
    shares = np.full((len(cells), len(bundle.labels)), np.nan, np.float32)
    if faces:
        pixels = np.frombuffer(b"".join(cells[number] for number in faces), np.uint8).reshape(-1, 48, 48)
        shares[faces] = bundle.predict_proba(pixels)
    labels: list[str | None] = [None] * len(cells)
    for number in faces:
        labels[number] = bundle.labels[int(shares[number].argmax())]
    columns = [prepared["face_id"].combine_chunks(), pa.array(labels, pa.string())]
    columns += [pa.array(share, from_pandas=True) for share in shares.T]
    return pa.table(columns, schema=_score_schema(bundle.labels))


def _score_schema(labels: Sequence[str]) -> pa.Schema:
    texts = [pa.field(name, pa.string()) for name in ("face_id", "label")]
    return pa.schema([*texts, *(pa.field(name, pa.float32()) for name in labels)])


def bare(asked: Asked, lake: Path, output: Path, cores: int, blocks: int) -> None:
    timed(_loop, sorted(str(path) for path in lake.iterdir()), output, cores, asked)


def _loop(files: list[str], output: str, asked: Asked) -> int:
    count = 0
    with pq.ParquetWriter(output, asked.schema(), compression="zstd") as writer:
        for start in range(0, len(files), BATCH):
            some = files[start : start + BATCH]
            found = asked.answer(some, pa.array([Path(file).read_bytes() for file in some], pa.binary()))
            writer.write_table(found)
            count += len(found)
    return count


def ray_data(asked: Asked, lake: Path, output: Path, cores: int, blocks: int) -> None:
    """`blocks`: into how many the input is read; 0 leaves it to Ray."""
    import ray

    ray.init(num_cpus=cores, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False
    reading: dict[str, Any] = {"include_paths": True} | ({"override_num_blocks": blocks} if blocks else {})
    if not asked.bundle:
        pictures = ray.data.read_binary_files(str(lake), **reading)
        done = pictures.map_batches(_RayWork.build, fn_args=(asked,), batch_format="pyarrow", batch_size=BATCH)
    else:  # a network is held by as many actors as there are cores
        pictures = ray.data.read_binary_files(str(lake), ray_remote_args={"num_cpus": 0.2}, **reading)
        done = pictures.map_batches(
            _RayWork, fn_constructor_args=(asked,), batch_format="pyarrow", batch_size=BATCH, concurrency=cores,
            num_cpus=0.8,
        )  # fmt: skip
    done.write_parquet(str(output), compression="zstd")


class _RayWork:
    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def __call__(self, table: pa.Table) -> pa.Table:
        return self.build(table, self._asked)

    @staticmethod
    def build(table: pa.Table, asked: Asked) -> pa.Table:
        return asked.answer(table["path"].to_pylist(), table["bytes"].combine_chunks())


def daft_frames(asked: Asked, lake: Path, output: Path, cores: int, blocks: int) -> None:
    os.environ["DAFT_PROGRESS_BAR"] = "0"
    import daft

    daft.set_runner_native()
    kind = daft.DataType.struct({field.name: daft.DataType.from_arrow_type(field.type) for field in asked.schema()})

    @daft.cls(max_concurrency=cores, use_process=True)  # type: ignore[untyped-decorator, unused-ignore]
    class Work:
        def __init__(self, asked: Asked) -> None:
            self._asked = asked

        @daft.method.batch(return_dtype=kind, unnest=True, batch_size=BATCH)  # type: ignore[untyped-decorator, unused-ignore]
        def run(self, path: Any, content: Any) -> Any:
            contents = content.to_arrow()
            whole = contents.combine_chunks() if isinstance(contents, pa.ChunkedArray) else contents
            found = self._asked.answer(path.to_arrow().to_pylist(), whole.cast(pa.binary()))
            return found.combine_chunks().to_struct_array().combine_chunks()

    work = Work(asked)
    files = daft.from_glob_path(f"{lake}/*.jpg").select("path")
    files = files.with_column("content", daft.functions.download(daft.col("path")))
    files.select(work.run(daft.col("path"), daft.col("content"))).write_parquet(str(output), compression="zstd")


def two_udfs(asked: Asked, lake: Path, output: Path, cores: int, blocks: int) -> None:
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType, BinaryType, FloatType

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    building = SparkSession.builder.master(f"local[{cores}]").config("spark.driver.memory", "2g")
    building = building.config("spark.ui.showConsoleProgress", "false")
    spark = building.config("spark.log.level", "ERROR").getOrCreate()

    def found(contents: Iterator[pd.Series]) -> Iterator[pd.Series]:
        detector = cv2.FaceDetectorYN.create(asked.model, "", (320, 320), 0.6)
        for content in contents:
            yield content.map(lambda one: _crop(one, detector))

    def small(crops: pd.Series) -> pd.Series:
        return crops.map(_gray, na_action="ignore")

    def numbers(images: pd.Series) -> pd.Series:
        return images.map(lambda one: np.frombuffer(one, np.uint8).astype(np.float32))

    find, resize = F.pandas_udf(found, BinaryType()), F.pandas_udf(small, BinaryType())  # type: ignore[call-overload]
    pictures = spark.read.format("binaryFile").load(str(lake))
    faces = pictures.select("path", resize(find("content")).alias("image")).where("image IS NOT NULL")
    if asked.bundle:

        def make() -> Any:
            bundle = _bundle(asked.bundle)
            return lambda pixels: bundle.predict_proba(pixels.reshape(-1, 48, 48).astype(np.uint8))

        ask = predict_batch_udf(
            make, return_type=ArrayType(FloatType()), batch_size=BATCH, input_tensor_shapes=[[48 * 48]]
        )
        faces = faces.select("path", ask(F.pandas_udf(numbers, ArrayType(FloatType()))("image")).alias("shares"))  # type: ignore[call-overload]
    faces.write.option("compression", "zstd").parquet(str(output))


def _crop(content: bytes, detector: Any) -> bytes | None:
    cv2.setNumThreads(1)
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    crop = None if picture is None else face_320(picture, detector)[0]
    return None if crop is None else bytes(cv2.imencode(".png", crop)[1].tobytes())


def _gray(png: bytes) -> bytes:
    crop = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    return bytes(cv2.resize(crop, (48, 48), interpolation=cv2.INTER_AREA).tobytes())  # type: ignore[arg-type]


ENGINES = {"bare": bare, "two-udfs": two_udfs, "ray": ray_data, "daft": daft_frames}

if __name__ == "__main__":
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("engine", choices=ENGINES)
    line.add_argument("kind", choices=["build", "score"])
    line.add_argument("input", type=Path)
    line.add_argument("output", type=Path)
    line.add_argument("--cores", type=int, default=2)
    line.add_argument("--blocks", type=int, default=0, help="for ray: blocks of the input; 0: as Ray chooses")
    line.add_argument("--model", default="", help="YuNet's file; Haar without")
    line.add_argument("--bundle", default="fer2013")
    asked = line.parse_args()
    # Ray and Daft pickle functions by their module's name
    from tests.benchmarks import engine_jobs

    what = engine_jobs.Asked(asked.model, asked.bundle if asked.kind == "score" else "")
    engine_jobs.ENGINES[asked.engine](what, asked.input, asked.output, asked.cores, asked.blocks)
