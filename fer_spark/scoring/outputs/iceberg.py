"""Scores as an Iceberg table in one of Spark's catalogs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fer_spark.rows import SCORE, Table
from fer_spark.scoring.outputs.tables import Tables, completed, fitted, missing_columns

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType


class Iceberg(Tables):
    form = "iceberg"
    package = "org.apache.iceberg:iceberg-spark-runtime…"
    named = True

    def occupied(self) -> bool:
        return bool(self.spark.catalog.tableExists(self.name))

    def standing(self) -> StructType | None:
        return self.spark.table(self.name).schema if self.occupied() else None

    def commit(self, rows: DataFrame, batch: int | None) -> None:
        from pyspark.sql import functions as F

        standing = self.standing()
        if standing is None:
            rows.select(self.columns.names).writeTo(self.name).using(self.form).create()
            return
        new = Table("NEW", tuple(missing_columns(self.columns, standing)))
        if new.columns:
            self.spark.sql(f"ALTER TABLE {self.name} ADD COLUMNS ({new.ddl})")
        replaced = F.lit(True) if batch is None else F.col("batch") == batch
        fitted(rows, self.columns, standing).writeTo(self.name).overwrite(replaced)

    def holds(self, condition: str) -> bool:
        return self.occupied() and not self.spark.table(self.name).where(condition).isEmpty()

    def delete(self, condition: str) -> None:
        self.spark.sql(f"DELETE FROM {self.name} WHERE {condition}")

    @classmethod
    def read(cls, spark: SparkSession, uri: str, summary: dict[str, Any], columns: Table = SCORE) -> DataFrame:
        return completed(spark.table(str(summary["output"])), columns)
