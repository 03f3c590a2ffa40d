"""What annotation tables have in common: usual column names, the pictures they speak of, rows by picture."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.archives.find import ARCHIVE_NAME
from fer_spark.sources.archives.pictures import archive_pictures
from fer_spark.sources.numbering.columns import names_in_columns
from fer_spark.sources.numbering.meaning import Numbering
from fer_spark.sources.numbering.stored import names_beside, names_in_footers
from fer_spark.sources.pictures import Pictures, file_pictures
from fer_spark.sources.places.match import NO_NAME, matched
from fer_spark.sources.places.spelled import place_key, without_prefix
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings, did_you_mean
from fer_spark.sources.split_names import stated_split, unknown_split
from fer_spark.sources.tables import AnnotationTable, optional

PATH_COLUMNS = ("image", "path", "file", "filename", "file_name", "image_path", "filepath", "subDirectory_filePath")
LABEL_COLUMNS = ("emotion", "expression", "label", "cat_emot", "class", "target")
GROUP_COLUMNS = ("user.id", "person", "person_id", "subject", "subject_id", "identity", "user", "user_id", "group")
SPLIT_COLUMNS = ("split", "usage", "subset")
_OTHER_COLUMNS = ("valence", "arousal", "pixels", "id", "index", "_c0", "unnamed: 0", "__index_level_0__")
_NO_LABELS = frozenset(name.casefold() for name in (*PATH_COLUMNS, *GROUP_COLUMNS, *SPLIT_COLUMNS, *_OTHER_COLUMNS))
"""Columns that are known not to be labels, in lower case."""


def open_pictures(
    settings: SourceSettings, table: AnnotationTable, images: str, reading: FileReading, key: Callable[[Column], Column]
) -> Pictures:
    """The pictures that a table speaks of: archives, a folder or a glob; archives in a folder that holds none."""
    spark = table.frame.sparkSession
    if not ARCHIVE_NAME.search(images):
        files = file_pictures(spark, images, settings.glob, reading, key, table.files)
        if not files.only_archives:
            return files
    return archive_pictures(spark, images, settings.glob, reading.max_bytes, key)


def group_of(column: Column | None) -> Column:
    """A person or user as splits tell them apart: without outer spaces; blank is unknown, not one more person."""
    return F.nullif(F.trim(optional(column)), F.lit(""))


def label_of(
    table: AnnotationTable, settings: SourceSettings, usual: tuple[str, ...], pictures: frozenset[str], needed: bool
) -> Column | None:
    """The label column; None for --unlabelled, and where no column could be one. `pictures`: columns that hold these.

    Raises SourceError listing the columns where labels are `needed` and some column may be them by another name.
    """
    if settings.unlabelled:
        if settings.label_column:
            raise SourceError(f"--unlabelled and --label-column {settings.label_column}: give one of them")
        return None
    label = table.column(settings.label_column, usual, "--label-column")
    if label is not None or not needed:
        return label
    given = (settings.path_column, settings.group_column, settings.split_column, settings.bytes_column)
    used = _NO_LABELS | pictures | {name.strip().casefold() for name in given}
    others = [name for name in table.columns if name.strip().casefold() not in used]
    if not others:
        return None
    near = [name for name in others if did_you_mean(name.strip().lower(), usual)]
    meant = f" (is it {near[0]}?)" if near else ""
    raise SourceError(
        f"no column of {settings.input!r} is called {', '.join(usual)}, so nothing says which one holds the labels"
        f"{meant}; the table has: {table.column_list}. Name it with --label-column, or build without labels: "
        "--unlabelled"
    )


def stored_names(spark: SparkSession, table: AnnotationTable, label: Column) -> list[Numbering]:
    """Names of number labels that are stored with a table: in its footers, in another column, in files beside it."""
    column = table.frame.select(label).columns[0].removeprefix("in:")
    footers = names_in_footers(spark, table.files, column) if table.kind == "parquet" else []
    return [*footers, *names_in_columns(table, label), *names_beside(spark, table.root.uri, column)]


def below_its_table(named: Column) -> Column:
    """A path as a table spells it, from that table's own folder below the root."""
    folder = F.regexp_extract("_file", "^(.*/)?[^/]*$", 1)
    inner = F.regexp_replace(F.translate(F.trim(named), "\\", "/"), r"^(\./)+", "")
    relative = ~inner.rlike("^([A-Za-z][A-Za-z0-9+.-]*:|/)") & (inner != "")
    return F.when(relative & (folder != ""), F.concat(folder, inner)).otherwise(named)


def annotation_rows(
    table: AnnotationTable, settings: SourceSettings, named: Column, label: Column | None, pictures: Pictures
) -> DataFrame:
    """RAW_IMAGE columns that a plain table gives, with `key` and `named`; rows that name nothing are rejected.

    A path of another machine has the key of the picture that it means, or the reason why it means none. Raises
    SourceError where no row names a picture that is there.
    """
    split = optional(table.column(settings.split_column, SPLIT_COLUMNS, "--split-column"))
    group = group_of(table.column(settings.group_column, GROUP_COLUMNS, "--group-column"))
    blank = named.isNull() | (F.trim(named) == "")
    problem = unknown_split(split)
    place = place_key(without_prefix(table.frame, named, settings.path_prefix), unquote(pictures.root.encoded_path))
    rows = table.frame.select(
        "*",
        F.col("_row").alias("source_row"),
        F.when(blank, F.concat_ws("#", "_file", F.col("_row").cast("string"))).otherwise(F.trim(named)).alias("named"),
        pictures.key_of_name(place).alias("_key"),
        F.trim(optional(label)).alias("label_raw"),
        stated_split(split, table.file_count == 1).alias("split"),
        group.alias("group_id"),
        F.when(blank, "bad_annotation").when(problem.isNotNull(), "bad_annotation").alias("reject_reason"),
        F.when(blank, "the row names no picture").otherwise(problem).alias("reject_detail"),
    )
    key = F.when(blank, F.concat(F.lit(NO_NAME), "named")).otherwise(F.col("_key"))
    return matched(rows.withColumn("key", key).drop("_key"), pictures, settings.input)
