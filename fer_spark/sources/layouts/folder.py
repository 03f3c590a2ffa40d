"""A folder per expression, with or without a folder per split above."""

from __future__ import annotations

from pyspark.sql import SparkSession

from fer_spark.sources.base import Source
from fer_spark.sources.folder_labels import by_class, picture_source
from fer_spark.sources.layout import Layout
from fer_spark.sources.pictures import file_pictures
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings


def open_folder(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """`[train|val|test/]expression/…/picture`: the first folder that is no split is the label."""
    pictures = file_pictures(spark, settings.input, settings.glob, reading)
    if not pictures.root.literal or pictures.root.is_file:
        raise SourceError(f"--source folder needs a folder with one folder per expression; {settings.input!r} is none")
    return picture_source(settings, pictures, by_class)


LAYOUT = Layout(open_folder, files_are_input=True)
