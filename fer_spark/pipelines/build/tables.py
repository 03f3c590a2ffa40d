"""The tables that shards are too: which they are, and their commit, which a killed run leaves to the next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fer_spark.artifacts import Storage
from fer_spark.pipelines.build.plan import ExistingOutputError
from fer_spark.shards.manifest import NAME, Manifest
from fer_spark.shards.settings import ShardSettings
from fer_spark.shards.tables.open import ShardTables, describe_quarantine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_NOTE = "table"


def table_note(shards: ShardSettings) -> dict[str, Any]:
    """What the manifest's `run` notes: of Parquet alone nothing."""
    if not shards.table_package:
        return {}
    return {_NOTE: {"format": shards.format} | ({"table": shards.table} if shards.table else {})}


def check_same_table(old: Manifest, shards: ShardSettings, storage: Storage) -> None:
    """Raise ExistingOutputError where the shards are a table already, and would leave it behind."""
    noted = old.run.get(_NOTE)
    if noted is not None and noted != table_note(shards).get(_NOTE):
        flags = " ".join(f"--{name} {value}" for name, value in noted.items())
        raise ExistingOutputError(
            f"the shards in {storage.root} are a table too, which has to follow them: add {flags}, or choose another "
            "--output"
        )


def commit_tables(spark: SparkSession, storage: Storage, tables: ShardTables | None, manifest: Manifest) -> set[str]:
    """Let the tables, if any, hold what the published manifest lists; returns files that they named before."""
    if tables is None:
        return set()
    return tables.commit(manifest, describe_quarantine(spark, storage, manifest.quarantine_files))


def catch_up(
    spark: SparkSession, storage: Storage, tables: ShardTables | None, old: Manifest, shards: ShardSettings
) -> Manifest:
    """The same for shards that are complete: they become a table now, or are one already."""
    noted = replace(old, run=old.run | table_note(shards))
    if noted != old:
        storage.publish_text(NAME, noted.to_json())
    for path in commit_tables(spark, storage, tables, noted):
        storage.delete(path)
    return noted


def table_lines(manifest: Manifest, output: str) -> list[str]:
    """Where the tables are; none for shards that are Parquet alone."""
    noted = manifest.run.get(_NOTE)
    if noted is None:
        return []
    name, folder = noted.get("table"), output.rstrip("/")
    places = f"{name} and {name}_quarantine" if name else f"{folder} and {folder}/_quarantine"
    return [f"Tables ({noted['format']}): {places}"]
