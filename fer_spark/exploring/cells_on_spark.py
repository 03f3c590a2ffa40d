"""One pass over the annotations: rows counted by split, label and fine bin, and every check's violations with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from fer_spark.exploring.bins import ANGLE_DEG, FINE, MEDIUM, MICRO, RADII, RADIUS, count_of
from fer_spark.exploring.found import Counted
from fer_spark.exploring.small import collect_small
from fer_spark.spark.held import held

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame

MOST_LABELS = 40
"""So many labels have a map of their own; of a source with more, the most frequent."""

SENTINEL = -2.0
"""AffectNet's value for `not annotated`."""


def usable(value: Column) -> Column:
    """The value; null where it is missing, NaN, the sentinel or outside [-1, 1]."""
    return F.when(~F.isnan(value) & value.between(-1.0, 1.0), value)


def checks_of(has: frozenset[str]) -> dict[str, tuple[str, Column, Column]]:
    """Checks of ANNOTATION rows by key: (column that is checked, condition of a violation, what to show of the row).

    `has`: which of path, label, split, valence, arousal the source offers; the others are not checked.
    """
    shown = {"path": F.col("label_raw"), "label": F.col("path"), "split": F.col("path")}
    checks: dict[str, tuple[str, Column, Column]] = {}
    for column, raw in (("path", "path"), ("label", "label_raw"), ("split", "split_raw")):
        if column in has:
            blank = F.col(raw).isNull() | (F.trim(raw) == "")
            checks[f"null:{column}"] = (column, blank, shown[column])
    if "label" in has:
        unknown = F.col("label").isNull() & (F.trim("label_raw") != "")
        checks["unknown_code:label"] = ("label", unknown, F.col("label_raw"))
    if "split" in has:
        odd = F.col("split").isNull() & (F.trim("split_raw") != "")
        checks["unknown_split:split"] = ("split", odd, F.col("split_raw"))
    for name in ("valence", "arousal"):
        if name in has:
            checks |= _feeling_checks(name)
    if {"valence", "arousal"} <= has:
        both, v, a = "valence, arousal", usable(F.col("valence")), usable(F.col("arousal"))
        square = _micro(v) * _micro(v) + _micro(a) * _micro(a)
        pair = F.concat(F.lit("("), F.col("valence").cast("string"), F.lit(", "), F.col("arousal").cast("string"))
        checks[f"outside_unit_circle:{both}"] = (both, square > MICRO * MICRO, F.concat(pair, F.lit(")")))
        checks[f"not_a_number:{both}"] = (both, F.col("not_number").isNotNull(), F.col("not_number"))
    return checks


def _feeling_checks(name: str) -> dict[str, tuple[str, Column, Column]]:
    value, example = F.col(name), F.concat_ws(": ", "path", F.col(name).cast("string"))
    outside = ~F.isnan(value) & (value != SENTINEL) & ~value.between(-1.0, 1.0)
    missing = value.isNull() & F.col("not_number").isNull()
    return {
        f"null:{name}": (name, missing, F.col("path")),
        f"nan:{name}": (name, F.isnan(value), F.col("path")),
        f"sentinel:{name}": (name, value == SENTINEL, example),
        f"outside_range:{name}": (name, outside, example),
    }


def count_cells(rows: DataFrame, has: frozenset[str]) -> Counted:
    """Count ANNOTATION rows. The table of cells stays on the executors; what comes back is summed up from it."""
    checks = checks_of(has)
    micro = {f"_{name[0]}": _micro(usable(F.col(name))) for name in ("valence", "arousal")}
    keyed = rows.withColumns(micro).select(
        F.coalesce("split", F.lit("")).alias("split"),
        F.coalesce("label", F.lit("")).alias("label"),
        *_bins(),
        *(F.coalesce(bad, F.lit(False)).cast("int").alias(f"c{i}") for i, (_, bad, _) in enumerate(checks.values())),
    )
    sums = [F.sum(f"c{i}").alias(f"c{i}") for i in range(len(checks))]
    by_cell = keyed.groupBy("split", "label", "v", "a", "angle", "ring")
    cells = held(by_cell.agg(F.count(F.lit(1)).alias("n"), *sums))
    try:
        return _summed(cells, list(checks))
    finally:
        cells.unpersist()


def _summed(cells: DataFrame, checks: list[str]) -> Counted:
    labels = _table(cells, ("split", "label"), "rows by split and label")
    fine = _table(cells, ("split", "v", "a"), "rows by fine bin")
    polar = _table(cells.where("angle IS NOT NULL"), ("split", "angle", "ring"), "rows by angle and ring")
    often = sorted(_by_label(labels).items(), key=lambda item: (-item[1], item[0]))[:MOST_LABELS]
    half = MEDIUM // FINE
    boxes = cells.where(F.col("v").isNotNull() & F.col("a").isNotNull() & F.col("label").isin([n for n, _ in often]))
    boxes = boxes.withColumns({"v": F.expr(f"v div {half}"), "a": F.expr(f"a div {half}")})
    by_label = _table(boxes, ("label", "v", "a"), "rows by label and bin")
    sums = [F.sum(f"c{i}").alias(f"c{i}") for i in range(len(checks))]
    found = collect_small(cells.groupBy("split").agg(F.count(F.lit(1)), *sums), "violations by split")
    violations = {(row["split"], key): int(row[f"c{i}"]) for row in found for i, key in enumerate(checks)}
    return Counted(labels, fine, polar, by_label, violations)


def _by_label(labels: Mapping[tuple[str, str], int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for (_, label), count in labels.items():
        found[label] = found.get(label, 0) + count
    return found


def _table(cells: DataFrame, keys: tuple[str, ...], what: str) -> dict[Any, int]:
    rows = collect_small(cells.groupBy(*keys).agg(F.sum("n").alias("n")), what)
    return {tuple(row[key] for key in keys): int(row["n"]) for row in rows}


def _bins() -> list[Column]:
    """Fine bins of `_v` and `_a` (millionths, null where unusable), and angle and ring where both are there."""
    v, a = F.col("_v"), F.col("_a")
    both = v.isNotNull() & a.isNotNull()
    turned = F.floor(F.degrees(F.atan2(a.cast("double"), v.cast("double"))) * MICRO + 0.5)
    angle = F.pmod(F.floor(turned / (ANGLE_DEG * MICRO)), F.lit(360 // ANGLE_DEG)).cast("int")
    ring = F.floor(F.floor(F.sqrt((v * v + a * a).cast("double")) + 0.5) / RADIUS).cast("int")
    return [
        _fine(v).alias("v"),
        _fine(a).alias("a"),
        F.when(both, angle).alias("angle"),
        F.when(both, F.least(ring, F.lit(RADII - 1))).alias("ring"),
    ]


def _fine(micro: Column) -> Column:
    """Index of the fine bin; the last one is closed. Null stays null, which `least` alone would pass over."""
    index = F.floor((micro + MICRO) / FINE).cast("int")
    return F.when(micro.isNotNull(), F.least(index, F.lit(count_of(FINE) - 1)))


def _micro(value: Column) -> Column:
    """Millionths, rounded half up; Spark's own `round` goes through BigDecimal, which is ten times slower."""
    return F.floor(value * MICRO + 0.5)
