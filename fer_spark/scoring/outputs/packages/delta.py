"""Commits to a Delta table by the package deltalake, for a Spark without Delta's jar."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from fer_spark.rows import Table
from fer_spark.scoring.outputs.backend import Backend
from fer_spark.scoring.outputs.packages.parquet import DataFile, read_files, write_files
from fer_spark.scoring.outputs.tables import missing_columns
from fer_spark.tables.delta import DeltaPlace
from fer_spark.tables.errors import CommitError, OutputError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

_APPLICATION = "fer_spark"
"""Under this name the table's log keeps the number of the last batch: it is committed once, and none before it."""


class PackageDelta(Backend):
    """Unpartitioned tables of reader version 1 and writer version 2, which is what Delta makes unless told otherwise:
    none of their rows is marked as deleted, no column renamed."""

    def standing(self) -> StructType | None:
        return _spark_schema(self._open())

    def rows(self) -> DataFrame:
        opened, books = self._open(), self.table.books
        paths = opened.get_add_actions()["path"].to_pylist()
        uris = [path if "://" in path else books.uri(path) for path in paths]  # of a clone, whole addresses
        return read_files(self.table.spark, uris, _spark_schema(opened))

    def commit(self, rows: DataFrame, standing: StructType | None, batch: int | None, name: str) -> None:
        from deltalake import Schema
        from deltalake.transaction import create_table_with_add_actions

        added = [_added(file, batch) for file in write_files(self.table.books, rows, name)]
        place = self._place
        with place.committing():
            if standing is None:
                schema = Schema.from_arrow(self.table.columns.arrow_schema)
                create_table_with_add_actions(
                    place.address, schema, added, storage_options=place.options, commit_properties=_numbered(batch)
                )
                return
            self._add_columns(standing)
            opened = self._open()
            self._check_number(opened, batch)
            opened.create_write_transaction(
                added, "overwrite" if batch is None else "append", opened.schema(), commit_properties=_numbered(batch)
            )

    def delete(self, condition: str) -> None:
        with self._place.committing():
            self._open().delete(condition)

    def check_new(self) -> None:
        self._place.is_there()

    def fence(self, batch: int) -> None:
        opened = self._open()
        if (opened.transaction_version(_APPLICATION) or 0) < batch:
            with self._place.committing():
                opened.create_write_transaction([], "append", opened.schema(), commit_properties=_numbered(batch))

    def _open(self) -> Any:
        opened = self._place.open()
        needs = opened.protocol()
        if opened.metadata().partition_columns:
            raise self._refusal("it is partitioned")
        if needs.min_writer_version > 2:  # a later reader's table is one of a later writer
            raise self._refusal(
                f"it takes a reader of version {needs.min_reader_version} and a writer of {needs.min_writer_version} "
                "(deletion vectors, renamed columns, constraints)"
            )
        return opened

    def _refusal(self, why: str) -> OutputError:
        return OutputError(
            f"{self.table.name}: {why}: take a Spark that has Delta's jar, or another --output, with a new --checkpoint"
        )

    @property
    def _place(self) -> DeltaPlace:
        return DeltaPlace.of(self.table.name, self.table.books.root, self.table.spark._jsc.hadoopConfiguration())

    def _check_number(self, opened: Any, batch: int | None) -> None:
        last = opened.transaction_version(_APPLICATION)
        if batch is not None and last is not None and last >= batch:
            raise CommitError(f"{self.table.name}: another run has committed batch {last} and this one's is {batch}")

    def _add_columns(self, standing: StructType) -> None:
        from deltalake import Schema

        if new := missing_columns(self.table.columns, standing):
            self._open().alter.add_columns(Schema.from_arrow(Table("NEW", tuple(new)).arrow_schema).fields)


def _spark_schema(opened: Any) -> StructType:
    from pyspark.sql.types import StructType

    return StructType.fromJson(json.loads(opened.schema().to_json()))


def _added(file: DataFile, batch: int | None) -> Any:
    from deltalake.transaction import AddAction

    statistics: dict[str, Any] = {"numRecords": file.rows}
    if batch is not None:
        statistics |= {"minValues": {"batch": batch}, "maxValues": {"batch": batch}, "nullCount": {"batch": 0}}
    return AddAction(file.path, file.length, {}, int(time.time() * 1000), True, json.dumps(statistics))


def _numbered(batch: int | None) -> Any:
    """Of two commits with a number that began from the same version, the log takes one."""
    from deltalake import CommitProperties, Transaction

    return CommitProperties(app_transactions=[] if batch is None else [Transaction(_APPLICATION, batch)])
