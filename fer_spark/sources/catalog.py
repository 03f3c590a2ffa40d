"""The sources by name, and the one function that opens any of them."""

from __future__ import annotations

from collections.abc import Callable

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from fer_spark.sources.affectnet import open_affectnet
from fer_spark.sources.base import Source
from fer_spark.sources.fer2013 import open_fer2013, open_ferplus
from fer_spark.sources.folder import open_folder, open_images, open_tar
from fer_spark.sources.lake import first_line
from fer_spark.sources.legend import open_legend
from fer_spark.sources.settings import SOURCES, FileReading, SourceError, SourceSettings, did_you_mean
from fer_spark.sources.table import open_any_table

_OPENERS: dict[str, Callable[[SparkSession, SourceSettings, FileReading], Source]] = {
    "fer2013": open_fer2013,
    "ferplus": open_ferplus,
    "legend": open_legend,
    "affectnet": open_affectnet,
    "folder": open_folder,
    "table": open_any_table,
    "images": open_images,
    "tar": open_tar,
}

_ONLY_FOR: dict[str, tuple[str, ...]] = {
    "votes": ("fer2013", "ferplus"),
    "drop_nonface": ("fer2013", "ferplus"),
    "images": ("legend", "affectnet", "table"),
    "codes": ("fer2013", "legend", "affectnet", "folder", "table", "images", "tar"),
    "unlabelled": ("fer2013", "table"),
    "bytes_column": ("table",),
    "path_column": ("legend", "affectnet", "table"),
    "label_column": ("fer2013", "legend", "affectnet", "table"),
    "group_column": ("fer2013", "ferplus", "legend", "affectnet", "table"),
    "split_column": ("fer2013", "ferplus", "legend", "affectnet", "table"),
    "keep_no_expression": ("affectnet",),
}


def open_source(
    spark: SparkSession,
    settings: SourceSettings,
    max_file_bytes: int = 256 << 20,
    by_path: bool = False,
    labels_needed: bool = True,
) -> Source:
    """Open the input named by --source and --input. Files above `max_file_bytes` are listed, not read.

    `by_path`: rows of local files hold the file's path instead of its bytes, with the encoding `path`.
    `labels_needed` False: a table whose labels cannot be found, or are numbers that nobody explains, has none.

    Raises SourceError for an unknown source, a flag that does not go with it, or an input that cannot be opened.
    """
    if settings.source not in _OPENERS:
        hint = did_you_mean(settings.source, SOURCES)
        raise SourceError(f"--source {settings.source!r}: expected one of {', '.join(SOURCES)}{hint}")
    for name, sources in _ONLY_FOR.items():
        if getattr(settings, name) and settings.source not in sources:
            raise SourceError(
                f"--{name.replace('_', '-')} goes with --source {' or '.join(sources)}, not {settings.source}"
            )
    if settings.label_from != "none" and settings.source not in ("images", "tar"):
        raise SourceError(f"--label-from goes with --source images or tar, not {settings.source}")
    if settings.glob:
        _check_glob(spark, settings.glob)
    return _OPENERS[settings.source](spark, settings, FileReading(max_file_bytes, by_path, labels_needed))


def _check_glob(spark: SparkSession, glob: str) -> None:
    """Raise SourceError for a pattern that Hadoop, and so Spark, refuses."""
    try:
        spark._jvm.org.apache.hadoop.fs.GlobFilter(glob)  # type: ignore[union-attr]
    except Py4JJavaError as error:
        raise SourceError(f"--glob {glob!r}: {first_line(error)}") from error
