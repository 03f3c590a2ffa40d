"""Scores as a Delta table in a directory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fer_spark.rows import SCORE, Table
from fer_spark.scoring.outputs.files import STAGING
from fer_spark.scoring.outputs.tables import Tables, completed, fitted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

_LOG = "_delta_log"


class Delta(Tables):
    form = "delta"
    package = "io.delta:delta-spark_2.13:VERSION"

    def occupied(self) -> bool:
        return any(not file.path.startswith(("_", ".")) for file in self.books.list_files())

    def standing(self) -> StructType | None:
        if not self.books.list_files(_LOG):
            return None  # a first commit that was killed leaves data files, but no table yet
        return self._rows().schema

    def check_columns(self) -> None:
        super().check_columns()
        if self.standing() is None:
            self._try_out()

    def commit(self, rows: DataFrame, batch: int | None) -> None:
        standing = self.standing()
        chosen = rows.select(self.columns.names) if standing is None else fitted(rows, self.columns, standing)
        writer = chosen.write.format(self.form).mode("overwrite").option("mergeSchema", "true")
        if batch is not None:
            writer = writer.option("replaceWhere", f"batch = {batch}")
        writer.save(self.books.root)

    def holds(self, condition: str) -> bool:
        return self.standing() is not None and not self._rows().where(condition).isEmpty()

    def delete(self, condition: str) -> None:
        self.spark.sql(f"DELETE FROM delta.`{self.books.root}` WHERE {condition}")

    def _try_out(self) -> None:
        """Write and read an empty table: with Delta for another Spark writing succeeds, and all that follows fails."""
        place = f"{STAGING}/delta-{uuid4().hex[:8]}"
        try:
            empty = self.spark.createDataFrame([], self.columns.spark_schema)
            empty.write.format(self.form).save(self.books.uri(place))
            self.spark.read.format(self.form).load(self.books.uri(place)).isEmpty()
        finally:
            self.books.delete(place)

    def _rows(self) -> DataFrame:
        return self.spark.read.format(self.form).load(self.books.root)

    @classmethod
    def read(cls, spark: SparkSession, uri: str, summary: dict[str, Any], columns: Table = SCORE) -> DataFrame:
        return completed(spark.read.format(cls.form).load(uri), columns)
