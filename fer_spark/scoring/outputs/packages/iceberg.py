"""Commits to an Iceberg table by the package pyiceberg, for a Spark without Iceberg's jar: tables/iceberg.py."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from fer_spark.artifacts import Storage
from fer_spark.rows import Table
from fer_spark.scoring.outputs.backend import Backend
from fer_spark.scoring.outputs.packages.parquet import read_files, write_files
from fer_spark.scoring.outputs.tables import missing_columns
from fer_spark.tables.errors import CommitError, OutputError
from fer_spark.tables.iceberg import IcebergPlace, single_try
from fer_spark.tables.stores import hadoop_address

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

_NUMBER = "fer_spark.batch"
"""Property of the table: the number of the last batch. It is committed once, and none before it."""


class PackageIceberg(Backend):
    """Unpartitioned tables whose files name columns as the table does, and none of whose rows is marked as deleted."""

    def standing(self) -> StructType | None:
        opened = self._open()
        return None if opened is None else _spark_schema(opened)

    def rows(self) -> DataFrame:
        opened = self._open()
        if opened is None:
            raise OutputError(f"{self.table.name}: no such table in the catalog")
        tasks = list(opened.scan().plan_files())
        if any(task.delete_files for task in tasks):
            raise self._refusal("some of its rows are marked as deleted")
        uris = [hadoop_address(task.file.file_path) for task in tasks]
        return read_files(self.table.spark, uris, _spark_schema(opened))

    def commit(self, rows: DataFrame, standing: StructType | None, batch: int | None, name: str) -> None:
        columns = self.table.columns
        if standing is None:
            transaction = self._place.creating(columns.arrow_schema)
            paths = self._write(rows, transaction.table_metadata.location, name)
        else:
            paths = self._write(rows, self._standing_table().location(), name)
            opened = self._standing_table()
            self._check_number(opened, batch)
            transaction = single_try(opened).transaction()
        new = [] if standing is None else missing_columns(columns, standing)
        with self._place.talking(), transaction:
            if new:
                with transaction.update_schema() as update:
                    update.union_by_name(Table("NEW", tuple(new)).arrow_schema)
            if batch is None and standing is not None:
                transaction.delete("true")
            _add(transaction, paths, batch)

    def delete(self, condition: str) -> None:
        with self._place.talking():
            single_try(self._standing_table()).delete(condition)

    def check_new(self) -> None:
        """`standing` has opened the catalog."""

    def fence(self, batch: int) -> None:
        opened = self._standing_table()
        if _number(opened) < batch:
            with self._place.talking(), single_try(opened).transaction() as transaction:
                _add(transaction, [], batch)  # a snapshot without files: a commit that began before it fails

    @cached_property
    def _place(self) -> IcebergPlace:
        return IcebergPlace(self.table.name)

    def _open(self) -> Any | None:
        """None where there is no such table. Raises OutputError for those that we would misread."""
        opened = self._place.open()
        if opened is None:
            return None
        if not opened.spec().is_unpartitioned():
            raise self._refusal("it is partitioned")
        names = {(field.field_id, field.name) for schema in opened.schemas().values() for field in schema.fields}
        if not len({number for number, _ in names}) == len({name for _, name in names}) == len(names):
            raise self._refusal("a column has been renamed, or dropped and added again")
        return opened

    def _standing_table(self) -> Any:
        opened = self._open()
        if opened is None:
            raise CommitError(f"{self.table.name}: the table is no longer in the catalog")
        return opened

    def _refusal(self, why: str) -> OutputError:
        return OutputError(
            f"{self.table.name}: {why}: take a Spark that has Iceberg's jar, or another --output, with a new "
            "--checkpoint"
        )

    def _write(self, rows: DataFrame, location: str, name: str) -> list[str]:
        """Paths as the table names places."""
        storage = Storage.to_write(self.table.spark, hadoop_address(location))
        return [f"{location}/{file.path}" for file in write_files(storage, rows, f"data/{name}")]

    def _check_number(self, opened: Any, batch: int | None) -> None:
        if batch is not None and _number(opened) >= batch:
            raise CommitError(
                f"{self.table.name}: another run has committed batch {_number(opened)} and this one's is {batch}"
            )


def _spark_schema(opened: Any) -> StructType:
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(opened.schema().as_arrow())


def _number(opened: Any) -> int:
    return int(opened.properties.get(_NUMBER, 0))


def _add(transaction: Any, paths: list[str], batch: int | None) -> None:
    """A snapshot with these files; table and snapshot note the number of their batch."""
    numbered = {} if batch is None else {_NUMBER: str(batch)}
    if numbered:
        transaction.set_properties(numbered)
    transaction.add_files(paths, snapshot_properties=numbered, check_duplicate_files=False)
