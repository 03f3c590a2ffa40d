"""Commits to a Delta table by the package deltalake, for a Spark without Delta's jar."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fer_spark.rows import Table
from fer_spark.scoring.outputs.backend import Backend, CommitError
from fer_spark.scoring.outputs.format import OutputError
from fer_spark.scoring.outputs.packages.parquet import DataFile, read_files, write_files
from fer_spark.scoring.outputs.packages.stores import plain_address, store_options
from fer_spark.scoring.outputs.tables import missing_columns

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

_APPLICATION = "fer_spark"
"""Under this name the table's log keeps the number of the last batch: it is committed once, and none before it."""
_NOT_IN_PATHS = frozenset("%[]^|\\")
"""deltalake takes a local path with one of these for another, or breaks off."""


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
        with _committing(self.table.name):
            if standing is None:
                schema = Schema.from_arrow(self.table.columns.arrow_schema)
                create_table_with_add_actions(
                    self._address(), schema, added, storage_options=self._options(), commit_properties=_numbered(batch)
                )
                return
            self._add_columns(standing)
            opened = self._open()
            self._check_number(opened, batch)
            opened.create_write_transaction(
                added, "overwrite" if batch is None else "append", opened.schema(), commit_properties=_numbered(batch)
            )

    def delete(self, condition: str) -> None:
        with _committing(self.table.name):
            self._open().delete(condition)

    def check_new(self) -> None:
        from deltalake import DeltaTable

        with self._opening():
            DeltaTable.is_deltatable(self._address(), self._options())

    def fence(self, batch: int) -> None:
        opened = self._open()
        if (opened.transaction_version(_APPLICATION) or 0) < batch:
            with _committing(self.table.name):
                opened.create_write_transaction([], "append", opened.schema(), commit_properties=_numbered(batch))

    def _open(self) -> Any:
        from deltalake import DeltaTable

        with self._opening():
            opened = DeltaTable(self._address(), storage_options=self._options())
        needs = opened.protocol()
        if opened.metadata().partition_columns:
            raise self._refusal("it is partitioned")
        if needs.min_writer_version > 2:  # a later reader's table is one of a later writer
            raise self._refusal(
                f"it takes a reader of version {needs.min_reader_version} and a writer of {needs.min_writer_version} "
                "(deletion vectors, renamed columns, constraints)"
            )
        return opened

    @contextmanager
    def _opening(self) -> Iterator[None]:
        from deltalake.exceptions import DeltaError

        try:
            yield
        except DeltaError as error:
            raise OutputError(f"{self.table.name}: deltalake cannot open it: {_plain(error)}") from error
        except OSError as error:
            raise CommitError(f"{self.table.name}: the storage does not answer: {_plain(error)}") from error

    def _address(self) -> str:
        address = plain_address(self.table.books.root)
        if bad := sorted(_NOT_IN_PATHS & set(address)):
            raise OutputError(
                f"{self.table.name}: deltalake takes no {' '.join(bad)} in a path: choose another --output"
            )
        return address

    def _refusal(self, why: str) -> OutputError:
        return OutputError(
            f"{self.table.name}: {why}: take a Spark that has Delta's jar, or another --output, with a new --checkpoint"
        )

    def _options(self) -> dict[str, str]:
        return store_options(self.table.books.root, self.table.spark._jsc.hadoopConfiguration())

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


@contextmanager
def _committing(name: str) -> Iterator[None]:
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (DeltaError, OSError) as error:
        raise CommitError(f"{name}: deltalake has not committed: {_plain(error)}; the next run tries again") from error


def _plain(error: Exception) -> str:
    """In one line, without colours and arrows."""
    return " ".join(re.sub(r"\x1b\[\d*m|↳", "", str(error)).split())
