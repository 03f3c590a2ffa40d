"""FER+: the CSV of FER-2013, labelled anew by ten people's --votes on each row."""

from __future__ import annotations

from pyspark.sql import SparkSession

from fer_spark.sources.annotations import Annotations, listed
from fer_spark.sources.base import Source
from fer_spark.sources.labelling import label_rule
from fer_spark.sources.layout import Layout
from fer_spark.sources.layouts.fer2013 import VOTES, open_pixel_rows, pixel_match
from fer_spark.sources.look import Look, Match
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings


def open_ferplus(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """The pictures of FER-2013 with labels decided by the FER+ votes on the same row."""
    if not settings.votes:
        raise SourceError(
            "ferplus needs --votes: the file fer2013new.csv of FER+, whose rows follow those of fer2013.csv"
        )
    return open_pixel_rows(spark, settings, reading, label_rule(settings, "ferplus8", "ferplus8"))


def ferplus_annotations(spark: SparkSession, settings: SourceSettings) -> Annotations:
    """Its labels are the votes', which its keys alone do not state."""
    source = open_ferplus(spark, settings, FileReading(labels_needed=False))
    return listed(source, source.raw().drop("content"))


def recognise(look: Look) -> Match | None:
    """By pixels and votes that are to give the labels."""
    return pixel_match(look) if look.settings.votes and not look.settings.drop_nonface else None


LAYOUT = Layout(open_ferplus, ferplus_annotations, VOTES, recognise=recognise)
