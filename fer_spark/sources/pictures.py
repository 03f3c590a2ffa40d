"""Pictures that are files: Spark lists and reads them; what it would pass over becomes a row with a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.rows import PICTURE
from fer_spark.sources.base import Slice, digest_rows
from fer_spark.sources.lake import Root, listed_bytes, listed_files, local_path, open_root
from fer_spark.sources.omitted import JUNK, find_omitted
from fer_spark.sources.settings import FileReading

NOT_PICTURES = (
    r"(?i:\.(csv|tsv|txt|md|json|jsonl|ndjson|parquet|npy|npz|lst|xml|ya?ml|zip|7z|tar|t?gz|tbz2?|bz2|xz|zst)$)"
)
"""Beside an annotation table, files with these endings are not taken for pictures that the table forgot."""


@dataclass(frozen=True)
class Pictures:
    """Pictures by relative path, whatever holds them.

    `read(slice)` gives rows.PICTURE of the slice of `key(path)`; `listed()` the same rows without reading any
    picture (content null). `key_of_name` makes the same key of a path as an annotation table spells it.
    `encoding` says what content is: `file`, a picture's bytes, or `path`, where they lie.
    """

    description: str
    root: Root
    key: Callable[[Column], Column]
    key_of_name: Callable[[Column], Column]
    read: Callable[[Slice], DataFrame]
    listed: Callable[[], DataFrame]
    digest: Callable[[], str]
    encoding: str = "file"


def whole_path(path: Column) -> Column:
    return path


def file_name(path: Column) -> Column:
    return F.substring_index(path, "/", -1)


def file_pictures(
    spark: SparkSession,
    text: str,
    glob: str,
    reading: FileReading,
    key: Callable[[Column], Column] = whole_path,
    skip: str = "",
) -> Pictures:
    """Pictures under a file, folder or glob. `skip`: Java pattern of relative paths that are no input."""
    root = open_root(spark, text)
    scan = _scan(spark, root, glob)
    omitted = find_omitted(spark, root, glob)
    lost = _rows(spark, [(o.path, None, o.reason, o.detail) for o in omitted])
    path = root.relative(F.col("_metadata.file_path"))
    by_path = reading.by_path and root.is_local
    content = (local_path(F.col("_metadata.file_path")).cast("binary") if by_path else F.col("content")).alias(
        "content"
    )
    nothing = (F.lit(None).cast("string").alias("reject_reason"), F.lit(None).cast("string").alias("reject_detail"))

    def wanted(frame: DataFrame, column: Column) -> DataFrame:
        frame = frame.where(~column.rlike(f"(?i){JUNK.pattern}"))
        return frame.where(~column.rlike(skip)) if skip else frame

    def read(part: Slice) -> DataFrame:
        here = part.of(wanted(scan, path), key(path))
        size = F.col("_metadata.file_size")
        fine = here.where(size <= reading.max_bytes).select(path.alias("path"), content.alias("content"), *nothing)
        detail = F.format_string(f"%d bytes, the limit is {reading.max_bytes}; see --max-file-mb", size)
        large = here.where(size > reading.max_bytes).select(
            path.alias("path"), F.lit(None).cast("binary").alias("content"), F.lit("too_large"), detail
        )
        rest = part.of(wanted(lost, F.col("path")), key(F.col("path")))
        return fine.unionAll(large).unionAll(rest)

    def listed() -> DataFrame:
        names = listed_files(scan).select(root.relative(F.col("file")).alias("path"))
        extra = wanted(lost, F.col("path"))
        names = wanted(names, F.col("path")).join(F.broadcast(extra), "path", "left_anti")
        return names.select("path", F.lit(None).cast("binary").alias("content"), *nothing).unionAll(extra)

    def digest() -> str:
        return digest_rows(listed().select("path"), listed_bytes(scan))

    return Pictures(text, root, key, key, read, listed, digest, "path" if by_path else "file")


def _rows(spark: SparkSession, rows: list[tuple[Any, ...]]) -> DataFrame:
    """A few rows of rows.PICTURE; none without the Python process that createDataFrame starts to convert them."""
    if rows:
        return spark.createDataFrame(rows, PICTURE.ddl).coalesce(1)
    columns = [F.lit(None).cast(column.sql_type).alias(column.name) for column in PICTURE.columns]
    return spark.range(0).where(F.lit(False)).select(*columns)


def _scan(spark: SparkSession, root: Root, glob: str) -> DataFrame:
    reader = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    reader = reader.option("ignoreMissingFiles", "true")  # a file that vanished is found missing by its key, later
    if root.literal:
        reader = reader.option("__globPaths__", "false")
    if glob:
        reader = reader.option("pathGlobFilter", glob)
    return reader.load(list(root.targets))
