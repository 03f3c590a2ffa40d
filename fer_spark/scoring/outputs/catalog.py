"""Every output format by the name that --format gives it. A new one is a class in this folder and an entry here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]

from fer_spark.scoring.outputs.delta import Delta
from fer_spark.scoring.outputs.files import Json, Parquet
from fer_spark.scoring.outputs.format import Format, OutputError
from fer_spark.scoring.outputs.iceberg import Iceberg

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FORMATS: dict[str, type[Format]] = {kind.form: kind for kind in (Parquet, Json, Delta, Iceberg)}
NAMED = tuple(form for form, kind in FORMATS.items() if kind.named)
"""Formats whose --output is a table's name, and whose summary lies at --checkpoint."""


def check_format(spark: SparkSession, form: str) -> None:
    """Raise OutputError, with the package to add, for a format that this Spark has no classes for."""
    jvm: Any = spark._jvm
    try:
        conf = spark._jsparkSession.sessionState().conf()
        jvm.org.apache.spark.sql.execution.datasources.DataSource.lookupDataSource(form, conf)
    except Py4JJavaError as error:
        package = FORMATS[form].package or "…"
        raise OutputError(
            f"--format {form}: this Spark does not know it; add --conf spark.jars.packages={package}"
        ) from error
