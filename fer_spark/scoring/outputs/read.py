"""Scores as they are read: what counts is what the summary lists."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fer_spark.artifacts import Storage, literal
from fer_spark.rows import SCORE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SUMMARY = "_summary.json"
FILES = ("parquet", "json")
"""Formats whose output is a directory of files that the summary lists; the others keep their own books."""


class OutputError(ValueError):
    """The output cannot be written to as asked; the message says what would work."""


def read_scores(spark: SparkSession, uri: str) -> DataFrame:
    """The scores of a directory of Parquet or JSON files: those that its summary lists, and no others.

    Raises OutputError where no run has come to its end.
    """
    storage = Storage(spark, uri)
    summary = read_summary(storage)
    if summary is None:
        raise OutputError(f"{uri}: no {SUMMARY}, so no run has come to its end there")
    reader = spark.read.schema(SCORE.spark_schema)
    paths = [literal(storage.uri(name)) for name in summary["files"]]
    if not paths:
        return spark.createDataFrame([], SCORE.spark_schema)
    return reader.parquet(*paths) if summary["format"] == "parquet" else reader.json(paths)


def read_summary(books: Storage) -> dict[str, Any] | None:
    """The summary that lies there; None where there is none. Raises OutputError if it is damaged or not of scores."""
    text = books.read_text(SUMMARY)
    if text is None:
        return None
    try:
        content = dict(json.loads(text))
        missing = [name for name in ("format", "files", "figures") if name not in content]
        said = f"no {missing[0]!r} in it" if missing else ""
    except (TypeError, ValueError) as error:
        said = str(error)
    if said:
        raise OutputError(f"{books.uri(SUMMARY)} is not a summary of scores, or damaged ({said}): choose another place")
    return content
