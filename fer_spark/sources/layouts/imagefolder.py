"""Hugging Face's image folder: metadata.csv, .jsonl or .parquet with file_name, near the pictures."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.annotated import annotated
from fer_spark.sources.base import Source
from fer_spark.sources.conflicts import settle
from fer_spark.sources.feelings import with_feelings
from fer_spark.sources.labelling import LabelRule, rule_of
from fer_spark.sources.lake import first_inside, open_root
from fer_spark.sources.layout import COLUMNS, Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.numbering.one_hot import with_label
from fer_spark.sources.pictures import whole_path
from fer_spark.sources.plain_rows import (
    LABEL_COLUMNS,
    annotation_rows,
    below_its_table,
    label_of,
    open_pictures,
    stored_names,
)
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings
from fer_spark.sources.split_names import SPLIT_NAMES, split_of_path
from fer_spark.sources.tables import AnnotationTable, open_tables, table_columns

_METADATA = re.compile(r"metadata\.(csv|jsonl|parquet)", re.IGNORECASE)
_NAME, _NAME_END = "file_name", "_file_name"
_OUTER = frozenset(("data", *SPLIT_NAMES))
"""Folders below which a data set goes on; another one, such as a class's, has its table directly in it if at all."""


def open_imagefolder(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """--input is the folder, or one of its tables. Names are relative to the table that states them.

    The split is the table's, else that of the outermost folder of a picture that is called as a split is.
    """
    root = open_root(spark, settings.input)
    if not root.is_file:
        root = replace(root, targets=tuple(_tables(spark, root.uri)))
    if not root.targets:
        raise SourceError(f"--input {settings.input!r} holds no metadata.csv, .jsonl or .parquet")
    table = open_tables(spark, root, f"--input {settings.input!r}")
    table = with_label(table, settings, LABEL_COLUMNS, reading.labels_needed)
    name = _name_column(table, settings)
    named, images = _below_its_table(table, name), settings.images or root.uri
    label = label_of(table, settings, LABEL_COLUMNS, frozenset((name.strip().casefold(),)), reading.labels_needed)
    pictures = open_pictures(settings, table, images, reading, whole_path)
    rows = with_feelings(annotation_rows(table, settings, named, label, pictures), table)
    rows = rows.withColumn("split", F.coalesce("split", split_of_path(F.col("named"))))
    ready, rule = _labelled(rows, settings, table, label, reading.labels_needed)
    joined = annotated(pictures, settle(ready, ("key",), settings.conflicts), False)
    stated = rows.select("named", "_file", "source_row", "label_raw")
    return joined.source(f"imagefolder {settings.input}", rule, stated)


def recognise(look: Look) -> Match | None:
    """By a table of that name and with such a column."""
    outer = look.unwrapped
    for place in [outer, *outer.some_inside, *(folder for data in outer.some_inside for folder in _goes_on(data))]:
        for name in filter(_METADATA.fullmatch, place.files):
            where = place.settings.input if place.root.is_file else posixpath.join(place.root.uri, name)
            found = [column for column in table_columns(look.spark, where) if _is_name(column)]
            if found:
                return Match(Sureness.CERTAIN, f"{name} has a column {found[0]}", outer.settings.input)
    return None


def _goes_on(place: Look) -> list[Look]:
    return place.some_inside if posixpath.basename(place.root.uri).lower() in _OUTER else []


def _tables(spark: SparkSession, folder: str, depth: int = 2) -> list[str]:
    """Of a folder, and of those in it."""
    files, folders = first_inside(spark, folder)
    found = [posixpath.join(folder, name) for name in files if _METADATA.fullmatch(name)]
    goes_on = depth == 2 or (depth and posixpath.basename(folder).lower() in _OUTER)
    inner = [posixpath.join(folder, name) for name in folders] if goes_on else []
    return found + [table for place in inner for table in _tables(spark, place, depth - 1)]


def _name_column(table: AnnotationTable, settings: SourceSettings) -> str:
    """Its name as the table spells it. Raises SourceError where there is none, or are several."""
    if settings.path_column:
        return settings.path_column
    found = [column for column in table.columns if _is_name(column)]
    own = [column for column in found if column.strip().casefold() == _NAME] or found
    if len(own) != 1:
        several = f"{', '.join(own)} could each be it" if own else "no column is called file_name or …_file_name"
        raise SourceError(f"{several}; the table has: {table.column_list}. Name it with --path-column")
    return own[0]


def _is_name(column: str) -> bool:
    plain = column.strip().casefold()
    return plain == _NAME or plain.endswith(_NAME_END)


def _below_its_table(table: AnnotationTable, name: str) -> Column:
    column = table.column(name, (), "--path-column")
    assert column is not None
    return below_its_table(column)


def _labelled(
    rows: DataFrame, settings: SourceSettings, table: AnnotationTable, label: Column | None, needed: bool
) -> tuple[DataFrame, LabelRule | None]:
    if label is None:
        return rows.withColumn("label", F.lit(None).cast("string")), None
    rule = rule_of(rows, settings, lambda: stored_names(rows.sparkSession, table, label), needed)
    return rule.apply(rows), rule


LAYOUT = Layout(open_imagefolder, flags=("images", "codes", "unlabelled", *COLUMNS), recognise=recognise)
