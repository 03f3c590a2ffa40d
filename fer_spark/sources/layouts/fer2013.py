"""FER-2013 in its CSV forms: a row per picture, its pixels as text."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType

from fer_spark.sources.annotations import Annotations, TableColumns, tabled
from fer_spark.sources.base import Slice, Source, digest_rows, raw_images, spread
from fer_spark.sources.labelling import LabelRule, label_rule, reject
from fer_spark.sources.layout import Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.plain_rows import group_of, label_of, stored_names
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings
from fer_spark.sources.split_names import stated_split, unknown_split
from fer_spark.sources.tables import AnnotationTable, open_table, optional
from fer_spark.sources.values.cells import list_cells
from fer_spark.sources.votes import decided_votes

VOTES = ("votes", "ferplus_mode", "drop_nonface", "group_column", "split_column")
"""The flags of a layout that FER+ votes go with."""


def open_fer2013(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """`emotion,pixels,Usage` in any order, case and spacing; without `emotion` the pictures are unlabelled.

    With --votes, what the FER+ voters chose is the soft label beside FER-2013's own label, rescaled to its classes and
    null where they agreed on none of them; --drop-nonface removes what they call no face.
    """
    if settings.drop_nonface and not settings.votes:
        raise SourceError("--drop-nonface needs --votes: the file fer2013new.csv of FER+")
    return open_pixel_rows(spark, settings, reading)


def fer2013_annotations(spark: SparkSession, settings: SourceSettings) -> Annotations:
    columns = TableColumns((), _LABEL, rule=lambda settings: label_rule(settings, "fer2013", "fer2013"))
    return tabled(open_table(spark, settings.input), settings, columns)


def open_pixel_rows(
    spark: SparkSession, settings: SourceSettings, reading: FileReading, votes_rule: LabelRule | None = None
) -> Source:
    """`votes_rule`: of the labels that the votes give; None: the rows' own labels are read."""
    if settings.group_from:
        raise SourceError("--group-from reads persons from the names of pictures, and these have none: --group-column")
    table, relabel = open_table(spark, settings.input), votes_rule is not None
    label = None if relabel else label_of(table, settings, _LABEL, frozenset(), reading.labels_needed)
    rows = _rows(table, settings, label)
    rule = votes_rule or _rule(spark, settings, table, label, rows)
    if settings.votes:
        if table.file_count != 1:
            raise SourceError(f"--votes go with one CSV, row by row; {settings.input!r} holds {table.file_count} files")
        votes = decided_votes(open_table(spark, settings.votes, "--votes"), settings.ferplus_mode, rule.taxonomy.names)
        rows = _voted(rows, votes, settings.drop_nonface, relabel)
    ready = rule.apply(rows) if relabel or label is not None else rows

    def read(part: Slice) -> DataFrame:
        return raw_images(spread(part.of(ready, F.col("source_row")), table.scan, "source_row"))

    def keys() -> DataFrame:
        return ready.select("source_path", "source_row", "label_raw", "split")

    def digest() -> str:
        votes_digest = open_table(spark, settings.votes, "--votes").digest() if settings.votes else ""
        return digest_rows(table.names(), table.bytes, votes_digest)

    name = f"{settings.source} {settings.input}" + (f" with {settings.votes}" if settings.votes else "")
    count = table.scan.count
    numbering = None if label is None else rule.numbering
    return Source(name, rule.taxonomy.names, True, False, read, keys, count, digest, numbering=numbering)


def _rule(
    spark: SparkSession, settings: SourceSettings, table: AnnotationTable, label: Column | None, rows: DataFrame
) -> LabelRule:
    if label is None:
        return label_rule(settings, "fer2013", "fer2013")
    return label_rule(settings, "fer2013", "fer2013", rows, stored_names(spark, table, label))


_LABEL = ("emotion", "label", "expression")


def _rows(table: AnnotationTable, settings: SourceSettings, label: Column | None) -> DataFrame:
    pixels = table.column("", ("pixels",), "--input", required=True, nested=True)
    assert pixels is not None
    usage = optional(table.column(settings.split_column, ("usage", "split"), "--split-column"))
    text, encoding = _pixels_text(table, pixels)
    rows = table.frame.select(
        F.concat_ws("#", "_file", F.col("_row").cast("string")).alias("source_path"),
        F.col("_row").alias("source_row"),
        text.cast("binary").alias("content"),
        encoding.alias("encoding"),
        F.trim(optional(label)).alias("label_raw"),
        stated_split(usage, table.file_count == 1).alias("split"),
        usage.alias("_usage"),
        group_of(table.column(settings.group_column, (), "--group-column")).alias("group_id"),
        F.when(text.isNull() | (text == ""), "empty").alias("reject_reason"),
        F.when(text.isNull() | (text == ""), "the row has no pixels").alias("reject_detail"),
    )
    problem = unknown_split(F.col("_usage"))
    return reject(rows, F.when(problem.isNotNull(), "bad_annotation"), problem)


def _pixels_text(table: AnnotationTable, pixels: Column) -> tuple[Column, Column]:
    """Pixels as numbers between blanks, also where they are a list: of a table's own kind, or written as JSON; and
    the encoding."""
    kind = table.frame.select(pixels).schema[0].dataType
    if isinstance(kind, ArrayType):
        cells = list_cells(table, "pixels", pixels, kind)
        return cells.content.cast("string"), cells.encoding
    text = F.trim(pixels)
    return F.when(text.startswith("["), F.trim(F.translate(text, "[],", "   "))).otherwise(text), F.lit("pixels")


def _voted(rows: DataFrame, votes: DataFrame, drop_nonface: bool, relabel: bool) -> DataFrame:
    joined = rows.join(F.broadcast(votes), rows["source_row"] == votes["vote_row"], "left")
    other = F.lower(F.trim("vote_usage")) != F.lower(F.trim("_usage"))
    joined = reject(
        joined, F.when(F.col("vote_row").isNull(), "bad_annotation"), F.lit("no row of the votes file goes with it")
    )
    shifted = F.concat(
        F.lit("the votes' row says "), F.col("vote_usage"), F.lit(" here: the two files are not aligned")
    )
    joined = reject(joined, F.when(other, "bad_annotation"), shifted)
    joined = reject(joined, F.when(F.col("vote_problem").isNotNull(), "bad_annotation"), F.col("vote_problem"))
    nonface = F.col("vote_label") == "nonface"
    if drop_nonface:
        joined = reject(joined, F.when(nonface, "not_a_face"), F.concat(F.lit("FER+ votes: "), F.col("vote_text")))
    if not relabel:
        return joined.withColumn("label_probs", F.col("vote_probs"))
    unclear = F.col("vote_label").isin("unknown", "nonface")
    verdict = F.when(nonface, "no face").otherwise("no expression agreed on")
    joined = reject(
        joined,
        F.when(nonface, "not_a_face").when(unclear, "no_expression"),
        F.concat(F.lit("FER+ votes: "), verdict, F.lit(" ("), F.col("vote_text"), F.lit(")")),
    )
    usable: Column = F.when(~unclear, F.col("vote_label"))
    return joined.withColumns(
        {"label_raw": F.coalesce(usable, F.col("vote_text")), "label_probs": F.when(~unclear, F.col("vote_probs"))}
    )


def recognise(look: Look) -> Match | None:
    """By its pixels; beside votes it is FER+, unless these only tell which pictures are faces."""
    is_plain = not look.settings.votes or look.settings.drop_nonface
    return pixel_match(look) if is_plain else None


def pixel_match(look: Look) -> Match | None:
    """A table whose pictures are text."""
    return Match(Sureness.CERTAIN, "its table has a column pixels", look.table) if "pixels" in look.columns else None


LAYOUT = Layout(open_fer2013, fer2013_annotations, ("label_column", "codes", "unlabelled", *VOTES), recognise=recognise)
