"""RAF-DB, basic expressions: its list beside the pictures, or folders 1 to 7; aligned or original."""

from __future__ import annotations

import posixpath
import re

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.annotated import annotated
from fer_spark.sources.annotations import Annotations, TableColumns, listed, tabled
from fer_spark.sources.base import Source
from fer_spark.sources.conflicts import settle
from fer_spark.sources.folder_labels import picture_source
from fer_spark.sources.labelling import LabelRule, label_rule
from fer_spark.sources.lake import exists, open_root
from fer_spark.sources.layout import Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.pictures import Pictures, file_name, file_pictures
from fer_spark.sources.plain_rows import annotation_rows, open_pictures
from fer_spark.sources.settings import FileReading, SourceSettings
from fer_spark.sources.split_names import split_of
from fer_spark.sources.tables import AnnotationTable, open_list

LISTS = ("list_patition_label.txt", "list_partition_label.txt")
"""As the release spells it, and as people correct it."""

_FOLDERS = ("", "EmoLabel", "basic/EmoLabel")
_PICTURES = ("Image/aligned", "aligned", "Image/original", "original")
_NUMBERS = tuple("1234567")
_OWN = re.compile(r"(train|test)_\d+(_aligned)?\.", re.IGNORECASE)
_ALIGNED = r"_aligned(\.[^./]*)?$"


def open_rafdb(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """--input is the list, or a folder with it or with the folders 1 to 7. --images: the pictures, aligned or original.

    The list says `train_00001.jpg 5`; the aligned picture is called `train_00001_aligned.jpg`. The split is the name's
    first word. Aligned pictures are faces already.
    """
    where = find_list(spark, settings.input)
    if not where:
        pictures = file_pictures(spark, settings.input, settings.glob, reading)
        return picture_source(settings, pictures, _by_folder, _rule(settings), _are_aligned(pictures))
    table = _open_list(spark, where)
    images = settings.images or _pictures_folder(spark, table.root.uri)
    pictures = open_pictures(settings, table, images, reading, _name)
    named, label = table.column("", ("image",), "--input"), table.column("", ("label",), "--input")
    assert named is not None
    rows = annotation_rows(table, settings, named, label, pictures)
    rule = _rule(settings)
    joined = annotated(pictures, settle(rule.apply(rows), ("key",), settings.conflicts), True)
    stated = rows.select("named", "label_raw", "source_row")
    description = f"rafdb {where} with {images}"
    return joined.source(description, rule, stated, faces_are_cropped=_are_aligned(pictures))


def rafdb_annotations(spark: SparkSession, settings: SourceSettings) -> Annotations:
    """The list's rows; without a list what the folders say."""
    where = find_list(spark, settings.input)
    if where:
        return tabled(_open_list(spark, where), settings, TableColumns(rule=_rule))
    source = open_rafdb(spark, settings, FileReading(labels_needed=False))
    return listed(source, source.list_keys())


def find_list(spark: SparkSession, text: str) -> str:
    """--input where it is the list, else the list below it; empty where there is none."""
    root = open_root(spark, text)
    if root.is_file:
        return text
    places = [posixpath.join(root.uri, folder, name) for folder in _FOLDERS for name in LISTS]
    return next((place for place in places if root.literal and exists(spark, place)), "")


def _open_list(spark: SparkSession, where: str) -> AnnotationTable:
    table = open_list(spark, where, ("image", "label"))
    named = table.column("", ("image",), "--input")
    assert named is not None
    return table.with_column("split", _first_word(named))


def _pictures_folder(spark: SparkSession, lists: str) -> str:
    """Beside the list, or beside its folder; aligned pictures before original ones. Else anywhere below the list: the
    names alone say which picture is meant."""
    for base in (lists, posixpath.dirname(lists)):
        for name in _PICTURES:
            if exists(spark, posixpath.join(base, name)):
                return posixpath.join(base, name)
    return lists


def _rule(settings: SourceSettings) -> LabelRule:
    return label_rule(settings, "rafdb", "rafdb")


def _name(path: Column) -> Column:
    """`Image/aligned/train_00001_aligned.jpg` and `train_00001.jpg` meet as `train_00001.jpg`."""
    return F.regexp_replace(file_name(path), _ALIGNED, "$1")


def _first_word(name: Column) -> Column:
    """`train_00001.jpg` → train."""
    return F.substring_index(file_name(name), "_", 1)


def _by_folder(frame: DataFrame) -> DataFrame:
    """The innermost folder is the label; the split is the name's first word, else a folder above."""
    parts = F.split("path", "/")
    above = F.when(F.size(parts) > 2, F.element_at(parts, -3))
    return frame.withColumns(
        {
            "label_raw": F.when(F.size(parts) > 1, F.element_at(parts, -2)),
            "split": F.coalesce(split_of(_first_word(F.col("path"))), split_of(above)),
        }
    )


def _are_aligned(pictures: Pictures) -> bool:
    return pictures.listed().where(F.col("path").rlike(_ALIGNED)).limit(1).count() > 0


def recognise(look: Look) -> Match | None:
    """By its list, or by folders called 1 to 7 with pictures named as its own are."""
    where = look.settings.input if look.root.is_file else find_list(look.spark, look.settings.input)
    if posixpath.basename(where) in LISTS:
        return Match(Sureness.CERTAIN, f"{posixpath.basename(where)} is its list")
    outer = look.unwrapped
    below = [inner for folder in outer.some_inside[:2] for inner in folder.some_inside]
    for place in [outer, *outer.some_inside, *below]:
        numbered = [name for name in place.folders if name in _NUMBERS]
        if len(numbered) > 1 and any(_OWN.match(name) for name in place.inside(numbered[0]).pictures):
            return Match(Sureness.CERTAIN, f"its folders are called {', '.join(numbered)}, its pictures as RAF-DB's")
    return None


LAYOUT = Layout(open_rafdb, rafdb_annotations, ("images", "codes", "path_prefix"), recognise=recognise)
