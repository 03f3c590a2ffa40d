"""Rows of an Arrow function: as a DataFrame, or in files that workers write, each once whatever happens to tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from errno import ENOSPC
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark import TaskContext
from pyspark.errors import PythonException
from pyspark.sql import SparkSession

from fer_spark.rows import Column, Table
from fer_spark.spark.arrow_job import ArrowJob

TABLE = Table(
    "NUMBERS",
    (
        Column("id", "bigint", "a number"),
        Column("text", "string", "its name, null for even ones"),
        Column("content", "binary", "some bytes"),
        Column("sums", "array<double>", "two numbers, null for each third"),
    ),
)
Batches = Iterator[pa.RecordBatch]


def described(batches: Batches) -> Batches:
    """Two rows a number, but none for those from 30 on; now and then a batch without rows."""
    for batch in batches:
        numbers = [number for number in batch.column(0).to_pylist() if number < 30 for _ in range(2)]
        yield pa.RecordBatch.from_pylist([], TABLE.arrow_schema)
        yield pa.RecordBatch.from_pylist(
            [
                {
                    "id": number,
                    "text": f"é{number}" if number % 2 else None,
                    "content": bytes([number]) * number,
                    "sums": [number / 3, 1e300] if number % 3 else None,
                }
                for number in numbers
            ],
            TABLE.arrow_schema,
        )


def failing_once(batches: Batches) -> Batches:
    """The first try of each task breaks off after it has yielded what there is."""
    yield from described(batches)
    context = TaskContext.get()
    assert context is not None
    if context.attemptNumber() == 0:
        raise ValueError("the first try")


def broken(batches: Batches) -> Batches:
    yield from described(batches)
    raise OSError(ENOSPC, "a bug of its own")


def job(spark: SparkSession, function: Callable[[Batches], Batches] = described, partitions: int = 6) -> ArrowJob:
    return ArrowJob(spark.range(0, 40, 1, partitions), function, TABLE, incompressible=["content"])


def test_files_hold_the_rows_of_the_frame(spark: SparkSession, tmp_path: Path) -> None:
    """Of six tasks the last gives no rows, and writes no file."""
    written = job(spark).write(tmp_path)
    assert set(written) == {path.name for path in tmp_path.iterdir()}
    assert [written[name] for name in sorted(written)] == [12, 14, 14, 12, 8]
    for name, rows in written.items():
        assert pq.ParquetFile(tmp_path / name).metadata.num_rows == rows
    read = spark.read.parquet(str(tmp_path))
    assert [(field.name, field.dataType) for field in read.schema] == [
        (field.name, field.dataType) for field in TABLE.spark_schema
    ]
    assert read.orderBy("id").collect() == job(spark).frame().orderBy("id").collect()


def test_nothing_is_written_of_nothing(spark: SparkSession, tmp_path: Path) -> None:
    empty = ArrowJob(spark.range(30, 40), described, TABLE)
    assert empty.write(tmp_path) == {}
    assert not list(tmp_path.iterdir())


def test_a_task_that_is_tried_again_leaves_one_file(spark: SparkSession, tmp_path: Path) -> None:
    written = job(spark, failing_once, partitions=2).write(tmp_path)
    assert sum(written.values()) == 60
    assert set(written) == {path.name for path in tmp_path.iterdir()}


def test_two_runs_into_one_directory_never_share_a_file(spark: SparkSession, tmp_path: Path) -> None:
    """As where a driver was killed, and its tasks go on while the next one has begun."""
    first, second = job(spark).write(tmp_path), job(spark).write(tmp_path)
    assert not set(first) & set(second)
    assert set(first) | set(second) == {path.name for path in tmp_path.iterdir()}


def test_a_place_where_nothing_can_be_written_is_said(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No such file or directory.*gone"):
        job(spark, partitions=1).write(tmp_path / "gone")


def test_errors_of_the_function_are_no_errors_of_the_file(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(PythonException, match="a bug of its own"):
        job(spark, broken, partitions=1).write(tmp_path)
    assert not list(tmp_path.iterdir())


def test_where_one_cannot_write_the_others_do_not_begin(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fer_spark.spark.arrow_job.uuid4", lambda: UUID(int=0))
    (tmp_path / "_failed-000000000000").write_text(str(ENOSPC))
    with pytest.raises(OSError, match="No space left on device"):
        job(spark, broken, partitions=2).write(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
