"""The Parquet files of such a table. What Spark has written is unseen until a commit names it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fer_spark.artifacts import Storage, literal
from fer_spark.spark.footers import row_groups

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType


@dataclass(frozen=True)
class DataFile:
    """`path` is relative to the place that it was written below; `length` is in bytes."""

    path: str
    length: int
    rows: int


def write_files(storage: Storage, rows: DataFrame, folder: str) -> list[DataFile]:
    """Write rows into a new folder; returns its files, without those that hold no rows."""
    rows.write.option("compression", "zstd").parquet(storage.uri(folder))
    written = [file for file in storage.list_files(folder) if "/part-" in file.path]
    counted = [
        DataFile(file.path, file.length, sum(row_groups(rows.sparkSession, storage.uri(file.path)))) for file in written
    ]
    return [file for file in counted if file.rows]


def read_files(spark: SparkSession, uris: list[str], schema: StructType) -> DataFrame:
    """Rows of `schema`, null in columns that a file lacks."""
    if not uris:
        return spark.createDataFrame([], schema)
    return spark.read.schema(schema).parquet(*map(literal, uris))
