"""Chunks of prepared rows: each once, whoever writes them, and no file that does not count is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from fer_spark.artifacts import Storage
from fer_spark.rows import Column, Table
from fer_spark.shards.staging import Job, Staging, StagingError
from fer_spark.spark.arrow_job import ArrowJob

TABLE = Table("SQUARES", (Column("number", "bigint", ""), Column("square", "double", "")))


def squared(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rows = [{"number": number, "square": float(number**2)} for number in batch.column(0).to_pylist()]
        yield pa.RecordBatch.from_pylist(rows, TABLE.arrow_schema)


def chunk(spark: SparkSession, first: int, rows: int) -> ArrowJob:
    return ArrowJob(spark.range(first, first + rows, 1, 2), squared, TABLE)


def begun(spark: SparkSession, root: Path) -> Staging:
    staging = Staging(spark, Storage(spark, str(root)))
    staging.begin(Job("build", 3, {}))
    return staging


def numbers(staging: Staging) -> list[int]:
    return sorted(row["number"] for row in staging.read(TABLE).collect())


@pytest.mark.parametrize("by_workers", [True, False])
def test_chunks_are_read_back_whoever_wrote_them(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_workers: bool
) -> None:
    """Spark writes them where the storage is no local disk. One chunk has no rows."""
    if not by_workers:
        monkeypatch.setattr(Storage, "local", lambda self, path: None)
    staging = begun(spark, tmp_path / "é [1] %20")
    assert [staging.commit(number, chunk(spark, 100 * number, rows)) for number, rows in enumerate((5, 0, 7))] == [
        5,
        0,
        7,
    ]
    assert staging.committed() == {0: 5, 1: 0, 2: 7}
    assert numbers(staging) == [*range(5), *range(200, 207)]
    assert all(row["square"] == row["number"] ** 2 for row in staging.read(TABLE).collect())
    staging.check(12)
    with pytest.raises(StagingError, match="files were removed"):
        staging.check(11)


def test_what_tasks_of_a_killed_driver_still_write_is_not_read(spark: SparkSession, tmp_path: Path) -> None:
    """They find their directory gone, or write beside the files that count."""
    staging = begun(spark, tmp_path)
    directory = tmp_path / "_staging" / "chunk-00000"
    (directory / "_attempts").mkdir(parents=True)
    (directory / "_attempts" / "part-00000-before-0.parquet").write_bytes(b"half")
    staging.commit(0, chunk(spark, 0, 5))
    assert sorted(path.name for path in directory.iterdir() if not path.name.startswith(".")) == ["_chunk.json", "rows"]
    (directory / "_attempts").mkdir()
    chunk(spark, 0, 5).write(directory / "_attempts")
    assert numbers(staging) == list(range(5))
    staging.commit(0, chunk(spark, 0, 3))
    assert numbers(staging) == list(range(3))


def test_workers_that_do_not_share_the_disk_are_named(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ArrowJob, "write", lambda self, directory: {"elsewhere.parquet": 5})
    staging = begun(spark, tmp_path)
    with pytest.raises(StagingError, match="--output has to be a place that all share"):
        staging.commit(0, chunk(spark, 0, 5))
    assert staging.committed() == {}
