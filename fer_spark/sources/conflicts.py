"""Several annotation rows for one picture: repeats and contradictions, each row with its reason."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from fer_spark.sources.labelling import reject


def settle(rows: DataFrame, place: tuple[str, ...], policy: str) -> DataFrame:
    """Keep one usable row per place (the columns that identify a face: its picture and, where known, its box).

    policy: quarantine rejects all rows of a place with several labels; first keeps the first row; majority keeps the
    first row with the most frequent label, and none on a tie. A row that repeats the kept label is rejected as well.
    Rows already rejected have no say.
    """
    here = Window.partitionBy(*place)
    files = ["_file"] if "_file" in rows.columns else []  # rows of two files may have the same number
    order = F.struct("source_row", F.coalesce("split", F.lit("")), *files)
    good = F.col("reject_reason").isNull()
    label = F.when(good, F.coalesce("label", F.lit("")))
    rows = rows.withColumns({"_label": label, "_rows": F.count(label).over(here)})
    same = Window.partitionBy(*place, "_label")
    rows = rows.withColumns({"_votes": F.count("_label").over(same), "_rank": F.row_number().over(same.orderBy(order))})
    rows = rows.withColumns(
        {
            "_labels": F.array_sort(F.collect_set("_label").over(here)),
            "_first": F.min_by("_label", F.when(good, order)).over(here),
            "_first_row": F.min(F.when(good, F.col("source_row"))).over(here),
            "_most": F.max("_votes").over(here),
        }
    )
    rows = rows.withColumn("_chosen", _chosen(policy, here))
    return _reject_others(rows, good).drop(
        "_label", "_rows", "_votes", "_rank", "_labels", "_first", "_first_row", "_most", "_chosen"
    )


def _chosen(policy: str, here: object) -> Column:
    if policy == "first":
        return F.col("_first")
    single = F.when(F.size("_labels") <= 1, F.col("_first"))
    if policy == "quarantine":
        return single
    tops = F.collect_set(F.when(F.col("_votes") == F.col("_most"), F.col("_label"))).over(here)  # type: ignore[arg-type]
    return F.when(F.size(tops) == 1, F.element_at(tops, 1))


def _reject_others(rows: DataFrame, good: Column) -> DataFrame:
    several = F.concat(F.lit("its rows disagree: "), F.array_join("_labels", ", "), F.lit("; see --conflicts"))
    lost = F.concat(
        F.lit("another row of this picture says '"), F.col("_chosen"), F.lit("', and --conflicts keeps that")
    )
    again = F.concat(F.lit("repeats row "), F.coalesce(F.col("_first_row").cast("string"), F.lit("?")))
    many = good & (F.col("_rows") > 1)
    problem = (
        F.when(many & F.col("_chosen").isNull(), several)
        .when(many & (F.col("_label") != F.col("_chosen")), lost)
        .when(many & (F.col("_rank") > 1), again)
    )
    return reject(rows, F.when(problem.isNotNull(), "bad_annotation"), problem)
