"""A CSV that names pictures and their expressions, and the folder or .tar with the pictures."""

from __future__ import annotations

import posixpath

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.annotated import annotated
from fer_spark.sources.annotations import Annotations, TableColumns, tabled
from fer_spark.sources.base import Source
from fer_spark.sources.boxes import BOX, box_columns, with_boxes
from fer_spark.sources.conflicts import settle
from fer_spark.sources.labelling import rule_of
from fer_spark.sources.lake import child_names, exists, open_root
from fer_spark.sources.layout import BOXES, COLUMNS, Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.numbering.one_hot import with_label
from fer_spark.sources.pictures import file_name, whole_path
from fer_spark.sources.plain_rows import LABEL_COLUMNS, PATH_COLUMNS, annotation_rows, open_pictures, stored_names
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings
from fer_spark.sources.tables import open_table

_CSV = (".csv", ".tsv", ".csv.zst", ".csv.gz")


def open_legend(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """`user.id,image,emotion` CSV, or any table with such columns under other names.

    --input is the table, or a folder that holds exactly one CSV (itself or in data/); --images the pictures' folder,
    glob or tar. Names without a folder are looked for in every folder. With columns of a box a row is a face.
    """
    where = find_table(spark, settings.input)
    table = with_label(open_table(spark, where), settings, LABEL_COLUMNS, needed=True)
    named = table.column(settings.path_column, PATH_COLUMNS, "--path-column", required=True)
    label = table.column(settings.label_column, LABEL_COLUMNS, "--label-column", required=True)
    assert named is not None
    assert label is not None
    images = settings.images or (settings.input if where != settings.input else table.root.uri)
    only_names = table.frame.where(F.trim(named).rlike(r"[/\\]")).limit(1).count() == 0
    pictures = open_pictures(settings, table, images, reading, file_name if only_names else whole_path)
    boxes = box_columns(table, settings)
    rows = with_boxes(annotation_rows(table, settings, named, label, pictures), table, boxes)
    rule = rule_of(rows, settings, lambda: stored_names(spark, table, label), reading.labels_needed)
    face = BOX if boxes else ()
    joined = annotated(pictures, settle(rule.apply(rows), ("key", *face), settings.conflicts), only_names)
    stated = rows.select("named", "label_raw", "source_row", *face)
    return joined.source(f"legend {where} with {images}", rule, stated, has_boxes=boxes is not None)


def legend_annotations(spark: SparkSession, settings: SourceSettings) -> Annotations:
    return tabled(open_table(spark, find_table(spark, settings.input)), settings, TableColumns(needed=True))


def find_table(spark: SparkSession, text: str) -> str:
    """The legend itself: --input, or the one table in that folder or in its data/. Raises SourceError."""
    root = open_root(spark, text)
    if root.is_file or not root.literal:
        return text
    for folder in (root.uri, posixpath.join(root.uri, "data")):
        names = child_names(spark, folder) if exists(spark, folder) else []
        tables = [name for name in names if name.lower().endswith(_CSV)]
        if len(tables) > 1:
            raise SourceError(f"--input {text!r} holds several tables: {', '.join(tables)}; name one")
        if tables:
            return posixpath.join(folder, tables[0])
    raise SourceError(f"--input {text!r} holds no .csv, itself or in data/; name the annotation table")


def recognise(look: Look) -> Match | None:
    """By the one CSV in it or in its data/ that names pictures and labels, with pictures near it."""
    near = [look, *(look.inside(name) for name in look.folders if name == "data")]
    for place in near:
        if place.table.lower().endswith((*_CSV, ".txt")) and place.has_column(PATH_COLUMNS) and place.labels:
            return Match(Sureness.LIKELY, f"{posixpath.basename(place.table)} names pictures and {place.labels}")
    return None


LAYOUT = Layout(open_legend, legend_annotations, ("images", "codes", *COLUMNS, *BOXES), recognise=recognise)
