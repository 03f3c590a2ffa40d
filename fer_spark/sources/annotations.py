"""What a source says of its pictures, as it says it: no row dropped, no value mended, no picture touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import NumericType

from fer_spark.rows import ANNOTATION
from fer_spark.sources.base import Source, raw_images
from fer_spark.sources.labelling import LabelRule, rule_of
from fer_spark.sources.numbering.one_hot import with_label
from fer_spark.sources.plain_rows import LABEL_COLUMNS, PATH_COLUMNS, SPLIT_COLUMNS, stored_names
from fer_spark.sources.settings import SourceSettings
from fer_spark.sources.split_names import stated_split
from fer_spark.sources.tables import AnnotationTable, decimal, optional

EXPECTED = {"path": "a path", "label": "a known label", "split": "train, val, test", "feeling": "number in [-1, 1]"}


@dataclass(frozen=True)
class Annotations:
    """ANNOTATION rows, lazily.

    has           which of path, label, split, valence, arousal the source offers at all
    one_per_path  whether the listing makes paths unique, so that looking for repeated ones is no use
    table         `split`, and the table's own columns, each as `in:<name>`; None where there is no table
    expected      of the table's columns that mean something here: what they should hold (EXPECTED's values)
    """

    description: str
    label_names: tuple[str, ...]
    rows: DataFrame
    has: frozenset[str]
    one_per_path: bool
    table: DataFrame | None = None
    expected: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TableColumns:
    """Which columns of a source's annotation table mean something, and how its labels are read.

    paths   usual names of the column with the picture's path; none where a row is a picture, or holds it
    labels  usual names of the column with the label
    needed  whether a table without those two is refused
    rule    how the data set's own labels are read; None: as those of any data
    named_by_split  whether its own files are called after their splits, so that a lone one states its own
    """

    paths: tuple[str, ...] = PATH_COLUMNS
    labels: tuple[str, ...] = LABEL_COLUMNS
    needed: bool = False
    rule: Callable[[SourceSettings], LabelRule] | None = None
    named_by_split: bool = False


def tabled(table: AnnotationTable, settings: SourceSettings, columns: TableColumns) -> Annotations:
    """The annotations of a table. Raises SourceError for one that lacks a column."""
    if columns.rule is None:
        table = with_label(table, settings, columns.labels, columns.needed)
    found = _found(table, settings, columns)
    row_name = F.concat_ws("#", "_file", F.col("_row").cast("string"))
    path = F.trim(optional(found["path"]))
    raw_split = F.trim(optional(found["split"]))
    rows = table.frame.select(
        "*",
        (row_name if found["path"] is None else F.when(path == "", None).otherwise(path)).alias("path"),
        stated_split(raw_split, table.file_count == 1 and not columns.named_by_split).alias("split"),
        raw_split.alias("split_raw"),
        F.trim(optional(found["label"])).alias("label_raw"),
        _number(table, found["valence"]).alias("valence"),
        _number(table, found["arousal"]).alias("arousal"),
        _not_number(table, found).alias("not_number"),
    )
    label = found["label"]
    if columns.rule is not None:
        rule = columns.rule(settings)
    else:
        stored = None if label is None else lambda: stored_names(rows.sparkSession, table, label)
        rule = rule_of(rows, settings, stored, needed=False)
    labelled = rows.withColumn("label", rule.name_of(F.col("label_raw")))
    has = frozenset(name for name, column in found.items() if column is not None)
    own = [item.name for item in table.frame.schema if item.name.startswith("in:")]
    plain = labelled.select("split", *(F.col("`" + name.replace("`", "``") + "`") for name in own))
    return Annotations(
        f"{settings.source} {settings.input}",
        rule.taxonomy.names if "label" in has else (),
        labelled.select(ANNOTATION.names),
        has,
        "path" not in has,
        plain,
        _expected(table, found),
    )


def listed(source: Source, rows: DataFrame) -> Annotations:
    """Of a source whose labels are no column of a table: RAW_IMAGE `rows`, contents not needed, state them."""
    rows = raw_images(rows)
    of_reason = F.when(F.col("reject_reason") == "not_a_face", "no_face").when(
        F.col("reject_reason") == "no_expression", "uncertain"
    )
    known = rows.select(
        F.col("source_path").alias("path"),
        "split",
        F.col("split").alias("split_raw"),
        "label_raw",
        F.coalesce("label", of_reason).alias("label"),
        F.col("valence").cast("double").alias("valence"),
        F.col("arousal").cast("double").alias("arousal"),
        F.lit(None).cast("string").alias("not_number"),
    )
    labelled = bool(source.label_names)
    has = frozenset({"path", *(("label",) if labelled else ()), *(("split",) if labelled else ())})
    return Annotations(source.description, source.label_names, known.select(ANNOTATION.names), has, True)


def _found(table: AnnotationTable, settings: SourceSettings, columns: TableColumns) -> dict[str, SparkColumn | None]:
    path = None
    if columns.paths:
        path = table.column(settings.path_column, columns.paths, "--path-column", required=columns.needed)
    return {
        "path": path,
        "label": table.column(settings.label_column, columns.labels, "--label-column", required=columns.needed),
        "split": table.column(settings.split_column, SPLIT_COLUMNS, "--split-column"),
        "valence": table.column("", ("valence",), "--input"),
        "arousal": table.column("", ("arousal",), "--input"),
    }


def _number(table: AnnotationTable, column: SparkColumn | None) -> SparkColumn:
    if column is not None and isinstance(table.frame.select(column).schema[0].dataType, NumericType):
        return column.cast("double")
    return decimal(optional(column))


def _not_number(table: AnnotationTable, found: dict[str, SparkColumn | None]) -> SparkColumn:
    texts = [F.lit(None).cast("string")]
    for name in ("valence", "arousal"):
        text = F.trim(optional(found[name]))
        texts.append(F.when((text != "") & _number(table, found[name]).isNull(), text))
    return F.coalesce(*texts)


def _expected(table: AnnotationTable, found: dict[str, SparkColumn | None]) -> dict[str, str]:
    kinds = {"valence": "feeling", "arousal": "feeling"}
    expected = {}
    for name, column in found.items():
        if column is not None:
            own = table.frame.select(column).columns[0].removeprefix("in:")
            expected[own] = EXPECTED[kinds.get(name, name)]
    return expected
