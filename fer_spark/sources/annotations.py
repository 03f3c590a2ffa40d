"""What a source says of its pictures, as it says it: no row dropped, no value mended, no picture touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import NumericType

from fer_spark.rows import ANNOTATION
from fer_spark.sources.affectnet import LABELS, PATHS, holds_npy, lists_folder, split_of_file
from fer_spark.sources.affectnet_npy import npy_annotations
from fer_spark.sources.base import raw_images
from fer_spark.sources.catalog import open_source
from fer_spark.sources.labelling import LabelRule, label_rule, rule_of
from fer_spark.sources.lake import open_root
from fer_spark.sources.legend import find_table
from fer_spark.sources.numbering.meaning import Numbering
from fer_spark.sources.plain_rows import LABEL_COLUMNS, PATH_COLUMNS, SPLIT_COLUMNS, stored_names
from fer_spark.sources.settings import SourceSettings
from fer_spark.sources.split_names import split_of
from fer_spark.sources.tables import AnnotationTable, open_table, optional

EXPECTED = {"path": "a path", "label": "a known label", "split": "train, val, test", "feeling": "number in [-1, 1]"}
_FER2013_LABELS = ("emotion", "label", "expression")


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


def open_annotations(spark: SparkSession, settings: SourceSettings) -> Annotations:
    """The annotations of any source. Raises SourceError as open_source does, but never for want of pictures."""
    if settings.source == "affectnet" and holds_npy(spark, settings.input):
        return _npy(spark, settings)
    if settings.source in ("affectnet", "legend", "fer2013", "table"):
        return _tabled(spark, settings)
    return _listed(spark, settings)


def _tabled(spark: SparkSession, settings: SourceSettings) -> Annotations:
    table = open_table(spark, _place(spark, settings))
    usual_labels = {"affectnet": LABELS, "fer2013": _FER2013_LABELS}.get(settings.source, LABEL_COLUMNS)
    needs_label = settings.source in ("affectnet", "legend")
    found = {
        "path": _path(table, settings),
        "label": table.column(settings.label_column, usual_labels, "--label-column", required=needs_label),
        "split": table.column(settings.split_column, SPLIT_COLUMNS, "--split-column"),
        "valence": table.column("", ("valence",), "--input"),
        "arousal": table.column("", ("arousal",), "--input"),
    }
    row_name = F.concat_ws("#", "_file", F.col("_row").cast("string"))
    path = F.trim(optional(found["path"]))
    raw_split = F.trim(optional(found["split"]))
    rows = table.frame.select(
        "*",
        (row_name if found["path"] is None else F.when(path == "", None).otherwise(path)).alias("path"),
        F.coalesce(split_of(raw_split), split_of_file()).alias("split"),
        raw_split.alias("split_raw"),
        F.trim(optional(found["label"])).alias("label_raw"),
        _number(table, found["valence"]).alias("valence"),
        _number(table, found["arousal"]).alias("arousal"),
        _not_number(table, found).alias("not_number"),
    )
    label = found["label"]
    rule = _rule(rows, settings, None if label is None else lambda: stored_names(spark, table, label))
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


def _place(spark: SparkSession, settings: SourceSettings) -> str:
    if settings.source == "affectnet":
        return lists_folder(spark, settings.input)
    return find_table(spark, settings.input) if settings.source == "legend" else settings.input


def _path(table: AnnotationTable, settings: SourceSettings) -> SparkColumn | None:
    if settings.source == "fer2013":
        return None
    usual = PATHS if settings.source == "affectnet" else PATH_COLUMNS
    required = settings.source in ("affectnet", "legend")
    return table.column(settings.path_column, usual, "--path-column", required=required)


def _rule(rows: DataFrame, settings: SourceSettings, stored: Callable[[], Sequence[Numbering]] | None) -> LabelRule:
    if settings.source == "affectnet":
        return label_rule(settings, "affectnet8", "affectnet8")
    return (
        label_rule(settings, "fer2013", "fer2013")
        if settings.source == "fer2013"
        else rule_of(rows, settings, stored, needed=False)
    )


def _number(table: AnnotationTable, column: SparkColumn | None) -> SparkColumn:
    if column is not None and isinstance(table.frame.select(column).schema[0].dataType, NumericType):
        return column.cast("double")
    return F.trim(optional(column)).try_cast("double")


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


def _npy(spark: SparkSession, settings: SourceSettings) -> Annotations:
    rule = label_rule(settings, "affectnet8", "affectnet8")
    rows = npy_annotations(spark, open_root(spark, settings.input)).select(
        F.col("named").alias("path"),
        "split",
        F.col("split").alias("split_raw"),
        "label_raw",
        rule.name_of(F.col("label_raw")).alias("label"),
        "valence",
        "arousal",
        F.lit(None).cast("string").alias("not_number"),
    )
    has = frozenset(("path", "label", "split", "valence", "arousal"))
    return Annotations(f"affectnet (8-label release) {settings.input}", rule.taxonomy.names, rows, has, True)


def _listed(spark: SparkSession, settings: SourceSettings) -> Annotations:
    """Sources whose labels are no column: folders, archives, FER+ votes."""
    source = open_source(spark, settings, labels_needed=False)
    rows = raw_images(source.raw().drop("content") if settings.source == "ferplus" else source.list_keys())
    said = F.when(F.col("reject_reason") == "not_a_face", "no_face").when(
        F.col("reject_reason") == "no_expression", "uncertain"
    )
    known = rows.select(
        F.col("source_path").alias("path"),
        "split",
        F.col("split").alias("split_raw"),
        "label_raw",
        F.coalesce("label", said).alias("label"),
        F.col("valence").cast("double").alias("valence"),
        F.col("arousal").cast("double").alias("arousal"),
        F.lit(None).cast("string").alias("not_number"),
    )
    labelled = bool(source.label_names)
    has = frozenset({"path", *(("label",) if labelled else ()), *(("split",) if labelled else ())})
    return Annotations(source.description, source.label_names, known.select(ANNOTATION.names), has, True)
