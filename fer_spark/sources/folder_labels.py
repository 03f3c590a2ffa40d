"""Pictures without an annotation table: unlabelled, or labelled by their own names or those of their folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.labels import TAXONOMIES
from fer_spark.sources.archives.find import ARCHIVE_END, ARCHIVE_PART
from fer_spark.sources.base import Source, raw_images
from fer_spark.sources.class_names import NUMBER_BEFORE, class_names, class_of_folder_column
from fer_spark.sources.labelling import LabelRule, rule_of
from fer_spark.sources.numbering.stored import names_beside
from fer_spark.sources.pictures import Pictures, file_name, file_pictures
from fer_spark.sources.settings import FileReading, SourceSettings
from fer_spark.sources.split_names import SPLIT_NAMES, split_of, split_of_path

Naming = Callable[[DataFrame], DataFrame]
"""Pictures with `path` → the same with `label_raw` and `split`."""


def picture_source(
    settings: SourceSettings,
    pictures: Pictures,
    naming: Naming | None = None,
    own_rule: LabelRule | None = None,
    faces_are_cropped: bool = False,
    labels_needed: bool = True,
) -> Source:
    """All the pictures, with the labels that their paths state by `naming`; None: unlabelled.

    own_rule: how the data set's own labels are read; None: as those of any data. labels_needed: see open_source.
    """
    name = naming or _plain
    rule = own_rule or LabelRule(TAXONOMIES["fer2013"], {})
    if naming and own_rule is None:
        folders = name(pictures.listed())
        rule = rule_of(
            folders, settings, lambda: names_beside(folders.sparkSession, pictures.root.uri, "label"), labels_needed
        )

    def rows(frame: DataFrame) -> DataFrame:
        named = name(frame).withColumns({"source_path": F.col("path"), "encoding": F.lit(pictures.encoding)})
        return raw_images(rule.apply(named) if naming else named)

    return Source(
        f"{settings.source} {settings.input}",
        rule.taxonomy.names if naming else (),
        faces_are_cropped,
        False,
        lambda part: rows(pictures.read(part)),
        lambda: rows(pictures.listed()),
        pictures.count,
        pictures.digest,
        numbering=rule.numbering if naming else None,
        lines=pictures.lines,
    )


def open_named(
    spark: SparkSession,
    settings: SourceSettings,
    reading: FileReading,
    naming: Naming,
    own_rule: LabelRule,
    faces_are_cropped: bool = False,
) -> Source:
    """Every picture below --input, of a data set whose files' own names say what they show; other files are passed
    over, unless --glob names them."""
    pictures = file_pictures(spark, settings.input, settings.glob, reading)
    return picture_source(settings, pictures, naming, own_rule, faces_are_cropped)


def naming_of(settings: SourceSettings) -> Naming | None:
    """What --label-from asks for; None for no labels."""
    namings: dict[str, Naming] = {"parent": by_parent, "class": by_expression(settings)}
    return namings.get(settings.label_from)


def _plain(frame: DataFrame) -> DataFrame:
    return frame.withColumns({"label_raw": F.lit(None).cast("string"), "split": F.lit(None).cast("string")})


def by_class(frame: DataFrame) -> DataFrame:
    """The first folder that is no split is the label, without a number that orders the folders."""
    parts = F.split("path", "/")
    stated = (F.size(parts) > 1) & F.lower(parts[0]).isin(*SPLIT_NAMES)
    position = F.when(stated, 2).otherwise(1)
    return frame.withColumns(
        {
            "label_raw": F.when(
                F.size(parts) > position, F.regexp_replace(F.element_at(parts, position), NUMBER_BEFORE, "")
            ),
            "split": F.when(stated, split_of(parts[0])),
        }
    )


def by_parent(frame: DataFrame) -> DataFrame:
    """The innermost folder is the label."""
    parts = F.split(F.regexp_replace("path", ARCHIVE_PART, ""), "/")
    return frame.withColumns(
        {"label_raw": F.when(F.size(parts) > 1, F.element_at(parts, -2)), "split": F.lit(None).cast("string")}
    )


def by_expression(settings: SourceSettings) -> Naming:
    """The innermost folder that is called as an expression is, or as one of --labels, is the label; where none is so
    called, the innermost. The outermost folder or archive that is called as a split is, is the split."""
    names = class_names(settings)

    def naming(frame: DataFrame) -> DataFrame:
        path = F.regexp_replace("path", ARCHIVE_END, "/")
        folders = F.slice(F.split(path, "/"), 1, F.size(F.split(path, "/")) - 1)
        classes = F.transform(folders, lambda folder: class_of_folder_column(folder, names))
        of_labels = F.filter(classes, lambda name: name.isNotNull())
        inside = F.when(F.size(F.split(F.regexp_replace("path", ARCHIVE_PART, ""), "/")) > 1, F.element_at(folders, -1))
        return frame.withColumns(
            {"label_raw": F.coalesce(F.try_element_at(of_labels, F.lit(-1)), inside), "split": split_of_path(path)}
        )

    return naming


def by_name(pattern: str, words: Mapping[str, str]) -> Naming:
    """The file's name holds the person and a code of the expression, the two groups of a Java `pattern` in that order.

    `words`: code → expression. A name that is not so, or holds another code, is a label that nobody knows.
    """

    def naming(frame: DataFrame) -> DataFrame:
        name = file_name(F.col("path"))
        person, code = (F.nullif(F.regexp_extract(name, pattern, group), F.lit("")) for group in (1, 2))
        pairs = [F.lit(part) for pair in words.items() for part in pair]
        word = F.when(code.isNotNull(), F.try_element_at(F.create_map(*pairs), F.upper(code)))
        return frame.withColumns(
            {"label_raw": F.coalesce(word, name), "group_id": F.upper(person), "split": F.lit(None).cast("string")}
        )

    return naming
