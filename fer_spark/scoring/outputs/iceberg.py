"""Scores as an Iceberg table in a catalog: one of Spark's, or of pyiceberg's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_spark.rows import Table
from fer_spark.scoring.outputs.backend import Backend
from fer_spark.scoring.outputs.packages.iceberg import PackageIceberg
from fer_spark.scoring.outputs.tables import Tables, fitted, missing_columns

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType


class Iceberg(Tables):
    form = "iceberg"
    package = "org.apache.iceberg:iceberg-spark-runtime…"
    python = "pyiceberg"
    named = True

    def by_spark(self) -> Backend:
        return SparkIceberg(self)

    def by_package(self) -> Backend:
        return PackageIceberg(self)

    def occupied(self) -> bool:
        return self.standing() is not None


class SparkIceberg(Backend):
    """By Iceberg's jar."""

    def standing(self) -> StructType | None:
        return self.rows().schema if self.table.spark.catalog.tableExists(self.table.name) else None

    def rows(self) -> DataFrame:
        return self.table.spark.table(self.table.name)

    def commit(self, rows: DataFrame, standing: StructType | None, batch: int | None, name: str) -> None:
        from pyspark.sql import functions as F

        table, columns = self.table.name, self.table.columns
        if standing is None:
            rows.writeTo(table).using(self.table.form).create()
            return
        new = Table("NEW", tuple(missing_columns(columns, standing)))
        if new.columns:
            self.table.spark.sql(f"ALTER TABLE {table} ADD COLUMNS ({new.ddl})")
        replaced = F.lit(True) if batch is None else F.col("batch") == batch
        fitted(rows, columns, standing).writeTo(table).overwrite(replaced)

    def delete(self, condition: str) -> None:
        self.table.spark.sql(f"DELETE FROM {self.table.name} WHERE {condition}")

    def check_new(self) -> None:
        """Creating the table tells."""

    def fence(self, batch: int) -> None:
        """Its writer takes no number."""
