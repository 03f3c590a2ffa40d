"""Scores in tables that keep their own books: what Delta and Iceberg have in common, and how their columns grow."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from fer_spark.rows import Column, Table
from fer_spark.scoring.outputs.format import Format, OutputError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

    from fer_spark.scoring.ledger import Ledger


class Tables(Format):
    """A commit of the ledger is one of the table; the summary lists no files."""

    @abstractmethod
    def standing(self) -> StructType | None:
        """The columns of the table as it stands; None where there is none yet."""

    @abstractmethod
    def commit(self, rows: DataFrame, batch: int | None) -> None:
        """Replace the rows of one batch, or all of them with None, in one commit."""

    @abstractmethod
    def holds(self, condition: str) -> bool:
        """Whether there are rows for which it is true."""

    @abstractmethod
    def delete(self, condition: str) -> None:
        """Remove the rows for which it is true, in one commit."""

    def check_free(self, published: bool, overwrite: bool) -> None:
        if self.occupied() and not overwrite:
            raise OutputError(f"{self.name}: scores are there already: --overwrite replaces them, or choose another")

    def check_columns(self) -> None:
        standing = self.standing()
        if standing is not None:
            check_fits(self.name, self.columns, standing)

    def lost(self, ledger: Ledger) -> str:
        wrote = any(entry.figures.pictures for entry in ledger.entries)
        return "it" if wrote and not self.occupied() else ""

    def drop_uncommitted(self, ledger: Ledger) -> None:
        uncommitted = _not_in(ledger)
        if self.holds(uncommitted):
            self.delete(uncommitted)

    def replace(self, rows: DataFrame, count: int, name: str) -> list[str]:
        self.commit(rows, None)
        return []

    def append(self, rows: DataFrame, batch: int, name: str) -> list[str]:
        self.commit(rows, batch)
        return []

    def drop_replaced(self, files: list[str]) -> None:
        """The table's own commit has done it."""


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
