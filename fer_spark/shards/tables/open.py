"""The tables of one output, by --format: the faces', and the quarantine's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fer_spark.artifacts import Storage
from fer_spark.shards.manifest import Manifest
from fer_spark.shards.settings import ShardSettings
from fer_spark.shards.tables.content import ShardTable, TableFile, faces_of, quarantine_of
from fer_spark.shards.tables.delta import DeltaShards
from fer_spark.shards.tables.iceberg import IcebergShards
from fer_spark.shards.write import QUARANTINE_DIRECTORY
from fer_spark.spark.footers import row_groups
from fer_spark.tables.delta import DeltaPlace
from fer_spark.tables.iceberg import IcebergPlace
from fer_spark.tables.stores import plain_address

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class ShardTables:
    """Both tables of an output."""

    faces: ShardTable
    quarantine: ShardTable

    def check(self) -> None:
        """Raise OutputError or CommitError where either could not be committed to."""
        self.faces.check()
        self.quarantine.check()

    def commit(self, manifest: Manifest, quarantine: Sequence[TableFile]) -> set[str]:
        """Let both hold what the manifest lists; returns files below --output that they named before."""
        return self.faces.commit(faces_of(manifest)) | self.quarantine.commit(quarantine_of(manifest, quarantine))


def open_tables(spark: SparkSession, storage: Storage, settings: ShardSettings) -> ShardTables | None:
    """None for shards that are no table. Raises OutputError or CommitError where one could not be committed to."""
    if not settings.table_package:
        return None
    tables = _delta(spark, storage) if settings.format == "delta" else _iceberg(storage, settings.table)
    tables.check()
    return tables


def describe_quarantine(spark: SparkSession, storage: Storage, paths: Sequence[str]) -> list[TableFile]:
    """Rows from the files' footers."""
    sizes = {file.path: file.length for file in storage.list_files(QUARANTINE_DIRECTORY)}
    return [TableFile(path, sum(row_groups(spark, storage.uri(path))), sizes[path]) for path in paths]


def _delta(spark: SparkSession, storage: Storage) -> ShardTables:
    conf, aside = spark._jsc.hadoopConfiguration(), storage.uri(QUARANTINE_DIRECTORY)
    faces = DeltaShards(DeltaPlace.of(storage.root, storage.root, conf))
    return ShardTables(faces, DeltaShards(DeltaPlace.of(aside, aside, conf), f"{QUARANTINE_DIRECTORY}/"))


def _iceberg(storage: Storage, name: str) -> ShardTables:
    address = plain_address(storage.root).rstrip("/")
    output = f"file://{address}" if address.startswith("/") else address
    return ShardTables(*(IcebergShards(IcebergPlace(each), output) for each in (name, f"{name}_quarantine")))
