"""AffectNet: the full release's CSV, the 8-label release's .npy files, or a table with labels and feelings."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.rows import ANNOTATION
from fer_spark.sources.affectnet_npy import npy_annotations, picture_stem
from fer_spark.sources.annotated import annotated
from fer_spark.sources.annotations import Annotations, TableColumns, tabled
from fer_spark.sources.base import Source
from fer_spark.sources.conflicts import settle
from fer_spark.sources.feelings import check_feelings, with_feelings
from fer_spark.sources.labelling import LabelRule, label_rule
from fer_spark.sources.lake import child_names, exists, open_root
from fer_spark.sources.layout import COLUMNS, Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.pictures import file_pictures, whole_path
from fer_spark.sources.places.match import check_named
from fer_spark.sources.plain_rows import annotation_rows, open_pictures, stored_names
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings
from fer_spark.sources.split_names import split_of_file
from fer_spark.sources.tables import AnnotationTable, open_table, optional

PATHS = ("subDirectory_filePath", "path", "image", "filepath", "file", "filename", "pth")
LABELS = ("expression", "cat_emot", "emotion", "label")
_KAGGLE = frozenset(("pth", "label", "relfcs"))
"""Columns of labels.csv beside faces that are cut out already, in a folder per expression."""

_EIGHT_LABELS = frozenset(("annotations", "images"))
"""Folders of the 8-label release."""

_NPY = re.compile(r"(^|/)annotations/[^/]*\.npy$")
_LANDMARKS = 136
_PICTURE_FOLDERS = (
    "Manually_Annotated_Images",
    "Manually_Annotated/Manually_Annotated_Images",
    "Automatically_Annotated_Images",
    "Automatically_Annotated/Automatically_Annotated_Images",
    "images",
)
_LIST_FOLDERS = (
    "Manually_Annotated_file_lists",
    "Automatically_annotated_file_list",
    "Automatically_annotated_file_lists",
)
_FULL_RELEASE = re.compile(r"^face_(x|y|width|height)$", re.IGNORECASE)


def open_affectnet(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """The layout is told from what --input holds: a table (or a folder of tables), or `*/annotations/*.npy`."""
    opened = _open_npy if holds_npy(spark, settings.input) else _open_table
    return opened(spark, settings, reading)


def affectnet_annotations(spark: SparkSession, settings: SourceSettings) -> Annotations:
    """The table's rows, or the .npy files', without any picture."""
    if not holds_npy(spark, settings.input):
        columns = TableColumns(PATHS, LABELS, True, _rule, named_by_split=True)
        return tabled(open_table(spark, lists_folder(spark, settings.input)), settings, columns)
    rule = _rule(settings)
    rows = npy_annotations(spark, open_root(spark, settings.input)).select(
        F.col("named").alias("path"),
        "split",
        F.col("split").alias("split_raw"),
        "label_raw",
        rule.name_of(F.col("label_raw")).alias("label"),
        "valence",
        "arousal",
        F.lit(None).cast("string").alias("not_number"),
    )
    has = frozenset(("path", "label", "split", "valence", "arousal"))
    described = f"affectnet (8-label release) {settings.input}"
    return Annotations(described, rule.taxonomy.names, rows.select(ANNOTATION.names), has, True)


def _rule(settings: SourceSettings) -> LabelRule:
    return label_rule(settings, "affectnet8", "affectnet8")


def holds_npy(spark: SparkSession, text: str) -> bool:
    """Whether a folder is laid out as the 8-label release: `*/annotations/*.npy`."""
    root = open_root(spark, text)
    if root.is_file or not root.literal:
        return False
    names = child_names(spark, root.uri)
    return "annotations" in names or any(exists(spark, posixpath.join(root.uri, name, "annotations")) for name in names)


def _open_table(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    where = lists_folder(spark, settings.input)
    table = open_table(spark, where)
    named = table.column(settings.path_column, PATHS, "--path-column", required=True)
    label = table.column(settings.label_column, LABELS, "--label-column", required=True)
    assert named is not None
    assert label is not None
    cropped = {name.casefold() for name in table.columns} >= _KAGGLE
    images = settings.images or (table.root.uri if cropped else _pictures_folder(spark, table.root.uri))
    pictures = open_pictures(settings, table, images, reading, whole_path)
    rows = with_feelings(_with_box(annotation_rows(table, settings, named, label, pictures), table), table)
    rows = rows.withColumn("split", F.coalesce("split", split_of_file()))
    rule = label_rule(settings, "affectnet8", "affectnet8", rows, stored_names(spark, table, label))
    boxed = any(_FULL_RELEASE.match(name) for name in table.columns)
    place = ("key", "box_left", "box_top", "box_width", "box_height") if boxed else ("key",)
    ready = settle(rule.apply(rows), place, settings.conflicts)
    joined = annotated(pictures, ready, False)
    stated = rows.select("named", "_file", "source_row", "label_raw", "valence", "arousal")
    return joined.source(f"affectnet {where} with {images}", rule, stated, cropped, boxed)


def _open_npy(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    pictures = file_pictures(spark, settings.input, settings.glob, reading, picture_stem, _NPY)
    rule = _rule(settings)
    rows = npy_annotations(spark, pictures.root)
    ready = rule.apply(check_feelings(rows))
    joined = annotated(pictures, ready, False)
    check_named(joined.rows, pictures, "the .npy annotations")
    stated = rows.select("named", "label_raw", "valence", "arousal")
    description = f"affectnet (8-label release) {settings.input}"
    return joined.source(description, rule, stated, faces_are_cropped=True, beside_table=False)


def _with_box(rows: DataFrame, table: AnnotationTable) -> DataFrame:
    """A box without area (negative or missing sizes occur) is no box: the face is left to the detector."""
    sides = {side: _number(table, f"face_{side}") for side in ("x", "y", "width", "height")}
    finite = F.lit(True)
    for value in sides.values():
        finite = finite & value.isNotNull() & ~F.isnan(value) & (F.abs(value) < 1e6)
    good = F.coalesce(finite & (sides["width"] > 0) & (sides["height"] > 0), F.lit(False))
    points = F.split(F.trim(optional(table.column("", ("facial_landmarks",), "--input"))), r"\s*;\s*")
    numbers = F.transform(points, lambda text: text.try_cast("float"))
    usable = (F.size(points) == _LANDMARKS) & F.forall(numbers, lambda n: n.isNotNull() & ~F.isnan(n))
    return rows.withColumns(
        {
            "box_left": F.when(good, sides["x"]),
            "box_top": F.when(good, sides["y"]),
            "box_width": F.when(good, sides["width"]),
            "box_height": F.when(good, sides["height"]),
            "landmarks": F.when(usable, numbers),
        }
    )


def _number(table: AnnotationTable, name: str) -> Column:
    return optional(table.column("", (name,), "--input")).try_cast("double")


def lists_folder(spark: SparkSession, text: str) -> str:
    """Where the tables lie: the full release keeps them in a folder of their own."""
    root = open_root(spark, text)
    if root.is_file or not root.literal:
        return text
    names = child_names(spark, root.uri)
    inner = next((name for name in _LIST_FOLDERS if name in names), None)
    return posixpath.join(root.uri, inner) if inner else text


def _pictures_folder(spark: SparkSession, tables: str) -> str:
    for base in (tables, posixpath.dirname(tables)):
        for name in _PICTURE_FOLDERS:
            if exists(spark, posixpath.join(base, name)):
                return posixpath.join(base, name)
    raise SourceError(f"the pictures are not beside the table in {unquote(tables)}: give their folder with --images")


def recognise(look: Look) -> Match | None:
    """By its folders, or by columns that no other table has together."""
    lists = [name for name in look.folders if name in _LIST_FOLDERS]
    if lists:
        return Match(Sureness.CERTAIN, f"it holds {lists[0]}")
    if any(set(place.folders) >= _EIGHT_LABELS for place in [look, *look.some_inside]):
        return Match(Sureness.CERTAIN, "it holds annotations/ beside images/")
    if look.columns >= _KAGGLE:
        return Match(Sureness.CERTAIN, "its table has pth, label and relFCs", look.table)
    full = "subdirectory_filepath" in look.columns
    if full or ({"valence", "arousal"} <= look.columns and look.has_column(PATHS) and look.has_column(LABELS)):
        named = "subDirectory_filePath" if full else "paths, labels, valence and arousal"
        return Match(Sureness.CERTAIN, f"its table has {named}", look.table)
    return None


_FLAGS = ("images", "codes", *COLUMNS, "keep_no_expression")
LAYOUT = Layout(open_affectnet, affectnet_annotations, _FLAGS, recognise=recognise)
