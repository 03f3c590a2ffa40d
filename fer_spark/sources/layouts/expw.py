"""ExpW: label.lst, a row per face with its box, beside the pictures in image/ or origin/."""

from __future__ import annotations

import posixpath

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.annotated import annotated
from fer_spark.sources.annotations import Annotations, TableColumns, tabled
from fer_spark.sources.base import Source
from fer_spark.sources.conflicts import settle
from fer_spark.sources.labelling import LabelRule, label_rule
from fer_spark.sources.lake import exists, open_root
from fer_spark.sources.layout import Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.pictures import file_name
from fer_spark.sources.plain_rows import annotation_rows, open_pictures
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings
from fer_spark.sources.tables import AnnotationTable, open_list, optional

LIST = "label.lst"
_COLUMNS = ("image", "face", "top", "left", "right", "bottom", "confidence", "label")
_BOX = ("box_left", "box_top", "box_width", "box_height")
_FOLDERS = ("", "label", "data/label")
_PICTURES = ("image/origin", "origin", "image", "data/image/origin", "data/image")


def open_expw(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """--input is label.lst, or a folder with it. Numbers are 0 angry, 1 disgust, 2 fear, 3 happy, 4 sad, 5 surprise, 6
    neutral. A picture may have several faces, each a row of its own; --images: the pictures, where they lie elsewhere.
    """
    where = find_list(spark, settings.input)
    table = open_list(spark, where, _COLUMNS)
    named, label = table.column("", ("image",), "--input"), table.column("", ("label",), "--input")
    assert named is not None
    images = settings.images or _pictures_folder(spark, table.root.uri)
    pictures = open_pictures(settings, table, images, reading, file_name)
    rows = _with_box(annotation_rows(table, settings, named, label, pictures), table)
    rule = _rule(settings)
    joined = annotated(pictures, settle(rule.apply(rows), ("key", *_BOX), settings.conflicts), True)
    stated = rows.select("named", "label_raw", "source_row", *_BOX)
    return joined.source(f"expw {where} with {images}", rule, stated, has_boxes=True)


def expw_annotations(spark: SparkSession, settings: SourceSettings) -> Annotations:
    """The list's rows."""
    table = open_list(spark, find_list(spark, settings.input), _COLUMNS)
    return tabled(table, settings, TableColumns(rule=_rule))


def find_list(spark: SparkSession, text: str) -> str:
    """--input where it is a file, else label.lst below it. Raises SourceError where there is none."""
    root = open_root(spark, text)
    if root.is_file:
        return text
    places = [posixpath.join(root.uri, folder, LIST) for folder in _FOLDERS]
    found = next((place for place in places if root.literal and exists(spark, place)), "")
    if not found:
        raise SourceError(f"--input {text!r} holds no {LIST}: name the list itself")
    return found


def recognise(look: Look) -> Match | None:
    """By its list."""
    inside = [look, *look.some_inside]
    return Match(Sureness.CERTAIN, f"{LIST} is its list") if any(LIST in place.files for place in inside) else None


def _rule(settings: SourceSettings) -> LabelRule:
    return label_rule(settings, "fer2013", "expw")


def _pictures_folder(spark: SparkSession, lists: str) -> str:
    for base in (lists, posixpath.dirname(lists)):
        for name in _PICTURES:
            if exists(spark, posixpath.join(base, name)):
                return posixpath.join(base, name)
    raise SourceError(f"the pictures are not beside the list in {lists}: give their folder with --images")


def _with_box(rows: DataFrame, table: AnnotationTable) -> DataFrame:
    """A box without area is no box."""
    left, top, right, bottom = (
        optional(table.column("", (side,), "--input")).try_cast("double") for side in ("left", "top", "right", "bottom")
    )
    good = F.coalesce((right > left) & (bottom > top), F.lit(False))
    sides = dict(zip(_BOX, (left, top, right - left, bottom - top), strict=True))
    return rows.withColumns({name: F.when(good, value) for name, value in sides.items()})


LAYOUT = Layout(open_expw, expw_annotations, ("images", "codes", "path_prefix"), recognise=recognise)
