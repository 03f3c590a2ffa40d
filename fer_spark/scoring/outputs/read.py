"""Scores as they are read: what counts is what the summary lists."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fer_spark.artifacts import Storage
from fer_spark.scoring.outputs.catalog import FORMATS
from fer_spark.tables.errors import OutputError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SUMMARY = "_summary.json"


def read_scores(spark: SparkSession, uri: str) -> DataFrame:
    """The scores whose summary lies at `uri`, whatever their format: those that it lists, and no others.

    They have every column of SCORE, null in files of releases that did not write it. Raises OutputError where no run
    has finished, or where a later release wrote in a format that this one does not know.
    """
    storage = Storage(spark, uri)
    summary = read_summary(storage)
    if summary is None:
        raise OutputError(f"{uri}: no {SUMMARY}, so no run has finished there")
    kind = FORMATS.get(summary["format"])
    if kind is None:
        known = ", ".join(FORMATS)
        raise OutputError(f"{storage.uri(SUMMARY)}: format {summary['format']!r}, this release knows {known}")
    return kind.read(spark, uri, summary)


def read_summary(books: Storage) -> dict[str, Any] | None:
    """The summary that lies there; None where there is none. Raises OutputError if it is damaged or not of scores."""
    text = books.read_text(SUMMARY)
    if text is None:
        return None
    try:
        content = dict(json.loads(text))
        missing = [name for name in ("format", "files", "figures") if name not in content]
        wrong = f"no {missing[0]!r} in it" if missing else ""
    except (TypeError, ValueError) as error:
        wrong = str(error)
    if wrong:
        raise OutputError(
            f"{books.uri(SUMMARY)} is not a summary of scores, or damaged ({wrong}): choose another place"
        )
    return content
