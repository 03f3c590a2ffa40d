"""The scored faces that `--explain` names, as a table: a choice that depends on rows and settings alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import functions as F

from fer_spark.rows import SCORE
from fer_spark.scoring.choice import WHERE, Wish
from fer_spark.scoring.columns import OK

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_GRAIN = 1 << 30


def check_conditions(spark: SparkSession, wishes: tuple[Wish, ...]) -> None:
    """Raise ValueError for an SQL condition that Spark does not understand on rows of SCORE."""
    conditional = [wish for wish in wishes if wish.where]
    if not conditional:
        return
    nothing = spark.createDataFrame([], SCORE.spark_schema)
    for wish in conditional:
        try:
            nothing.where(wish.where).schema  # noqa: B018 - the plan is analysed here, nothing runs
        except (AnalysisException, ParseException) as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(
                f"--explain '{WHERE}:{wish.where}': {reason}; columns: {', '.join(SCORE.names)}"
            ) from error


def chosen(rows: DataFrame, wishes: tuple[Wish, ...], seed: int) -> DataFrame:
    """face_id of those scored faces that any of the wishes names, each once, whatever the partitions."""
    fine = rows.where((F.col("status") == OK) & F.col("crop").isNotNull())
    parts = [_faces(fine, wish, seed).select("face_id") for wish in wishes]
    union = parts[0]
    for part in parts[1:]:
        union = union.unionByName(part)
    return union.distinct()


def _faces(fine: DataFrame, wish: Wish, seed: int) -> DataFrame:
    if wish.share:
        drawn = F.pmod(F.xxhash64("face_id", F.lit(seed)), F.lit(_GRAIN))
        return fine.where(drawn < math.ceil(wish.share * _GRAIN))
    if wish.least_confident:
        return fine.orderBy("confidence", "face_id").limit(min(wish.least_confident, fine.count()))
    if wish.disagreements:
        return fine.where(F.col("given_label") != F.col("label"))
    return fine.where(wish.where)
