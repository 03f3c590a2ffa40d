"""Any Parquet, CSV, JSON or Delta table whose rows hold a picture's bytes or its path."""

from __future__ import annotations

import posixpath

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import BinaryType, DataType, StructType

from fer_spark.sources.annotated import annotated
from fer_spark.sources.annotations import Annotations, TableColumns, tabled
from fer_spark.sources.base import Slice, Source, raw_images, spread
from fer_spark.sources.conflicts import settle
from fer_spark.sources.feelings import with_feelings
from fer_spark.sources.labelling import LabelRule, rule_of
from fer_spark.sources.layout import COLUMNS, Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.pictures import whole_path
from fer_spark.sources.plain_rows import (
    GROUP_COLUMNS,
    LABEL_COLUMNS,
    PATH_COLUMNS,
    SPLIT_COLUMNS,
    annotation_rows,
    group_of,
    label_of,
    open_pictures,
    stored_names,
)
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings
from fer_spark.sources.split_names import split_of, split_of_file, unknown_split
from fer_spark.sources.tables import AnnotationTable, open_table, optional


def open_any_table(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """Pictures from --bytes-column, else the first binary column (or struct with `bytes`), else from --path-column.

    Paths are relative to --images or to the table's own folder. A table is unlabelled by --unlabelled, or where none
    of its columns could be a label.
    """
    table = open_table(spark, settings.input)
    content = _bytes_column(table, settings)
    if content is not None:
        return _from_bytes(table, settings, content, reading)
    return _from_paths(spark, table, settings, reading)


def table_annotations(spark: SparkSession, settings: SourceSettings) -> Annotations:
    return tabled(open_table(spark, settings.input), settings, TableColumns())


def _from_bytes(table: AnnotationTable, settings: SourceSettings, content: Column, reading: FileReading) -> Source:
    max_file_bytes = reading.max_bytes
    label = label_of(table, settings, LABEL_COLUMNS, _holding_bytes(table), reading.labels_needed)
    split = optional(table.column(settings.split_column, SPLIT_COLUMNS, "--split-column"))
    size = F.octet_length(content)
    reason = (
        F.when(content.isNull() | (size == 0), "empty")
        .when(size > max_file_bytes, "too_large")
        .when(unknown_split(split).isNotNull(), "bad_annotation")
    )
    detail = (
        F.when(content.isNull() | (size == 0), "the row holds no bytes")
        .when(
            size > max_file_bytes, F.format_string(f"%d bytes, the limit is {max_file_bytes}; see --max-file-mb", size)
        )
        .otherwise(unknown_split(split))
    )
    rows = table.frame.select(
        "*",
        F.concat_ws("#", "_file", F.col("_row").cast("string")).alias("source_path"),
        F.col("_row").alias("source_row"),
        content.alias("content"),
        F.lit("file").alias("encoding"),
        F.trim(optional(label)).alias("label_raw"),
        split_of(split).alias("split"),
        group_of(table.column(settings.group_column, GROUP_COLUMNS, "--group-column")).alias("group_id"),
        reason.alias("reject_reason"),
        detail.alias("reject_detail"),
    )
    rows = _split_by_file(with_feelings(rows, table), table)
    rows, rule = _labelled(rows, settings, table, label, reading.labels_needed)

    def read(part: Slice) -> DataFrame:
        mine = part.of(rows, F.col("source_path"))
        return raw_images(spread(mine, table.scan, "source_path", table.splits_evenly))

    # Keys must not touch the pictures' bytes: reasons are not part of them.
    keys = rows.select("source_path", "source_row", "label_raw", "split")
    names, numbering = (rule.taxonomy.names, rule.numbering) if rule else ((), None)
    what, count = f"table {settings.input}", table.scan.count
    return Source(what, names, False, False, read, lambda: keys, count, table.digest, numbering=numbering)


def _from_paths(spark: SparkSession, table: AnnotationTable, settings: SourceSettings, reading: FileReading) -> Source:
    named = table.column(settings.path_column, PATH_COLUMNS, "--path-column")
    if named is None:
        raise SourceError(
            f"none of the columns {', '.join(table.columns)} holds pictures; give --bytes-column or --path-column"
        )
    label = label_of(table, settings, LABEL_COLUMNS, frozenset(), reading.labels_needed)
    images = settings.images or table.root.uri
    pictures = open_pictures(spark, settings, images, reading, whole_path)
    rows = _split_by_file(with_feelings(annotation_rows(table, settings, named, label, pictures), table), table)
    ready, rule = _labelled(rows, settings, table, label, reading.labels_needed)
    if label is None:
        ready = ready.withColumn("label", F.lit(None).cast("string"))
    joined = annotated(pictures, settle(ready, ("key",), settings.conflicts), False, settings.input)
    stated = rows.select("named", "_file", "source_row", "label_raw")
    return joined.source(f"table {settings.input} with {images}", rule, stated)


def _split_by_file(rows: DataFrame, table: AnnotationTable) -> DataFrame:
    """Of several files, names such as `train-00000-of-00001.parquet` state the split where no column does."""
    return rows.withColumn("split", F.coalesce("split", split_of_file())) if table.file_count > 1 else rows


def _labelled(
    rows: DataFrame, settings: SourceSettings, table: AnnotationTable, label: Column | None, needed: bool
) -> tuple[DataFrame, LabelRule | None]:
    if label is None:
        return rows, None
    rule = rule_of(rows, settings, lambda: stored_names(rows.sparkSession, table, label), needed)
    return rule.apply(rows), rule


def _holding_bytes(table: AnnotationTable) -> frozenset[str]:
    """Columns of bytes, or with such a part as Hugging Face's image has, in lower case: none is a label."""
    fields = [field for field in table.frame.schema.fields if _has_bytes(field.dataType)]
    return frozenset(field.name.removeprefix("in:").strip().casefold() for field in fields)


def _has_bytes(kind: DataType) -> bool:
    parts = [field.dataType for field in kind.fields] if isinstance(kind, StructType) else [kind]
    return any(isinstance(part, BinaryType) for part in parts)


def _bytes_column(table: AnnotationTable, settings: SourceSettings) -> Column | None:
    if settings.bytes_column:
        column = table.column(settings.bytes_column, (), "--bytes-column", nested=True)
        assert column is not None
        kind = table.frame.select(column).schema[0].dataType
        if not isinstance(kind, BinaryType):
            raise SourceError(f"--bytes-column {settings.bytes_column!r} is {kind.simpleString()}; expected binary")
        return column
    if settings.path_column:
        return None
    for field in table.frame.schema.fields:
        if isinstance(field.dataType, BinaryType):
            return F.col(f"`{field.name}`")
        kind = field.dataType
        if isinstance(kind, StructType) and "bytes" in kind.names and isinstance(kind["bytes"].dataType, BinaryType):
            return F.col(f"`{field.name}`").getField("bytes")
    return None


def recognise(look: Look) -> Match | None:
    """Any table, the parts of one, or a folder that Spark has written; or with Parquet in a folder in it, as Hugging
    Face's `data/`."""
    parts = [name for name in look.folders if "=" in name or name == "_delta_log"]
    if not look.columns and not parts:
        return _parquet_inside(look.unwrapped)
    return Match(Sureness.POSSIBLE, "it is a table" if look.columns else f"it holds {parts[0]}, as tables do")


def _parquet_inside(outer: Look) -> Match | None:
    """Where it or one folder in it, and no other, holds Parquet files that no pictures lie beside."""
    places = [place for place in [outer, *outer.some_inside] if not place.pictures]
    found = [place for place in places if any(name.lower().endswith(".parquet") for name in place.files)]
    if len(found) != 1 or not found[0].columns:
        return None
    where = found[0].settings.input
    return Match(Sureness.POSSIBLE, f"its folder {posixpath.basename(where)} is a table", where)


_FLAGS = ("images", "bytes_column", "codes", "unlabelled", *COLUMNS)
LAYOUT = Layout(open_any_table, table_annotations, _FLAGS, recognise=recognise)
