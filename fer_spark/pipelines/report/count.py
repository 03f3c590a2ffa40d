"""Scores counted by Spark: a few thousand groups at most come back, whatever the number of rows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from fer_spark.reports.scoring.figures import FINE, Cell
from fer_spark.reports.scoring.page import Batch
from fer_spark.scoring.columns import OK

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_MOST_BATCHES = 30


def count_scores(rows: DataFrame, chosen: bool = False) -> tuple[dict[str, int], list[Cell]]:
    """Pictures by status, `ok` first and the others from many to few; and faces in cells.

    A picture counts by its first face, or by its status; of `chosen` rows, which may lack first faces, by any.
    """
    fine = F.col("status") == OK
    place = F.greatest(F.ceil(F.col("confidence").cast("double") * FINE) - 1, F.lit(0))
    first = F.col("face_index").isNull() | (F.col("face_index") == 0)
    given = F.when(fine, F.col("given_label")).alias("given")
    groups = (
        rows.groupBy("status", "label", given, "abstained", F.when(fine, F.least(place, F.lit(FINE - 1))).alias("bin"))
        .agg(
            F.count(F.lit(1)).alias("faces"),
            F.count_if(first).alias("pictures"),
            F.sum(F.col("confidence").cast("double")).alias("confidence"),
        )
        .collect()
    )
    statuses: Counter[str] = Counter()
    cells = []
    for group in groups:
        statuses[group["status"]] += group["pictures"]
        if group["status"] == OK:
            abstained = bool(group["abstained"])
            cells.append(
                Cell(group["label"], group["given"], abstained, group["bin"], group["faces"], group["confidence"])
            )
    if chosen:
        statuses = Counter(_pictures(rows, "status"))
    ordered = sorted(statuses.items(), key=lambda item: (item[0] != OK, -item[1], item[0]))
    return dict(ordered), sorted(cells, key=lambda cell: (cell.label, cell.given or "", cell.abstained, cell.bin))


def count_batches(rows: DataFrame, chosen: bool = False) -> list[Batch]:
    """The latest commits of an incremental run, newest first; none of a single run. `chosen` as above."""
    newest = rows.agg(F.max("batch")).collect()[0][0] or 0
    first = F.col("face_index").isNull() | (F.col("face_index") == 0)
    latest = rows.where((F.col("batch") > newest - _MOST_BATCHES) & (F.col("batch") > 0))
    groups = (
        latest.groupBy("batch", "label")
        .agg(
            F.count_if(first).alias("pictures"),
            F.count("label").alias("faces"),
            F.sum(F.col("confidence").cast("double")).alias("confidence"),
        )
        .collect()
    )
    named = _pictures(latest, "batch") if chosen else {}
    found = []
    for number in sorted({group["batch"] for group in groups}, reverse=True):
        here = [group for group in groups if group["batch"] == number]
        counts = {group["label"]: group["faces"] for group in here if group["label"] is not None}
        faces = sum(counts.values())
        confidence = sum(group["confidence"] or 0.0 for group in here)
        pictures = named[number] if chosen else sum(group["pictures"] for group in here)
        found.append(Batch(number, pictures, counts, confidence / faces if faces else None))
    return found


def _pictures(rows: DataFrame, by: str) -> dict[Any, int]:
    """Different pictures by the values of a column."""
    picture = F.struct("batch", "source_path", "source_row", "image_id")
    return {row[0]: row[1] for row in rows.groupBy(by).agg(F.count_distinct(picture)).collect()}
