"""Scores in tables that keep their own books: what Delta and Iceberg have in common, and how their columns grow."""

from __future__ import annotations

import math
from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fer_spark.artifacts import Storage
from fer_spark.rows import SCORE, Column, Table
from fer_spark.scoring.outputs.backend import Backend, check_known, in_spark
from fer_spark.scoring.outputs.files import ROWS_PER_FILE
from fer_spark.scoring.outputs.format import Format
from fer_spark.tables.errors import OutputError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

    from fer_spark.scoring.ledger import Ledger


class Tables(Format):
    """A commit of the ledger is one of the table; the summary lists no files."""

    @abstractmethod
    def by_spark(self) -> Backend:
        """Where Spark has the format's classes."""

    @abstractmethod
    def by_package(self) -> Backend:
        """Where it has not."""

    @cached_property
    def backend(self) -> Backend:
        """Raises OutputError where there is none."""
        check_known(self.spark, type(self))
        return self.by_spark() if in_spark(self.spark, self.form) else self.by_package()

    def standing(self) -> StructType | None:
        """The columns of the table as it stands; None where there is none yet."""
        return self.backend.standing()

    def holds(self, condition: str) -> bool:
        """Whether there are rows for which it is true."""
        return self.standing() is not None and not self.backend.rows().where(condition).isEmpty()

    def delete(self, condition: str) -> None:
        """Remove the rows for which it is true, in one commit."""
        self.backend.delete(condition)

    def check_free(self, published: bool, overwrite: bool) -> None:
        if self.occupied() and not overwrite:
            raise OutputError(f"{self.name}: scores are there already: --overwrite replaces them, or choose another")

    def check_columns(self) -> None:
        standing = self.standing()
        if standing is None:
            self.backend.check_new()
        else:
            check_fits(self.name, self.columns, standing)

    def lost(self, ledger: Ledger) -> str:
        wrote = any(entry.figures.pictures for entry in ledger.entries)
        return "it" if wrote and not self.occupied() else ""

    def drop_uncommitted(self, ledger: Ledger) -> None:
        if ledger.fences and self.standing() is not None:
            self.backend.fence(max(ledger.fences))
        uncommitted = _not_in(ledger)
        if self.holds(uncommitted):
            self.delete(uncommitted)

    def replace(self, rows: DataFrame, count: int, name: str) -> list[str]:
        self._commit(rows.coalesce(max(math.ceil(count / ROWS_PER_FILE), 1)), None, name)
        return []

    def append(self, rows: DataFrame, batch: int, name: str) -> list[str]:
        self._commit(rows.coalesce(1), batch, name)
        return []

    def drop_replaced(self, files: list[str]) -> None:
        """The table's own commit has done it."""

    def _commit(self, rows: DataFrame, batch: int | None, name: str) -> None:
        self.backend.commit(rows.select(self.columns.names), self.standing(), batch, name)

    @classmethod
    def read(cls, spark: SparkSession, uri: str, summary: dict[str, Any], columns: Table = SCORE) -> DataFrame:
        table = cls(spark, str(summary["output"]) if cls.named else uri, Storage(spark, uri), columns)
        return completed(table.backend.rows(), columns)


def _not_in(ledger: Ledger) -> str:
    """Rows of batches that a ledger does not count."""
    later = f"batch >= {ledger.next_batch}"
    return f"{later} OR batch IN ({', '.join(map(str, ledger.fences))})" if ledger.fences else later


def missing_columns(columns: Table, standing: StructType) -> list[Column]:
    """Columns that this release writes and the table does not have yet; Spark's names know no case."""
    there = {name.lower() for name in standing.names}
    return [column for column in columns.columns if column.name.lower() not in there]


def fitted(rows: DataFrame, columns: Table, standing: StructType) -> DataFrame:
    """Rows with `columns`, and null in those of the table that this release does not write."""
    from pyspark.sql import functions as F

    ours = {name.lower() for name in columns.names}
    theirs = [field for field in standing.fields if field.name.lower() not in ours]
    nothing = [F.lit(None).cast(field.dataType).alias(field.name) for field in theirs]
    return rows.select(*columns.names, *nothing)


def completed(rows: DataFrame, columns: Table) -> DataFrame:
    """Rows of a table with those of `columns` that it does not have yet: null."""
    from pyspark.sql import functions as F

    missing = missing_columns(columns, rows.schema)
    return rows.select("*", *(F.lit(None).cast(column.sql_type).alias(column.name) for column in missing))


def check_fits(name: str, columns: Table, standing: StructType) -> None:
    """Raise OutputError for a column of another type, or for one that we do not write and that takes no null."""
    ours = {field.name.lower(): field.dataType.simpleString() for field in columns.spark_schema.fields}
    for field in standing.fields:
        expected, found = ours.get(field.name.lower()), field.dataType.simpleString()
        if expected is not None and expected != found:
            raise OutputError(
                f"{name}: column {field.name} is {found}, expected {expected}: write to another --output, with a new "
                "--checkpoint"
            )
        if expected is None and not field.nullable:
            raise OutputError(
                f"{name}: column {field.name} takes no null, and this release does not write it: make it nullable, or "
                "write to another --output"
            )
