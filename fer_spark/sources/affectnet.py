"""AffectNet in three layouts: the full release's CSV, a plain interim table, and the 8-label release's .npy files."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.affectnet_npy import npy_annotations, picture_stem
from fer_spark.sources.annotated import annotated
from fer_spark.sources.base import Source, digest_rows
from fer_spark.sources.conflicts import settle
from fer_spark.sources.labelling import label_rule, reject
from fer_spark.sources.lake import child_names, exists, open_root
from fer_spark.sources.pictures import file_pictures, whole_path
from fer_spark.sources.plain_rows import annotation_rows, open_pictures
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings
from fer_spark.sources.split_names import split_of
from fer_spark.sources.tables import AnnotationTable, open_table, optional

PATHS = ("subDirectory_filePath", "path", "image", "filepath", "file", "filename")
LABELS = ("expression", "cat_emot", "emotion", "label")
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
    images = settings.images or _pictures_folder(spark, table.root.uri)
    pictures = open_pictures(spark, settings, images, reading, whole_path)
    rows = with_feelings(_with_box(annotation_rows(table, settings, named, label, pictures), table), table)
    rows = rows.withColumn("split", F.coalesce("split", split_of_file()))
    rule = label_rule(settings, "affectnet8", "affectnet8")
    boxed = any(_FULL_RELEASE.match(name) for name in table.columns)
    place = ("key", "box_left", "box_top", "box_width", "box_height") if boxed else ("key",)
    ready = settle(rule.apply(rows), place, settings.conflicts)
    joined = annotated(pictures, ready, False, where)
    told = ["named", "_file", "source_row", "label_raw", "valence", "arousal"]
    return Source(
        f"affectnet {where} with {images}",
        rule.taxonomy.names,
        False,
        boxed,
        joined.read,
        joined.keys,
        lambda: joined.keys().count(),
        lambda: digest_rows(rows.select(*told), pictures.digest()),
        lines=pictures.lines,
    )


def _open_npy(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    pictures = file_pictures(spark, settings.input, settings.glob, reading, picture_stem)
    rule = label_rule(settings, "affectnet8", "affectnet8")
    rows = npy_annotations(spark, pictures.root)
    ready = rule.apply(check_feelings(rows))
    joined = annotated(pictures, ready, False, "the .npy annotations")
    return Source(
        f"affectnet (8-label release) {settings.input}",
        rule.taxonomy.names,
        True,
        False,
        joined.read,
        joined.keys,
        lambda: joined.keys().count(),
        lambda: digest_rows(rows.select("named", "label_raw", "valence", "arousal"), pictures.digest()),
        lines=pictures.lines,
    )


def with_feelings(rows: DataFrame, table: AnnotationTable) -> DataFrame:
    """Adds `valence` and `arousal` from a table's columns; see check_feelings."""
    for name in ("valence", "arousal"):
        text = F.trim(optional(table.column("", (name,), "--input")))
        number = text.try_cast("double")
        problem = F.when(
            number.isNull() & (F.coalesce(text, F.lit("")) != ""),
            F.concat(F.lit(f"{name} '"), text, F.lit("' is no number")),
        )
        rows = reject(rows.withColumn(name, number), F.when(problem.isNotNull(), "bad_annotation"), problem)
    return check_feelings(rows)


def check_feelings(rows: DataFrame) -> DataFrame:
    """-2 (AffectNet's `not annotated`) and NaN become null; anything else outside [-1, 1] rejects the row."""
    for name in ("valence", "arousal"):
        value = F.col(name)
        rows = rows.withColumn(name, F.when(value.isNotNull() & ~F.isnan(value) & (value != -2), value))
        outside = F.col(name).isNotNull() & ~F.col(name).between(-1.0, 1.0)
        detail = F.concat(F.lit(f"{name} "), F.col(name).cast("string"), F.lit(" is outside [-1, 1]"))
        rows = reject(rows, F.when(outside, "bad_annotation"), detail)
        rows = rows.withColumn(name, F.when(~outside, F.col(name)))
    return rows


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


def split_of_file() -> Column:
    """The split that a table's file name begins with: `training.csv`, `val_1.parquet`; null for any other."""
    stem = F.regexp_extract(F.substring_index("_file", "/", -1), "^([A-Za-z]+)", 1)
    return split_of(stem)


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
