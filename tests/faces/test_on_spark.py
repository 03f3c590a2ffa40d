"""The Arrow job: every input row is accounted for once, and Spark's rows are the local ones."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from fer_spark.faces.detect import DetectorSpec, resolve_detector
from fer_spark.faces.on_spark import prepare_batches, prepare_faces, sampled_crop_side
from fer_spark.faces.prepare import FacePreparer
from fer_spark.faces.settings import FaceSettings
from fer_spark.rows import RAW_IMAGE
from tests import poison
from tests.faces.rows import raw

SETTINGS = FaceSettings(size=("48:gray", "40:rgb:png"), detector="none")


def test_the_corpus_is_accounted_for_and_equals_the_local_result(spark: SparkSession, tmp_path: Path) -> None:
    expected = poison.write_corpus(tmp_path)
    rows = [raw((tmp_path / name).read_bytes(), name) for name in expected]
    rows.append(raw(None, "gone.jpg", reject_reason="missing_file", reject_detail="gone"))
    table = spark.createDataFrame([tuple(row.values()) for row in rows], RAW_IMAGE.spark_schema)
    prepared = prepare_faces(table.repartition(3), SETTINGS, resolve_detector(SETTINGS)).frame()
    found = {row["source_path"]: row.asDict() for row in prepared.collect()}
    assert {name: row["reason"] for name, row in found.items()} == expected | {"gone.jpg": "missing_file"}
    preparer = FacePreparer(SETTINGS, DetectorSpec("none"))
    (batch,) = prepare_batches(iter([pa.RecordBatch.from_pylist(rows, RAW_IMAGE.arrow_schema)]), preparer)
    local = {row["source_path"]: row for row in batch.to_pylist()}
    assert found == local
    assert prepared.columns == preparer.table.names


def test_a_bug_fails_the_job(spark: SparkSession) -> None:
    row = raw(poison.jpeg(), encoding="fiel")
    table = spark.createDataFrame([tuple(row.values())], RAW_IMAGE.spark_schema)
    with pytest.raises(Exception, match="encoding: expected file or pixels, got 'fiel'"):
        prepare_faces(table, SETTINGS, DetectorSpec("none")).frame().collect()


def test_a_sample_tells_crops_from_photographs_by_bytes_and_by_paths(spark: SparkSession, tmp_path: Path) -> None:
    crop, photograph = poison.jpeg(48, 48), poison.jpeg(400, 300)
    file = tmp_path / "ü+%20.jpg"
    file.write_bytes(crop)
    rows = [raw(crop, f"{number}.jpg") for number in range(6)]
    rows += [raw(os.fsencode(file), f"p{number}.jpg", encoding="path") for number in range(6)]
    rows.append(raw(None, "gone.jpg", reject_reason="missing_file"))

    def side(more: list[dict[str, object]], pictures: int) -> tuple[int, list[tuple[int, int]]]:
        read = []

        def slice_of(chunk: int, chunks: int) -> DataFrame:
            read.append((chunk, chunks))
            return spark.createDataFrame([tuple(row.values()) for row in rows + more], RAW_IMAGE.spark_schema)

        return sampled_crop_side(slice_of, pictures), read

    assert side([], 13) == (48, [(0, 1)])
    assert side([raw(photograph, "x.jpg")] * 2, 5_000) == (0, [(0, 50)])
    assert side([raw(b"no picture", "x.jpg")] * 2, 10**9) == (48, [(0, 200)])


def test_batches_are_bounded_by_bytes() -> None:
    content = poison.jpeg(60, 60)
    rows = [raw(content, f"{index}.jpg") for index in range(50)]
    preparer = FacePreparer(FaceSettings(size=("1024:gray",)), DetectorSpec("none"))
    batches = list(prepare_batches(iter([pa.RecordBatch.from_pylist(rows, RAW_IMAGE.arrow_schema)]), preparer))
    assert sum(batch.num_rows for batch in batches) == 50
    assert all(batch.nbytes < 10 * 2**20 for batch in batches)
    assert preparer.total_decodes == 1
    assert list(prepare_batches(iter([]), preparer)) == []


def test_a_detector_spec_travels() -> None:
    spec = DetectorSpec("yunet", 0.7, True, b"model")
    copy = pickle.loads(pickle.dumps(spec))
    assert (copy, hash(copy), copy.digest) == (spec, hash(spec), spec.digest)
    others = [
        DetectorSpec("haar", 0.7, True),
        DetectorSpec("yunet", 0.6, True, b"model"),
        DetectorSpec("yunet", 0.7, True, b"m"),
    ]
    assert len({spec.digest, *(other.digest for other in others)}) == 4
