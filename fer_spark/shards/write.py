"""Prepared faces → Parquet files beside a manifest, by Spark's own commit protocol, then read back and measured."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from fer_spark.artifacts import Storage, literal
from fer_spark.rows import FACE, QUARANTINE
from fer_spark.shards.layout import Layout, arrange
from fer_spark.shards.manifest import ManifestError, ShardFile
from fer_spark.spark.footers import row_groups

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

QUARANTINE_DIRECTORY = "_quarantine"
_CHECKSUM_BITS = 64


@dataclass(frozen=True)
class Measured:
    """What reading written files back gives: `rows` per file, and the order-independent checksum as an integer."""

    rows: dict[str, int]
    per_label: dict[str, dict[str, int]]
    checksum: int


def write_faces(
    spark: SparkSession, storage: Storage, faces: DataFrame, layout: Layout, image_columns: list[str]
) -> list[str]:
    """Write faces under `split=<name>/`; returns the new files' paths. They count once a manifest lists them."""
    columns = [*FACE.names, *image_columns]
    before = data_files(storage)
    writer = (
        arrange(spark, faces.select(columns), layout)
        .write.mode("append")
        .partitionBy("split")
        .option("parquet.block.row.count.limit", layout.rows_per_group)
        .option("parquet.block.size", 2**30)  # rows decide where a row group ends, not bytes
        .option("maxRecordsPerFile", 0)
    )
    for name in image_columns:
        writer = writer.option(f"parquet.enable.dictionary#{name}", "false")
    writer.parquet(storage.root)
    return sorted(set(data_files(storage)) - set(before))


def write_quarantine(storage: Storage, rows: DataFrame) -> list[str]:
    """Write the quarantine table, few files, in a stable order; returns the paths of the new files."""
    before = set(_quarantine_files(storage))
    ordered = rows.select(QUARANTINE.names).coalesce(1).sortWithinPartitions("source_path", "source_row")
    ordered.write.mode("append").parquet(storage.uri(QUARANTINE_DIRECTORY))
    return sorted(set(_quarantine_files(storage)) - before)


def data_files(storage: Storage) -> list[str]:
    """Paths of all Parquet files under `split=…/`, whether a manifest lists them or not."""
    return [
        file.path for file in storage.list_files() if file.path.startswith("split=") and file.path.endswith(".parquet")
    ]


def _quarantine_files(storage: Storage) -> list[str]:
    """The same of the quarantine; a table's log beside them has Parquet files of its own, a folder deeper."""
    files = [file.path for file in storage.list_files(QUARANTINE_DIRECTORY)]
    return [path for path in files if path.endswith(".parquet") and path.count("/") == 1]


def remove_orphans(storage: Storage, listed: set[str]) -> int:
    """Delete files that a crashed run left and no manifest lists; returns how many."""
    orphans = [path for path in data_files(storage) if path not in listed]
    orphans += [path for path in _quarantine_files(storage) if path not in listed]
    for path in orphans:
        storage.delete(path)
    return len(orphans)


def read_files(spark: SparkSession, storage: Storage, paths: list[str]) -> DataFrame:
    """Shard rows of the named files, with `split` from the directory's name. Names are taken as they are, no globs."""
    return spark.read.option("basePath", storage.root).parquet(*[literal(storage.uri(path)) for path in paths])


def read_quarantine(spark: SparkSession, storage: Storage, paths: list[str]) -> DataFrame:
    """Quarantine rows of the named files."""
    return spark.read.parquet(*[literal(storage.uri(path)) for path in paths])


def measure(spark: SparkSession, storage: Storage, paths: list[str], image_columns: list[str]) -> Measured:
    """One pass over the written files, pixels and all."""
    if not paths:
        return Measured({}, {}, 0)
    frame = read_files(spark, storage, paths)
    grouped = (
        frame.select(
            F.col("_metadata.file_path").alias("file"), "split", "label", row_hash(image_columns).alias("hash")
        )
        .groupBy("file", "split", "label")
        .agg(F.count("*").alias("rows"), F.sum(F.col("hash").cast("decimal(38,0)")).alias("sum"))
        .collect()
    )
    rows: dict[str, int] = {}
    per_label: dict[str, dict[str, int]] = {}
    for group in grouped:
        path = _relative(group["file"], paths)
        rows[path] = rows.get(path, 0) + group["rows"]
        labels = per_label.setdefault(group["split"], {})
        name = group["label"] or "(none)"
        labels[name] = labels.get(name, 0) + group["rows"]
    return Measured(rows, per_label, sum(int(group["sum"]) for group in grouped) % 2**_CHECKSUM_BITS)


def row_hash(image_columns: list[str]) -> Column:
    """64-bit xxHash over every column of a shard row, in the order of rows.FACE, then the pixel columns by name."""
    return F.xxhash64(*FACE.names, *sorted(image_columns))


def describe_files(spark: SparkSession, storage: Storage, paths: list[str], rows: dict[str, int]) -> list[ShardFile]:
    """Manifest entries from the files' footers. Raises ManifestError where a footer disagrees with the rows read."""
    sizes = {file.path: file.length for file in storage.list_files()}

    def describe(path: str) -> ShardFile:
        groups = row_groups(spark, storage.uri(path))
        if sum(groups) != rows.get(path, 0):
            raise ManifestError(
                f"{storage.uri(path)}: {sum(groups):,} rows in its footer, {rows.get(path, 0):,} when read"
            )
        return ShardFile(path, path.split("/", 1)[0].removeprefix("split="), sum(groups), groups, sizes[path])

    with ThreadPoolExecutor(8) as pool:
        return sorted(pool.map(describe, paths), key=lambda file: file.path)


def _relative(file_path: str, paths: list[str]) -> str:
    """`_metadata.file_path` is URL-encoded; file and directory names of shards are plain ASCII, so the end decides."""
    name = "/".join(file_path.rsplit("/", 2)[-2:])
    if name not in paths:
        raise ManifestError(f"{file_path}: read back, but not one of the files just written")
    return name
