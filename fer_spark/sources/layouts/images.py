"""Every picture below a folder or of a glob, unlabelled; --label-from parent: by its folder's name."""

from __future__ import annotations

from pyspark.sql import SparkSession

from fer_spark.sources.base import Source
from fer_spark.sources.folder_labels import naming_of, picture_source
from fer_spark.sources.layout import Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.pictures import file_pictures
from fer_spark.sources.settings import FileReading, SourceSettings


def open_images(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """Every picture below --input, unlabelled; --label-from parent takes the folder's name as the label."""
    pictures = file_pictures(spark, settings.input, settings.glob, reading)
    return picture_source(settings, pictures, naming_of(settings), labels_needed=reading.labels_needed)


def recognise(look: Look) -> Match | None:
    """Pictures, and nothing that says more of them."""
    outer = look.unwrapped
    below = [inner for folder in outer.some_inside for inner in folder.some_inside[:3]]
    found = [name for place in [outer, *outer.some_inside, *below] for name in place.pictures]
    return Match(Sureness.POSSIBLE, f"it holds pictures, such as {found[0]}") if found else None


LAYOUT = Layout(open_images, flags=("label_from", "codes"), files_are_input=True, recognise=recognise)
