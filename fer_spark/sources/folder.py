"""Pictures without an annotation table: plain, in archives, or sorted into a folder per expression."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.labels import TAXONOMIES
from fer_spark.sources.base import Source, raw_images
from fer_spark.sources.labelling import LabelRule, rule_of
from fer_spark.sources.pictures import Pictures, file_pictures
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings
from fer_spark.sources.split_names import SPLIT_NAMES, split_of
from fer_spark.sources.tar import ARCHIVE_PART, tar_pictures


def open_folder(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """`[train|val|test/]expression/…/picture`: the first folder that is no split is the label."""
    pictures = file_pictures(spark, settings.input, settings.glob, reading)
    if not pictures.root.literal or pictures.root.is_file:
        raise SourceError(f"--source folder needs a folder with one folder per expression; {settings.input!r} is none")
    return _source(settings, pictures, _by_class)


def open_images(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """Every picture below --input, unlabelled; --label-from parent takes the folder's name as the label."""
    pictures = file_pictures(spark, settings.input, settings.glob, reading)
    return _source(settings, pictures, _by_parent if settings.label_from == "parent" else None)


def open_tar(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """The pictures in tar archives, unlabelled; --label-from parent takes the member's folder as the label."""
    pictures = tar_pictures(spark, settings.input, settings.glob, reading.max_bytes)
    return _source(settings, pictures, _by_parent if settings.label_from == "parent" else None)


def _source(settings: SourceSettings, pictures: Pictures, labelled: object) -> Source:
    naming = labelled if callable(labelled) else _plain
    rule = rule_of(naming(pictures.listed()), settings) if labelled else LabelRule(TAXONOMIES["fer2013"], {})

    def rows(frame: DataFrame) -> DataFrame:
        named = naming(frame).withColumns({"source_path": F.col("path"), "encoding": F.lit(pictures.encoding)})
        return raw_images(rule.apply(named) if labelled else named)

    return Source(
        f"{settings.source} {settings.input}",
        rule.taxonomy.names if labelled else (),
        False,
        False,
        lambda part: rows(pictures.read(part)),
        lambda: rows(pictures.listed()),
        lambda: pictures.listed().count(),
        pictures.digest,
        lines=pictures.lines,
    )


def _plain(frame: DataFrame) -> DataFrame:
    return frame.withColumns({"label_raw": F.lit(None).cast("string"), "split": F.lit(None).cast("string")})


def _by_class(frame: DataFrame) -> DataFrame:
    parts = F.split("path", "/")
    stated = (F.size(parts) > 1) & F.lower(parts[0]).isin(*SPLIT_NAMES)
    position = F.when(stated, 2).otherwise(1)
    return frame.withColumns(
        {
            "label_raw": F.when(F.size(parts) > position, F.element_at(parts, position)),
            "split": F.when(stated, split_of(parts[0])),
        }
    )


def _by_parent(frame: DataFrame) -> DataFrame:
    parts = F.split(F.regexp_replace("path", ARCHIVE_PART, ""), "/")
    return frame.withColumns(
        {"label_raw": F.when(F.size(parts) > 1, F.element_at(parts, -2)), "split": F.lit(None).cast("string")}
    )
