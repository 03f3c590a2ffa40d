"""KDEF: `AF01HAS.JPG`, person and expression by the picture's name."""

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

_NAME = r"(?i)^[ab]([fm]\d\d)(af|an|di|ha|ne|sa|su)(fl|hl|s|hr|fr)\."
_WORDS = {"AF": "fear", "AN": "angry", "DI": "disgust", "HA": "happy", "NE": "neutral", "SA": "sad", "SU": "surprise"}


def open_kdef(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """Every picture below --input. The name is session, sex, number, expression and angle: both sessions are of
    one person."""
    pictures = file_pictures(spark, settings.input, settings.glob, reading)
    return picture_source(settings, pictures, by_name(_NAME, _WORDS), label_rule(settings, "fer2013"))


def recognise(look: Look) -> Match | None:
    """By the names of its pictures."""
    example = look.mostly_named(re.compile(_NAME))
    return Match(Sureness.CERTAIN, f"its pictures are called as {example}") if example else None


LAYOUT = Layout(open_kdef, files_are_input=True, recognise=recognise)
