"""The pictures in tar or zip archives, by a list in them, or by the names of members' folders."""

from __future__ import annotations

from pyspark.sql import SparkSession

from fer_spark.sources.archives.find import TAR_NAME, find_archives
from fer_spark.sources.archives.lists import labelled_lists, list_table
from fer_spark.sources.archives.pictures import archive_pictures
from fer_spark.sources.archives.recognise import archive_match
from fer_spark.sources.base import Source
from fer_spark.sources.boxes import box_columns
from fer_spark.sources.folder_labels import naming_of, picture_source
from fer_spark.sources.layout import BOXES, COLUMNS, Layout
from fer_spark.sources.layouts.table import named_pictures
from fer_spark.sources.look import Look, Match
from fer_spark.sources.pictures import whole_path
from fer_spark.sources.plain_rows import PATH_COLUMNS
from fer_spark.sources.settings import FileReading, SourceSettings

_NO_LABELS = SourceSettings.label_from
_MOST_ARCHIVES = 1000


def open_tar(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """By tables in the archives that name pictures and labels, each from its own folder; without them, or with
    --label-from, by the names of members' folders or not at all."""
    archives = find_archives(spark, settings.input)
    by_list = settings.label_from == _NO_LABELS and (reading.labels_needed or not archives.streamed)
    lists = labelled_lists(archives, settings, _MOST_ARCHIVES) if by_list else []
    if not lists:
        pictures = archive_pictures(spark, settings.input, settings.glob, reading.max_bytes)
        return picture_source(settings, pictures, naming_of(settings), labels_needed=reading.labels_needed)
    table = list_table(spark, archives, lists)
    named = table.column(settings.path_column, PATH_COLUMNS, "--path-column", required=True)
    assert named is not None
    paths = [packed.path for packed in lists]
    pictures = archive_pictures(spark, settings.input, settings.glob, reading.max_bytes, whole_path, paths)
    boxes = box_columns(table, settings)
    return named_pictures(table, settings, named, boxes, pictures, reading.labels_needed)


def recognise(look: Look) -> Match | None:
    """By the names of its files, and of the first archive's members."""
    return archive_match(look, TAR_NAME, "tar")


LAYOUT = Layout(open_tar, flags=("label_from", "codes", *COLUMNS, *BOXES), recognise=recognise)
