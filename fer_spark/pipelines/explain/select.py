"""Which faces are explained: a choice that depends on the rows and the settings alone, not on their partitions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Window
from pyspark.sql import functions as F

from fer_spark.pipelines.explain.settings import ExplainSettings
from fer_spark.rows import FACE
from fer_spark.spark.held import held

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame

_PREDICTED = ("predicted", "confidence")


def needs_predictions(settings: ExplainSettings) -> bool:
    """Whether the choice asks what the model says of each face."""
    in_where = re.search(r"\b(predicted|confidence)\b", settings.where, re.IGNORECASE) is not None
    return in_where or settings.disagreements or settings.least_confident > 0


def choose(
    faces: DataFrame, settings: ExplainSettings, seed: int, predict: Callable[[DataFrame], DataFrame]
) -> DataFrame:
    """The `face_id`s to explain, each once. `predict` gives face_id, predicted and confidence of all faces.

    Raises ValueError for a condition that Spark does not understand.
    """
    rows = faces
    if needs_predictions(settings):
        rows = rows.join(predict(faces), "face_id")
    if settings.where:
        try:
            rows = rows.where(settings.where)
        except (AnalysisException, ParseException) as error:
            names = [*FACE.names, *_PREDICTED]
            raise ValueError(
                f"--where {settings.where!r}: {_first_line(error)}; columns: {', '.join(names)}"
            ) from error
    if settings.disagreements:
        rows = rows.where(F.col("label") != F.col("predicted"))
    kept = ["face_id", "label", *(["confidence"] if settings.least_confident else [])]
    drawn = rows.select(*kept, F.xxhash64("face_id", F.lit(seed)).alias("draw"))
    if settings.per_class and settings.least_confident:
        drawn = held(drawn)  # read twice, and perhaps from the model
    chosen = [
        _first(drawn, settings.per_class, ["draw", "face_id"], ["label"]) if settings.per_class else None,
        _first(drawn, settings.least_confident, ["confidence", "face_id"]) if settings.least_confident else None,
    ]
    parts = [part.select("face_id", "draw") for part in chosen if part is not None] or [drawn.select("face_id", "draw")]
    union = parts[0]
    for part in parts[1:]:
        union = union.unionByName(part).distinct()
    limited = union.orderBy("draw", "face_id").limit(settings.limit) if settings.limit else union
    return limited.select("face_id")


def _first(rows: DataFrame, count: int, order: list[str], within: list[str] | None = None) -> DataFrame:
    """The first `count` rows by `order`, in each group of `within`; rows whose order is null are none."""
    known = rows.where(F.col(order[0]).isNotNull())
    if not within:
        return known.orderBy(*order).limit(count)
    window = Window.partitionBy(*within).orderBy(*order)
    return known.withColumn("place", F.row_number().over(window)).where(F.col("place") <= count).drop("place")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
