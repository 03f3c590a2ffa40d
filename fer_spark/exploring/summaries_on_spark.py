"""Minimum, quartiles, mean and deviation of any measures, per split and over all, in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from fer_spark.exploration import ALL, defined
from fer_spark.exploring.found import ACCURACY, Summary
from fer_spark.exploring.small import collect_small

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

_DECIMALS = 6


def summarise(frame: DataFrame, measures: dict[str, Column], several_splits: bool = True) -> list[Summary]:
    """Summaries by split, then measure; rows over all splits come first. Nulls do not count.

    frame: has `split`, "" for none. Without `several_splits` only the rows over all are made.
    """
    values = frame.select("split", *(value.cast("double").alias(f"m{i}") for i, value in enumerate(measures.values())))
    figures = []
    for i in range(len(measures)):
        column = F.col(f"m{i}")
        quartiles = F.percentile_approx(column, [0.25, 0.5, 0.75], ACCURACY)
        figures.append(
            F.struct(
                F.count(column).alias("count"),
                F.min(column).alias("low"),
                quartiles.alias("quartiles"),
                F.avg(column).alias("mean"),
                F.max(column).alias("high"),
                F.stddev(column).alias("std"),
            ).alias(f"m{i}")
        )
    if several_splits:
        grouped = values.rollup("split").agg(F.grouping("split").alias("over"), *figures)
    else:
        grouped = values.agg(F.lit(None).cast("string").alias("split"), F.lit(1).alias("over"), *figures)
    found = {}
    for row in collect_small(grouped, "summaries"):
        split = ALL if row["over"] else row["split"]
        found[split] = [_summary(split, name, row[f"m{i}"]) for i, name in enumerate(measures)]
    return [summary for split in _ordered(list(found)) for summary in found[split]]


def _summary(split: str, measure: str, row: object) -> Summary:
    figures = row.asDict()  # type: ignore[attr-defined]
    quartiles = figures["quartiles"] or [None, None, None]
    rounded = [_rounded(value) for value in (figures["low"], *quartiles, figures["mean"], figures["high"])]
    low, q25, median, q75, mean, high = rounded
    return Summary(split, measure, figures["count"], low, q25, median, mean, q75, high, _rounded(figures["std"]))


def _rounded(value: float | None) -> float | None:
    kept = defined(value)
    return None if kept is None else round(kept, _DECIMALS) + 0.0  # no -0.0


def _ordered(splits: Sequence[str]) -> list[str]:
    order = (ALL, "train", "val", "test", "")
    return [name for name in order if name in splits]
