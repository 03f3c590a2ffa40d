"""Scores as a directory of files: each appears whole, and those count that the summary lists."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fer_spark.artifacts import Storage, literal
from fer_spark.rows import SCORE, Table
from fer_spark.scoring.outputs.format import SINGLE_RUN, Format
from fer_spark.tables.errors import OutputError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from fer_spark.scoring.ledger import Ledger

STAGING = "_staging"
ROWS_PER_FILE = 500_000


class Files(Format):
    """What formats of files have in common. A file keeps the columns of the release that wrote it."""

    def occupied(self) -> bool:
        return bool(self.data_files())

    def data_files(self) -> list[str]:
        """Data files that are there already, whoever wrote them."""
        return [file.path for file in self.books.list_files() if not file.path.startswith(("_", "."))]

    def check_free(self, published: bool, overwrite: bool) -> None:
        there = self.data_files()
        if not published:  # what a killed run left is replaced without --overwrite
            if not all(path.startswith(SINGLE_RUN) for path in there):
                raise OutputError(f"{self.name} holds files that are not scores: choose another --output")
        elif there and not overwrite:
            raise OutputError(f"{self.name}: scores are there already: --overwrite replaces them, or choose another")

    def check_columns(self) -> None:
        """Every file has columns of its own."""

    def lost(self, ledger: Ledger) -> str:
        lost = ledger.lost(self.data_files())
        return f"{len(lost):,} of its files, {lost[0]} among them" if lost else ""

    def drop_uncommitted(self, ledger: Ledger) -> None:
        for path in ledger.strays(self.data_files()):
            self.books.delete(path)

    def replace(self, rows: DataFrame, count: int, name: str) -> list[str]:
        return self._add(rows, max(math.ceil(count / ROWS_PER_FILE), 1), name)

    def append(self, rows: DataFrame, batch: int, name: str) -> list[str]:
        return self._add(rows, 1, name)

    def drop_replaced(self, files: list[str]) -> None:
        for path in set(self.data_files()) - set(files):
            if path.startswith(SINGLE_RUN):
                self.books.delete(path)

    def _add(self, rows: DataFrame, files: int, prefix: str) -> list[str]:
        written = rows.select(self.columns.names).coalesce(files)
        return put_files(self.books, written, self.form, prefix, numbered=files > 1)

    @classmethod
    def read(cls, spark: SparkSession, uri: str, summary: dict[str, Any], columns: Table = SCORE) -> DataFrame:
        storage = Storage(spark, uri)
        paths = [literal(storage.uri(path)) for path in summary["files"]]
        if not paths:
            return spark.createDataFrame([], columns.spark_schema)
        return spark.read.schema(columns.spark_schema).format(cls.form).load(paths)


class Parquet(Files):
    form = "parquet"


class Json(Files):
    form = "json"


def put_files(storage: Storage, rows: DataFrame, form: str, prefix: str, numbered: bool) -> list[str]:
    """Write rows aside, then move each file into place as `prefix.form`, or `prefix-00000.form`; returns the names."""
    aside = f"{STAGING}/out-{uuid4().hex[:8]}"
    rows.write.format(form).save(storage.uri(aside))
    written = [file.path for file in storage.list_files(aside) if "/part-" in file.path]
    names = [f"{prefix}-{i:05d}.{form}" if numbered else f"{prefix}.{form}" for i in range(len(written))]
    for path, name in zip(written, names, strict=True):
        _rename(rows.sparkSession, storage.uri(path), storage.uri(name))
    storage.delete(aside)
    return names


def _rename(spark: SparkSession, source: str, target: str) -> None:
    """Raises OutputError where the storage refuses."""
    jvm: Any = spark._jvm
    path = jvm.org.apache.hadoop.fs.Path
    system = path(source).getFileSystem(spark._jsc.hadoopConfiguration())
    system.mkdirs(path(target).getParent())
    if not system.rename(path(source), path(target)):
        raise OutputError(f"{source} could not be moved to {target}")
