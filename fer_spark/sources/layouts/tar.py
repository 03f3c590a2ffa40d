"""The pictures in tar archives, unlabelled; --label-from parent: by the name of a member's folder."""

from __future__ import annotations

from pyspark.sql import SparkSession

from fer_spark.sources.base import Source
from fer_spark.sources.folder_labels import by_parent, picture_source
from fer_spark.sources.layout import Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.settings import FileReading, SourceSettings
from fer_spark.sources.tar import TAR_NAME, tar_pictures


def open_tar(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """The pictures in tar archives, unlabelled; --label-from parent takes the member's folder as the label."""
    pictures = tar_pictures(spark, settings.input, settings.glob, reading.max_bytes)
    naming = by_parent if settings.label_from == "parent" else None
    return picture_source(settings, pictures, naming, labels_needed=reading.labels_needed)


def recognise(look: Look) -> Match | None:
    """By the names of its files."""
    found = [name for name in look.files if TAR_NAME.search(name)]
    return Match(Sureness.LIKELY, f"{found[0]} is an archive") if found else None


LAYOUT = Layout(open_tar, flags=("label_from", "codes"), recognise=recognise)
