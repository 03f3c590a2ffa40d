"""Data quality by Spark: columns, examples of violated checks, repeated paths, label spellings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DatetimeType, DoubleType, FloatType, NumericType, StringType, StructField

from fer_spark.exploring.found import ColumnFigures, Repeats, Spelling
from fer_spark.exploring.small import collect_small

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

EXAMPLES = 3
MOST_SPELLINGS = 200
_MOST_COLUMNS = 60
_PLAIN = (StringType, NumericType, BooleanType, DatetimeType)
_SHOWN = 80


def column_figures(table: DataFrame) -> list[ColumnFigures]:
    """Of the columns `in:<name>` of a table with `split`, the first 60, in one pass.

    Pictures' bytes, structs and arrays are named with their type and left alone.
    """
    fields = [item for item in table.schema if item.name.startswith("in:")][:_MOST_COLUMNS]
    counted = [(i, item) for i, item in enumerate(fields) if isinstance(item.dataType, _PLAIN)]
    figures = [figure for i, item in counted for figure in _figures(i, item)]
    keyed = table.groupBy(F.coalesce("split", F.lit("")).alias("split"))
    rows = collect_small(keyed.agg(F.count(F.lit(1)).alias("rows"), *figures), "columns by split")
    order = {name: i for i, name in enumerate(("train", "val", "test", ""))}
    ordered = sorted(rows, key=lambda row: order.get(row["split"], 9))
    return [_column(row, i, item) for row in ordered for i, item in enumerate(fields)]


def _figures(i: int, item: StructField) -> list[Column]:
    """nulls, nan, distinct; and of text: values that are no number (words), values that are no whole one (parts)."""
    column = F.col("`" + item.name.replace("`", "``") + "`")
    if not isinstance(item.dataType, StringType):
        nan = F.count_if(F.isnan(column)) if isinstance(item.dataType, (DoubleType, FloatType)) else F.lit(0)
        distinct = F.approx_count_distinct(column)
        return [F.count_if(column.isNull()).alias(f"nulls{i}"), nan.alias(f"nan{i}"), distinct.alias(f"distinct{i}")]
    text = F.trim(column)
    missing, number = text.isNull() | (text == ""), text.try_cast("double")
    return [
        F.count_if(missing).alias(f"nulls{i}"),
        F.count_if(F.isnan(number)).alias(f"nan{i}"),
        F.approx_count_distinct(F.when(~missing, text)).alias(f"distinct{i}"),
        F.count_if(number.isNull() & ~missing).alias(f"words{i}"),
        F.count_if(~text.rlike(r"^[+-]?\d+$") & ~missing).alias(f"parts{i}"),
    ]


def _column(row: Row, i: int, item: StructField) -> ColumnFigures:
    name, kind = item.name.removeprefix("in:"), item.dataType.simpleString()
    if not isinstance(item.dataType, _PLAIN):
        return ColumnFigures(row["split"], name, kind, row["rows"], None, None, None)
    nulls = row[f"nulls{i}"]
    if isinstance(item.dataType, StringType) and nulls < row["rows"]:
        kind = "string" if row[f"words{i}"] else "double" if row[f"parts{i}"] else "int"
    distinct = min(row[f"distinct{i}"], row["rows"])  # an estimate, which may exceed what can be
    return ColumnFigures(row["split"], name, kind, row["rows"], nulls, row[f"nan{i}"], distinct)


def examples(rows: DataFrame, checks: dict[str, tuple[str, Column, Column]]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Up to three examples of each violation, by (split, check); the same whatever the partitions.

    rows: ANNOTATION; checks: as cells_on_spark.checks_of gives them, only those that are violated.
    """
    if not checks:
        return {}
    violations = [
        F.when(bad, F.struct(F.lit(key).alias("check"), F.substring(shown, 1, _SHOWN).alias("text")))
        for key, (_, bad, shown) in checks.items()
    ]
    failed = rows.select(
        F.coalesce("split", F.lit("")).alias("split"), F.explode(F.array_compact(F.array(*violations)))
    )
    return some_of(failed.select("split", "col.check", F.coalesce("col.text", F.lit("")).alias("text")), "check")


def some_of(frame: DataFrame, key: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """Up to three texts by (split, key) of a frame (split, `key`, text): the least of each third of the hashes."""
    third = F.pmod(F.xxhash64("text"), F.lit(EXAMPLES))
    least = frame.groupBy("split", key, third.alias("third")).agg(F.min("text").alias("text"))
    found: dict[tuple[str, str], list[str]] = {}
    for row in collect_small(least, "examples"):
        found.setdefault((row["split"], row[key]), []).append(row["text"])
    return {place: tuple(sorted(text for text in texts if text)) for place, texts in found.items()}


def spellings(rows: DataFrame) -> tuple[list[Spelling], dict[str, tuple[int, int]]]:
    """The most frequent 200 spellings; and by label how many spellings it has, and rows not in its most frequent one.

    Spellings of one label differ also by case alone; numbers and names count as different.
    """
    written = rows.where(F.trim("label_raw") != "").groupBy("label_raw", F.coalesce("label", F.lit("")).alias("label"))
    counted = written.agg(F.count(F.lit(1)).alias("n"))
    top = counted.orderBy(F.desc("n"), "label_raw").limit(MOST_SPELLINGS)
    per_label = counted.where("label != ''").groupBy("label")
    variants = per_label.agg(F.count(F.lit(1)).alias("ways"), (F.sum("n") - F.max("n")).alias("odd"))
    most = [Spelling(row["label_raw"], row["label"], row["n"]) for row in collect_small(top, "spellings")]
    few = collect_small(variants.where("ways > 1"), "spellings by label")
    return most, {row["label"]: (row["ways"], row["odd"]) for row in few}


def repeats(rows: DataFrame) -> Repeats:
    """Paths that several rows name. Paths are compared by a 64-bit hash."""
    key, none = F.xxhash64("path").alias("key"), F.lit("")
    label, split = F.xxhash64(F.coalesce("label", none)), F.xxhash64(F.coalesce("split", none))
    keyed = rows.where("path IS NOT NULL").select(key, label.alias("label"), split.alias("split"))
    several = (
        keyed.groupBy("key")
        .agg(
            F.count(F.lit(1)).alias("n"),
            (F.min("label") != F.max("label")).alias("conflicts"),
            (F.min("split") != F.max("split")).alias("crosses"),
        )
        .where("n > 1")
    )
    named = {
        "repeated": F.lit(True),
        "conflicting": F.col("conflicts"),
        "split": F.col("crosses"),
    }
    total = several.agg(
        F.count(F.lit(1)).alias("paths"),
        F.coalesce(F.sum(F.col("n") - 1), F.lit(0)).alias("redundant"),
        F.coalesce(F.sum(F.when(F.col("conflicts"), F.col("n"))), F.lit(0)).alias("conflicting"),
        F.coalesce(F.sum(F.when(F.col("crosses"), F.col("n"))), F.lit(0)).alias("crossing"),
        *(F.min(F.when(which, F.col("key"))).alias(f"low_{name}") for name, which in named.items()),
        *(F.max(F.when(which, F.col("key"))).alias(f"high_{name}") for name, which in named.items()),
    )
    row = collect_small(total, "repeated paths")[0]
    keys = {name: {row[f"low_{name}"], row[f"high_{name}"]} - {None} for name in named}
    shown_keys = set().union(*keys.values())
    paths: dict[int, str] = {}
    if shown_keys:
        found = rows.select(key, "path").where(F.col("key").isin(list(shown_keys)))
        paths = {place["key"]: place["path"] for place in collect_small(found.distinct(), "examples of repeated paths")}
    shown = [tuple(sorted(paths[repeated][:_SHOWN] for repeated in keys[name])) for name in named]
    return Repeats(row["paths"], row["redundant"], row["conflicting"], row["crossing"], *shown)
