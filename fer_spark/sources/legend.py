"""An annotation table beside a folder of pictures: one row names one picture and its expression."""

from __future__ import annotations

import posixpath

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.annotated import annotated
from fer_spark.sources.base import Source, digest_rows
from fer_spark.sources.conflicts import settle
from fer_spark.sources.labelling import rule_of
from fer_spark.sources.lake import child_names, exists, open_root
from fer_spark.sources.pictures import file_name, whole_path
from fer_spark.sources.plain_rows import LABEL_COLUMNS, PATH_COLUMNS, annotation_rows, open_pictures
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings
from fer_spark.sources.tables import open_table


def open_legend(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """`user.id,image,emotion` CSV, or any table with such columns under other names.

    --input is the table, or a folder that holds exactly one CSV (itself or in data/); --images the pictures' folder,
    glob or tar. Names without a folder are looked for in every folder.
    """
    where = find_table(spark, settings.input)
    table = open_table(spark, where)
    named = table.column(settings.path_column, PATH_COLUMNS, "--path-column", required=True)
    label = table.column(settings.label_column, LABEL_COLUMNS, "--label-column", required=True)
    assert named is not None
    assert label is not None
    images = settings.images or (settings.input if where != settings.input else table.root.uri)
    only_names = table.frame.where(F.trim(named).rlike(r"[/\\]")).limit(1).count() == 0
    pictures = open_pictures(spark, settings, images, reading, file_name if only_names else whole_path)
    rows = annotation_rows(table, settings, named, label, pictures)
    rule = rule_of(rows, settings)
    ready = settle(rule.apply(rows), ("key",), settings.conflicts)
    joined = annotated(pictures, ready, only_names, where)
    return Source(
        f"legend {where} with {images}",
        rule.taxonomy.names,
        False,
        False,
        joined.read,
        joined.keys,
        lambda: joined.keys().count(),
        lambda: digest_rows(rows.select("named", "label_raw", "source_row"), pictures.digest()),
        lines=pictures.lines,
    )


def find_table(spark: SparkSession, text: str) -> str:
    """The legend itself: --input, or the one table in that folder or in its data/. Raises SourceError."""
    root = open_root(spark, text)
    if root.is_file or not root.literal:
        return text
    for folder in (root.uri, posixpath.join(root.uri, "data")):
        names = child_names(spark, folder) if exists(spark, folder) else []
        tables = [name for name in names if name.lower().endswith((".csv", ".tsv", ".csv.zst", ".csv.gz"))]
        if len(tables) > 1:
            raise SourceError(f"--input {text!r} holds several tables: {', '.join(tables)}; name one")
        if tables:
            return posixpath.join(folder, tables[0])
    raise SourceError(f"--input {text!r} holds no .csv, itself or in data/; name the annotation table")
