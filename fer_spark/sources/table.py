"""Any Parquet, CSV, JSON-lines or Delta table whose rows hold a picture's bytes or its path."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import BinaryType, StructType

from fer_spark.sources.affectnet import with_feelings
from fer_spark.sources.annotated import annotated
from fer_spark.sources.base import Slice, Source, digest_rows, raw_images, spread
from fer_spark.sources.conflicts import settle
from fer_spark.sources.labelling import rule_of
from fer_spark.sources.pictures import whole_path
from fer_spark.sources.plain_rows import (
    GROUP_COLUMNS,
    LABEL_COLUMNS,
    PATH_COLUMNS,
    SPLIT_COLUMNS,
    annotation_rows,
    group_of,
    open_pictures,
)
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings
from fer_spark.sources.split_names import split_of, unknown_split
from fer_spark.sources.tables import AnnotationTable, open_table, optional


def open_any_table(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """Pictures from --bytes-column, else the first binary column (or struct with `bytes`), else from --path-column.

    Paths are relative to --images or to the table's own folder. A table without a label column is unlabelled.
    """
    table = open_table(spark, settings.input)
    content = _bytes_column(table, settings)
    if content is not None:
        return _from_bytes(table, settings, content, reading.max_bytes)
    return _from_paths(spark, table, settings, reading)


def _from_bytes(table: AnnotationTable, settings: SourceSettings, content: Column, max_file_bytes: int) -> Source:
    label = table.column(settings.label_column, LABEL_COLUMNS, "--label-column")
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
    rows, names = _labelled(with_feelings(rows, table), settings, label)

    def read(part: Slice) -> DataFrame:
        mine = part.of(rows, F.col("source_path"))
        return raw_images(spread(mine, table.scan, "source_path", table.splits_evenly))

    # Keys must not touch the pictures' bytes: reasons are not part of them.
    keys = rows.select("source_path", "source_row", "label_raw", "split")
    return Source(f"table {settings.input}", names, False, False, read, lambda: keys, table.scan.count, table.digest)


def _from_paths(spark: SparkSession, table: AnnotationTable, settings: SourceSettings, reading: FileReading) -> Source:
    named = table.column(settings.path_column, PATH_COLUMNS, "--path-column")
    if named is None:
        raise SourceError(
            f"none of the columns {', '.join(table.columns)} holds pictures; give --bytes-column or --path-column"
        )
    label = table.column(settings.label_column, LABEL_COLUMNS, "--label-column")
    images = settings.images or table.root.uri
    pictures = open_pictures(spark, settings, images, reading, whole_path)
    rows = with_feelings(annotation_rows(table, settings, named, label, pictures), table)
    ready, names = _labelled(rows, settings, label)
    if label is None:
        ready = ready.withColumn("label", F.lit(None).cast("string"))
    joined = annotated(pictures, settle(ready, ("key",), settings.conflicts), False, settings.input)
    return Source(
        f"table {settings.input} with {images}",
        names,
        False,
        False,
        joined.read,
        joined.keys,
        lambda: joined.keys().count(),
        lambda: digest_rows(rows.select("named", "_file", "source_row", "label_raw"), pictures.digest()),
        lines=pictures.lines,
    )


def _labelled(rows: DataFrame, settings: SourceSettings, label: Column | None) -> tuple[DataFrame, tuple[str, ...]]:
    if label is None:
        return rows, ()
    rule = rule_of(rows, settings)
    return rule.apply(rows), rule.taxonomy.names


def _bytes_column(table: AnnotationTable, settings: SourceSettings) -> Column | None:
    if settings.bytes_column:
        column = table.column(settings.bytes_column, (), "--bytes-column")
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
