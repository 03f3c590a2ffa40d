"""A folder per expression, with or without a folder per split above."""

from __future__ import annotations

import re

from pyspark.sql import SparkSession

from fer_spark.sources.base import Source
from fer_spark.sources.class_names import class_names, class_of_folder
from fer_spark.sources.folder_labels import by_class, picture_source
from fer_spark.sources.layout import Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.pictures import file_pictures
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings
from fer_spark.sources.split_names import SPLIT_NAMES

_LEAST_CODES = 3


def open_folder(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """`[train|val|test/]expression/…/picture`: the first folder that is no split is the label."""
    pictures = file_pictures(spark, settings.input, settings.glob, reading)
    if not pictures.root.literal or pictures.root.is_file:
        raise SourceError(f"--source folder needs a folder with one folder per expression; {settings.input!r} is none")
    return picture_source(settings, pictures, by_class, labels_needed=reading.labels_needed)


def recognise(look: Look) -> Match | None:
    """By folders that are called as expressions are, at the top or below folders that are called as splits are."""
    outer = look.unwrapped
    splits = [name for name in outer.folders if name.lower() in SPLIT_NAMES]
    named = outer.inside(splits[0]) if splits else outer
    names = class_names(look.settings)
    found = [name for name in named.folders if class_of_folder(name, names)]
    if len(found) < 2 or len(found) * 2 < len(named.folders):
        found = named.folders if _are_codes(named.folders) else []
    if not found:
        return None
    some = ", ".join(found[:3]) + (" …" if len(found) > 3 else "")
    return Match(Sureness.LIKELY, f"its folders are called {some}", outer.settings.input)


def _are_codes(names: list[str]) -> bool:
    """Whether folders are called by the numbers of a few classes, as 0 to 6; years and days are more, or larger."""
    return (
        len(names) >= _LEAST_CODES
        and all(re.fullmatch(r"\d{1,2}", name) for name in names)
        and max(map(int, names)) <= 10
    )


LAYOUT = Layout(open_folder, flags=("codes",), files_are_input=True, recognise=recognise)
