"""Every output format by the name that --format gives it. A new one is a class in this folder and an entry here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_spark.scoring.outputs.backend import check_known
from fer_spark.scoring.outputs.delta import Delta
from fer_spark.scoring.outputs.files import Json, Parquet
from fer_spark.scoring.outputs.format import Format
from fer_spark.scoring.outputs.iceberg import Iceberg

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FORMATS: dict[str, type[Format]] = {kind.form: kind for kind in (Parquet, Json, Delta, Iceberg)}
NAMED = tuple(form for form, kind in FORMATS.items() if kind.named)
"""Formats whose --output is a table's name, and whose summary lies at --checkpoint."""


def check_format(spark: SparkSession, form: str) -> None:
    """Raise OutputError, with what to add, for a format that neither this Spark nor a Python package knows."""
    check_known(spark, FORMATS[form])
