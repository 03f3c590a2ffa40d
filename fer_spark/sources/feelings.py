"""Valence and arousal as tables state them, and what of it can be used."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from fer_spark.sources.labelling import reject
from fer_spark.sources.tables import AnnotationTable, decimal, optional


def with_feelings(rows: DataFrame, table: AnnotationTable) -> DataFrame:
    """Adds `valence` and `arousal` from a table's columns; see check_feelings."""
    for name in ("valence", "arousal"):
        text = F.trim(optional(table.column("", (name,), "--input")))
        number = decimal(text)
        problem = F.when(
            number.isNull() & (F.coalesce(text, F.lit("")) != ""),
            F.concat(F.lit(f"{name} '"), text, F.lit("' is no number")),
        )
        rows = reject(rows.withColumn(name, number), F.when(problem.isNotNull(), "bad_annotation"), problem)
    return check_feelings(rows)


def check_feelings(rows: DataFrame) -> DataFrame:
    """-2 (AffectNet's `not annotated`) and NaN become null; anything else outside [-1, 1] rejects the row."""
    for name in ("valence", "arousal"):
        value = F.col(name)
        rows = rows.withColumn(name, F.when(value.isNotNull() & ~F.isnan(value) & (value != -2), value))
        outside = F.col(name).isNotNull() & ~F.col(name).between(-1.0, 1.0)
        detail = F.concat(F.lit(f"{name} "), F.col(name).cast("string"), F.lit(" is outside [-1, 1]"))
        rows = reject(rows, F.when(outside, "bad_annotation"), detail)
        rows = rows.withColumn(name, F.when(~outside, F.col(name)))
    return rows
