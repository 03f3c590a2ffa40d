"""Commits to an Iceberg table by the package pyiceberg, for a Spark without Iceberg's jar.

`lake.faces.scores` is the table scores in the namespace faces of the catalog that pyiceberg knows as lake: by
~/.pyiceberg.yaml, or by PYICEBERG_CATALOG__LAKE__URI and other variables of the environment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fer_spark.artifacts import Storage
from fer_spark.rows import Table
from fer_spark.scoring.outputs.backend import Backend, CommitError
from fer_spark.scoring.outputs.format import OutputError
from fer_spark.scoring.outputs.packages.parquet import read_files, write_files
from fer_spark.scoring.outputs.packages.stores import hadoop_address
from fer_spark.scoring.outputs.tables import missing_columns

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

_NUMBER = "fer_spark.batch"
"""Property of the table: the number of the last batch. It is committed once, and none before it."""
_RETRIES = "commit.retry.num-retries"


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
            catalog, identifier = self._catalog
            with _talking(self.table.name):
                catalog.create_namespace_if_not_exists(identifier.rpartition(".")[0])
                transaction = catalog.create_table_transaction(identifier, schema=columns.arrow_schema)
            paths = self._write(rows, transaction.table_metadata.location, name)
        else:
            paths = self._write(rows, self._standing_table().location(), name)
            opened = self._standing_table()
            self._check_number(opened, batch)
            transaction = _single_try(opened).transaction()
        new = [] if standing is None else missing_columns(columns, standing)
        with _talking(self.table.name), transaction:
            if new:
                with transaction.update_schema() as update:
                    update.union_by_name(Table("NEW", tuple(new)).arrow_schema)
            if batch is None and standing is not None:
                transaction.delete("true")
            _add(transaction, paths, batch)

    def delete(self, condition: str) -> None:
        with _talking(self.table.name):
            _single_try(self._standing_table()).delete(condition)

    def check_new(self) -> None:
        """`standing` has opened the catalog."""

    def fence(self, batch: int) -> None:
        opened = self._standing_table()
        if _number(opened) < batch:
            with _talking(self.table.name), _single_try(opened).transaction() as transaction:
                _add(transaction, [], batch)  # a snapshot without files: a commit that began before it fails

    @cached_property
    def _catalog(self) -> tuple[Any, str]:
        """The catalog, and the table's name in it."""
        from pyiceberg.catalog import load_catalog
        from pyiceberg.exceptions import NotInstalledError

        catalog, _, identifier = self.table.name.partition(".")
        if "." not in identifier:
            raise OutputError(f"{self.table.name}: expected CATALOG.NAMESPACE.TABLE, such as lake.faces.scores")
        try:
            return load_catalog(catalog), identifier
        except (ValueError, ImportError, NotInstalledError) as error:
            raise OutputError(
                f"{self.table.name}: pyiceberg cannot open a catalog named {catalog} ({error}); describe it in "
                f"~/.pyiceberg.yaml, or by PYICEBERG_CATALOG__{catalog.upper()}__URI and …__WAREHOUSE"
            ) from error

    def _open(self) -> Any | None:
        """None where there is no such table. Raises OutputError for those that we would misread."""
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

        catalog, identifier = self._catalog
        try:
            with _talking(self.table.name):
                opened = catalog.load_table(identifier)
        except (NoSuchTableError, NoSuchNamespaceError):
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


def _single_try(opened: Any) -> Any:
    """A table as it was opened, whose commits are not tried again over those of others: their number would be old."""
    opened.metadata.properties[_RETRIES] = "0"
    return opened


@contextmanager
def _talking(name: str) -> Iterator[None]:
    """What the catalog refuses, and its outages, as errors of ours."""
    from pyiceberg.exceptions import CommitFailedException, RESTError, TableAlreadyExistsError, ValidationException

    try:
        yield
    except (CommitFailedException, TableAlreadyExistsError, ValidationException, RESTError) as error:
        raise CommitError(f"{name}: the catalog has not done it: {error}; the next run tries again") from error
