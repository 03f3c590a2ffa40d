"""The published tables that an exploration is compared with, read before any work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fer_spark.artifacts import Storage
from fer_spark.exploring.references import CountsError, read_bins, read_counts
from fer_spark.pipelines.explore.settings import ExploreSettings
from fer_spark.settings import last_part

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class References:
    """Published counts to compare with, and what they are called; None where none are given."""

    counts: tuple[dict[str, int], str] | None = None
    bins: tuple[dict[tuple[int, int], int], str] | None = None


def read_references(spark: SparkSession, settings: ExploreSettings) -> References:
    """Read the tables to compare with, before any work. Raises CountsError for one that cannot be used."""
    counts = bins = None
    if settings.reference_counts:
        text = _text(spark, settings.reference_counts, "--reference-counts")
        found, column = read_counts(text, settings.reference_column, settings.reference_counts)
        counts = (found, f"{column} of {last_part(settings.reference_counts)}")
    if settings.reference_bins:
        text = _text(spark, settings.reference_bins, "--reference-bins")
        cells, column = read_bins(text, settings.reference_bins_column, settings.reference_bins)
        bins = (cells, f"{column} of {last_part(settings.reference_bins)}")
    return References(counts, bins)


def _text(spark: SparkSession, where: str, flag: str) -> str:
    folder, _, name = where.rpartition("/")
    text = Storage(spark, folder or ("/" if where.startswith("/") else ".")).read_text(name)
    if text is None:
        raise CountsError(f"{flag} {where!r} does not exist")
    return text
