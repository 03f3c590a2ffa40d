"""Where a test may write each output format, and how others see a table that was written there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pyspark.sql import SparkSession

from fer_spark.scoring.outputs.backend import in_spark
from fer_spark.scoring.outputs.catalog import FORMATS, check_format
from fer_spark.tables.errors import OutputError
from tests.tables.catalogs import catalog_in


def place(spark: SparkSession, form: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What --output names: a directory in `folder`, or a new table. Skips where nothing here knows the format."""
    try:
        check_format(spark, form)
    except OutputError as error:
        pytest.skip(str(error))
    if not FORMATS[form].named:
        return str(folder / "scores")
    if not in_spark(spark, form):
        catalog_in(folder / "catalog", monkeypatch)
    elif not spark.conf.get("spark.sql.catalog.lake", None):
        pytest.skip("no catalog named lake")
    return f"lake.tests.t{uuid4().hex}"


@dataclass(frozen=True)
class Reader:
    """A program that knows nothing of us: Spark with the format's classes; in classes below, a Python package."""

    spark: SparkSession
    form: str
    name: str

    def rows(self) -> list[dict[str, Any]]:
        return [row.asDict() for row in self._frame().collect()]

    def counts(self) -> list[int]:
        """Rows of the table as it stood after each of its commits, the first one first."""
        if self.form == "iceberg":
            snapshots = self.spark.table(f"{self.name}.snapshots").orderBy("committed_at").collect()
            words = f"SELECT * FROM {self.name} VERSION AS OF"
            return [self.spark.sql(f"{words} {row['snapshot_id']}").count() for row in snapshots]
        commits = len(list((Path(self.name) / "_delta_log").glob("*.json")))
        reader = self.spark.read.format("delta")
        return [reader.option("versionAsOf", number).load(self.name).count() for number in range(commits)]

    def add_column(self, name: str) -> None:
        """One of strings."""
        table = self.name if self.form == "iceberg" else f"delta.`{self.name}`"
        self.spark.sql(f"ALTER TABLE {table} ADD COLUMNS ({name} string)")

    def _frame(self) -> Any:
        if self.form == "iceberg":
            return self.spark.table(self.name)
        return self.spark.read.format(self.form).option("mergeSchema", "true").load(self.name)


class DeltaReader(Reader):
    """deltalake."""

    def rows(self) -> list[dict[str, Any]]:
        return list(self.open().to_pyarrow_table().to_pylist())

    def counts(self) -> list[int]:
        return [self.open(number).to_pyarrow_table().num_rows for number in range(self.open().version() + 1)]

    def add_column(self, name: str) -> None:
        from deltalake import Field
        from deltalake.schema import PrimitiveType

        self.open().alter.add_columns([Field(name, PrimitiveType("string"))])

    def open(self, version: int | None = None) -> Any:
        from deltalake import DeltaTable

        return DeltaTable(self.name, version=version)


class IcebergReader(Reader):
    """pyiceberg."""

    def rows(self) -> list[dict[str, Any]]:
        return list(self.open().scan().to_arrow().to_pylist())

    def counts(self) -> list[int]:
        opened = self.open()
        return [opened.scan(snapshot_id=kept.snapshot_id).to_arrow().num_rows for kept in opened.snapshots()]

    def add_column(self, name: str) -> None:
        from pyiceberg.types import StringType

        with self.open().update_schema() as update:
            update.add_column(name, StringType())

    def open(self) -> Any:
        from pyiceberg.catalog import load_catalog

        return load_catalog("lake").load_table(self.name.removeprefix("lake."))


def reader_of(spark: SparkSession, form: str, name: str) -> Reader:
    """Of what `place` has named: the packages' where Spark does not know the format."""
    packages = {} if in_spark(spark, form) else {"delta": DeltaReader, "iceberg": IcebergReader}
    return packages.get(form, Reader)(spark, form, name)
