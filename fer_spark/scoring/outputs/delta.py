"""Scores as a Delta table in a directory."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from fer_spark.scoring.outputs.backend import Backend
from fer_spark.scoring.outputs.files import STAGING
from fer_spark.scoring.outputs.packages.delta import PackageDelta
from fer_spark.scoring.outputs.tables import Tables, fitted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

_LOG = "_delta_log"


class Delta(Tables):
    form = "delta"
    package = "io.delta:delta-spark_2.13:VERSION"
    python = "deltalake"

    def by_spark(self) -> Backend:
        return SparkDelta(self)

    def by_package(self) -> Backend:
        return PackageDelta(self)

    def occupied(self) -> bool:
        return any(not file.path.startswith(("_", ".")) for file in self.books.list_files())

    def standing(self) -> StructType | None:
        if not self.books.list_files(_LOG):
            return None  # a first commit that was killed leaves data files, but no table yet
        return super().standing()


class SparkDelta(Backend):
    """By Delta's jar."""

    def standing(self) -> StructType | None:
        return self.rows().schema

    def rows(self) -> DataFrame:
        return self.table.spark.read.format(self.table.form).load(self.table.books.root)

    def commit(self, rows: DataFrame, standing: StructType | None, batch: int | None, name: str) -> None:
        chosen = rows if standing is None else fitted(rows, self.table.columns, standing)
        writer = chosen.write.format(self.table.form).mode("overwrite").option("mergeSchema", "true")
        if batch is not None:
            writer = writer.option("replaceWhere", f"batch = {batch}")
        writer.save(self.table.books.root)

    def delete(self, condition: str) -> None:
        self.table.spark.sql(f"DELETE FROM delta.`{self.table.books.root}` WHERE {condition}")

    def check_new(self) -> None:
        """Write and read an empty table: with Delta for another Spark writing succeeds, and all that follows fails."""
        place, spark, books = f"{STAGING}/delta-{uuid4().hex[:8]}", self.table.spark, self.table.books
        try:
            empty = spark.createDataFrame([], self.table.columns.spark_schema)
            empty.write.format(self.table.form).save(books.uri(place))
            spark.read.format(self.table.form).load(books.uri(place)).isEmpty()
        finally:
            books.delete(place)

    def fence(self, batch: int) -> None:
        """Its writer takes no number."""
