"""JAFFE: `KA.AN1.39.tiff`, person and expression by the picture's name."""

from __future__ import annotations

import re

from pyspark.sql import SparkSession

from fer_spark.sources.base import Source
from fer_spark.sources.folder_labels import by_name, picture_source
from fer_spark.sources.labelling import label_rule
from fer_spark.sources.layout import Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.pictures import file_pictures
from fer_spark.sources.settings import FileReading, SourceSettings

_NAME = r"(?i)^([a-z]{2})\.(an|di|fe|ha|ne|sa|su)\d*\.\d+\."
_WORDS = {"AN": "angry", "DI": "disgust", "FE": "fear", "HA": "happy", "NE": "neutral", "SA": "sad", "SU": "surprise"}


def open_jaffe(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """Every picture below --input; the name's first part is the person, the second the expression and a number."""
    pictures = file_pictures(spark, settings.input, settings.glob, reading)
    return picture_source(settings, pictures, by_name(_NAME, _WORDS), label_rule(settings, "fer2013"))


def recognise(look: Look) -> Match | None:
    """By the names of its pictures."""
    example = look.mostly_named(re.compile(_NAME))
    return Match(Sureness.CERTAIN, f"its pictures are called as {example}") if example else None


LAYOUT = Layout(open_jaffe, files_are_input=True, recognise=recognise)
