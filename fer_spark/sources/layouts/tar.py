"""The pictures in tar or zip archives, unlabelled; --label-from parent: by the name of a member's folder."""

from __future__ import annotations

from pyspark.sql import SparkSession

from fer_spark.sources.archives.find import TAR_NAME
from fer_spark.sources.archives.pictures import archive_pictures
from fer_spark.sources.archives.recognise import archive_match
from fer_spark.sources.base import Source
from fer_spark.sources.folder_labels import naming_of, picture_source
from fer_spark.sources.layout import Layout
from fer_spark.sources.look import Look, Match
from fer_spark.sources.settings import FileReading, SourceSettings


def open_tar(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """The pictures in archives, unlabelled; --label-from takes a folder of the member's path as the label."""
    pictures = archive_pictures(spark, settings.input, settings.glob, reading.max_bytes)
    return picture_source(settings, pictures, naming_of(settings), labels_needed=reading.labels_needed)


def recognise(look: Look) -> Match | None:
    """By the names of its files."""
    return archive_match(look, TAR_NAME)


LAYOUT = Layout(open_tar, flags=("label_from", "codes"), recognise=recognise)
