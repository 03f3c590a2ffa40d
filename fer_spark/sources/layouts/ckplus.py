"""CK+48: a folder per expression, `S010_004_00000017.png`, the person by the picture's name; faces already."""

from __future__ import annotations

import re

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.base import Source
from fer_spark.sources.folder_labels import by_parent, picture_source
from fer_spark.sources.labelling import label_rule
from fer_spark.sources.layout import Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.pictures import file_name, file_pictures
from fer_spark.sources.settings import FileReading, SourceSettings

_NAME = r"(?i)^(s\d{3})_\d{3}_\d{8}\."


def open_ckplus(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """The last pictures of each sequence, in folders called as the seven expressions are, contempt among them."""
    pictures = file_pictures(spark, settings.input, settings.glob, reading)
    rule = label_rule(settings, "affectnet8")
    return picture_source(settings, pictures, _by_folder_and_person, rule, faces_are_cropped=True)


def recognise(look: Look) -> Match | None:
    """By the names of its pictures, in folders."""
    example = look.mostly_named(re.compile(_NAME)) if look.folders else ""
    return Match(Sureness.CERTAIN, f"its pictures are called as {example}") if example else None


def _by_folder_and_person(frame: DataFrame) -> DataFrame:
    person = F.regexp_extract(file_name(F.col("path")), _NAME, 1)
    return by_parent(frame).withColumn("group_id", F.nullif(person, F.lit("")))


LAYOUT = Layout(open_ckplus, files_are_input=True, recognise=recognise)
