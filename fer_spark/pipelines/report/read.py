"""Scores and explanations as tables, opened through the summaries that say what counts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import functions as F

from fer_spark.artifacts import Storage, literal
from fer_spark.pipelines.explain.run import ROWS
from fer_spark.pipelines.explain.run import SUMMARY as EXPLANATIONS
from fer_spark.rows import EXPLANATION, SCORE
from fer_spark.scoring.outputs.catalog import NAMED
from fer_spark.scoring.outputs.read import SUMMARY, read_scores

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class ReportError(ValueError):
    """What a report should show is missing, or does not fit together; the message says what would work."""


@dataclass(frozen=True)
class ScoreTable:
    """Rows of SCORE of one model, and the last run's summary. `other_models`: rows that were left out."""

    rows: DataFrame
    summary: dict[str, Any]
    other_models: int


@dataclass(frozen=True)
class WhyTable:
    """Rows of EXPLANATION, and their run's summary; `shards` and `image_column` where it was of shards."""

    rows: DataFrame
    summary: dict[str, Any]
    shards: str = ""
    image_column: str = ""
    lime: dict[str, Any] = field(default_factory=dict)


def open_scores(spark: SparkSession, uri: str, where: str) -> ScoreTable:
    """The rows that the model of the last run made. Raises ReportError, or OutputError where no run has ended."""
    text = Storage(spark, uri).read_text(SUMMARY)
    if text is None:
        raise ReportError(
            f"--scores {uri}: no {SUMMARY}; name what fer-spark score wrote, for {' and '.join(NAMED)} its --checkpoint"
        )
    summary = dict(json.loads(text))
    rows = read_scores(spark, uri)
    if where:
        try:
            rows = rows.where(where)
        except (AnalysisException, ParseException) as error:
            reason = str(error).strip().splitlines()[0]
            raise ReportError(f"--where {where!r}: {reason}; columns: {', '.join(SCORE.names)}") from error
    same = (F.col("model_digest") == summary["model"]["digest"]) & (
        F.col("preparation_digest") == summary["preparation_digest"]
    )
    return ScoreTable(rows.where(same), summary, rows.where(~same & (F.col("status") == "ok")).count())


def open_explanations(spark: SparkSession, uri: str, scores: ScoreTable | None, scores_uri: str) -> WhyTable | None:
    """What --explanations names, else what score --explain left beside the scores; None where there is neither."""
    if uri:
        storage = Storage(spark, uri)
        text = storage.read_text(EXPLANATIONS)
        if text is not None:
            content = dict(json.loads(text))
            rows = _explanations(spark, storage, [ROWS])
            requested = content.get("asked", {}).get("lime", {})
            return WhyTable(rows, content, content.get("shards", ""), content.get("image_column", ""), requested)
        text = storage.read_text(SUMMARY)
        found = None if text is None else _beside(spark, uri, dict(json.loads(text)))
        if found is None:
            raise ReportError(f"--explanations {uri}: no {EXPLANATIONS}; name what fer-spark explain wrote")
        return found
    return _beside(spark, scores_uri, scores.summary) if scores else None


def _beside(spark: SparkSession, uri: str, summary: dict[str, Any]) -> WhyTable | None:
    explained = summary.get("explanations") or {}
    if not explained.get("files"):
        return None
    storage = Storage(spark, uri)
    rows = _explanations(spark, storage, explained["files"])
    return WhyTable(rows.where(F.col("model_digest") == summary["model"]["digest"]), explained)


def _explanations(spark: SparkSession, storage: Storage, names: list[str]) -> DataFrame:
    """Paths as they are: brackets in them are no patterns."""
    return spark.read.schema(EXPLANATION.spark_schema).parquet(*[literal(storage.uri(name)) for name in names])
