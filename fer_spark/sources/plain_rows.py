"""What annotation tables have in common: usual column names, the pictures they speak of, rows by picture."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.annotated import place_key
from fer_spark.sources.pictures import Pictures, file_pictures
from fer_spark.sources.settings import FileReading, SourceSettings
from fer_spark.sources.split_names import split_of, unknown_split
from fer_spark.sources.tables import AnnotationTable, optional
from fer_spark.sources.tar import TAR_NAME, tar_pictures

PATH_COLUMNS = ("image", "path", "file", "filename", "file_name", "image_path", "filepath", "subDirectory_filePath")
LABEL_COLUMNS = ("emotion", "expression", "label", "cat_emot", "class", "target")
GROUP_COLUMNS = ("user.id", "person", "person_id", "subject", "subject_id", "identity", "user", "user_id", "group")
SPLIT_COLUMNS = ("split", "usage", "subset")


def open_pictures(
    spark: SparkSession, settings: SourceSettings, images: str, reading: FileReading, key: Callable[[Column], Column]
) -> Pictures:
    """The pictures that a table speaks of: a folder, a glob or archives."""
    if TAR_NAME.search(images):
        return tar_pictures(spark, images, settings.glob, reading.max_bytes, key)
    return file_pictures(spark, images, settings.glob, reading, key)


def group_of(column: Column | None) -> Column:
    """A person or user as splits tell them apart: without outer spaces; blank is unknown, not one more person."""
    return F.nullif(F.trim(optional(column)), F.lit(""))


def annotation_rows(
    table: AnnotationTable, settings: SourceSettings, named: Column, label: Column | None, pictures: Pictures
) -> DataFrame:
    """RAW_IMAGE columns that a plain table gives, with `key` and `named`; rows that name nothing are rejected."""
    split = optional(table.column(settings.split_column, SPLIT_COLUMNS, "--split-column"))
    group = group_of(table.column(settings.group_column, GROUP_COLUMNS, "--group-column"))
    blank = named.isNull() | (F.trim(named) == "")
    problem = unknown_split(split)
    rows = table.frame.select(
        "*",
        F.col("_row").alias("source_row"),
        F.when(blank, F.concat_ws("#", "_file", F.col("_row").cast("string"))).otherwise(F.trim(named)).alias("named"),
        pictures.key_of_name(place_key(named, unquote(pictures.root.encoded_path))).alias("_key"),
        F.trim(optional(label)).alias("label_raw"),
        split_of(split).alias("split"),
        group.alias("group_id"),
        F.when(blank, "bad_annotation").when(problem.isNotNull(), "bad_annotation").alias("reject_reason"),
        F.when(blank, "the row names no picture").otherwise(problem).alias("reject_detail"),
    )
    return rows.withColumn("key", F.when(blank, F.concat(F.lit("\0"), F.col("named"))).otherwise(F.col("_key"))).drop(
        "_key"
    )
