"""Any Parquet, CSV, JSON or Delta table whose rows hold a picture's bytes, values or path."""

from __future__ import annotations

import posixpath

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import BinaryType, DataType, StructType

from fer_spark.sources.annotated import annotated
from fer_spark.sources.annotations import Annotations, TableColumns, tabled
from fer_spark.sources.base import Slice, Source, raw_images, spread
from fer_spark.sources.boxes import BOX, BoxColumns, box_columns, with_boxes
from fer_spark.sources.conflicts import settle
from fer_spark.sources.feelings import with_feelings
from fer_spark.sources.labelling import LabelRule, reject, rule_of
from fer_spark.sources.layout import BOXES, COLUMNS, Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.numbering.one_hot import with_label
from fer_spark.sources.persons import nameless_line, person_in
from fer_spark.sources.pictures import Pictures, whole_path
from fer_spark.sources.plain_rows import (
    GROUP_COLUMNS,
    LABEL_COLUMNS,
    PATH_COLUMNS,
    SPLIT_COLUMNS,
    annotation_rows,
    below_its_table,
    group_of,
    label_of,
    open_pictures,
    stored_names,
)
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings
from fer_spark.sources.split_names import SPLIT_NAMES, stated_split, unknown_split
from fer_spark.sources.tables import AnnotationTable, open_table, optional
from fer_spark.sources.values.cells import SIZE_COLUMNS, Cells, picture_cells
from fer_spark.sources.values.columns import gathered, pixel_columns

CSV = (".csv", ".tsv", ".csv.zst", ".csv.gz", ".txt")
"""Lists that `legend` recognises."""


def open_any_table(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """Pictures from --bytes-column, else the first column that holds some (binary, a struct with `bytes`, Spark's
    image, lists of values), else from --path-column, else from columns of a value each.

    Paths are relative to --images or to the table's own folder. A table is unlabelled by --unlabelled, or where none
    of its columns could be a label.
    """
    table = open_table(spark, settings.input)
    boxes, beside = box_columns(table, settings), _path_beside_bytes(table, settings)
    cells = picture_cells(table, settings, reading.max_bytes) if beside is None else None
    if cells is not None:
        return _from_cells(table, cells, settings, boxes, reading)
    named = table.column(settings.path_column, PATH_COLUMNS, "--path-column") if beside is None else beside
    if named is not None:
        return _from_paths(table, settings, named, boxes, reading)
    spread = gathered(table)
    if spread is None:
        raise SourceError(
            f"none of the columns {table.column_list} holds pictures; give --bytes-column or --path-column"
        )
    return _from_cells(*spread, settings, boxes, reading)


def table_annotations(spark: SparkSession, settings: SourceSettings) -> Annotations:
    table = open_table(spark, settings.input)
    spread = gathered(table)
    return tabled(spread[0] if spread else table, settings, TableColumns())


def _from_cells(
    table: AnnotationTable, cells: Cells, settings: SourceSettings, boxes: BoxColumns | None, reading: FileReading
) -> Source:
    table = with_label(table, settings, LABEL_COLUMNS, reading.labels_needed)
    label = label_of(table, settings, LABEL_COLUMNS, _no_labels(table, cells, boxes), reading.labels_needed)
    split = optional(table.column(settings.split_column, SPLIT_COLUMNS, "--split-column"))
    named = cells.named if cells.named is not None else table.column("", PATH_COLUMNS, "--path-column")
    rows = table.frame.select(
        "*",
        F.concat_ws("#", "_file", F.col("_row").cast("string")).alias("source_path"),
        F.col("_row").alias("source_row"),
        cells.content.alias("content"),
        cells.encoding.alias("encoding"),
        F.trim(optional(label)).alias("label_raw"),
        stated_split(split, table.file_count == 1).alias("split"),
        _group(table, settings, named).alias("group_id"),
        optional(named).alias("_named"),
        cells.reason.alias("reject_reason"),
        cells.detail.alias("reject_detail"),
    )
    problem = unknown_split(split)
    rows = reject(rows, F.when(problem.isNotNull(), "bad_annotation"), problem)
    rows = with_boxes(with_feelings(rows, table), table, boxes)
    rows, rule = _labelled(rows, settings, table, label, reading.labels_needed)

    def read(part: Slice) -> DataFrame:
        mine = part.of(rows, F.col("source_path"))
        return raw_images(spread(mine, table.scan, "source_path", table.splits_evenly))

    def lines() -> list[str]:
        if not settings.group_from:
            return []
        return nameless_line(settings, rows.select(F.coalesce("_named", "source_path").alias("name")))

    # Keys must not touch the pictures' bytes: reasons are not part of them.
    keys = rows.select("source_path", "source_row", "label_raw", "split")
    names, numbering = (rule.taxonomy.names, rule.numbering) if rule else ((), None)
    what, count = f"table {settings.input}, {cells.what}", table.scan.count
    return Source(
        what,
        names,
        False,
        boxes is not None,
        read,
        lambda: keys,
        count,
        table.digest,
        numbering=numbering,
        lines=lines,
        paths_name_pictures=False,
    )


def _group(table: AnnotationTable, settings: SourceSettings, named: Column | None) -> Column:
    """The person by --group-from in a picture's name beside it, else by a column."""
    group = group_of(table.column(settings.group_column, GROUP_COLUMNS, "--group-column"))
    if not settings.group_from:
        return group
    if named is None:
        raise SourceError(
            f"--group-from: no column of {settings.input!r} names its pictures; the table has: "
            f"{table.column_list}. Name persons with --group-column"
        )
    return F.coalesce(person_in(settings, named), group)


def _from_paths(
    table: AnnotationTable, settings: SourceSettings, named: Column, boxes: BoxColumns | None, reading: FileReading
) -> Source:
    images = settings.images or table.root.uri
    pictures = open_pictures(settings, table, images, reading, whole_path)
    return named_pictures(table, settings, named, boxes, pictures, reading.labels_needed)


def named_pictures(
    table: AnnotationTable,
    settings: SourceSettings,
    named: Column,
    boxes: BoxColumns | None,
    pictures: Pictures,
    labels_needed: bool,
) -> Source:
    """Pictures that a table names by paths from its own folder, with all that its columns say of them."""
    table = with_label(table, settings, LABEL_COLUMNS, labels_needed)
    label = label_of(table, settings, LABEL_COLUMNS, _no_labels(table, None, boxes), labels_needed)
    rows = annotation_rows(table, settings, below_its_table(named), label, pictures)
    rows = with_boxes(with_feelings(rows, table), table, boxes)
    ready, rule = _labelled(rows, settings, table, label, labels_needed)
    if label is None:
        ready = ready.withColumn("label", F.lit(None).cast("string"))
    face = BOX if boxes else ()
    joined = annotated(pictures, settle(ready, ("key", *face), settings.conflicts), False)
    stated = rows.select("named", "_file", "source_row", "label_raw", *face)
    return joined.source(
        f"{settings.source} {settings.input} with {pictures.description}", rule, stated, has_boxes=boxes is not None
    )


def _labelled(
    rows: DataFrame, settings: SourceSettings, table: AnnotationTable, label: Column | None, needed: bool
) -> tuple[DataFrame, LabelRule | None]:
    if label is None:
        return rows, None
    rule = rule_of(rows, settings, lambda: stored_names(rows.sparkSession, table, label), needed)
    return rule.apply(rows), rule


def _no_labels(table: AnnotationTable, cells: Cells | None, boxes: BoxColumns | None) -> frozenset[str]:
    """Columns of bytes, or with such a part, of the pictures, their sizes and boxes, in lower case: none is a label."""
    fields = [field for field in table.frame.schema.fields if _has_bytes(field.dataType)]
    names = [field.name.removeprefix("in:") for field in fields]
    names += [cells.column, *SIZE_COLUMNS] if cells else []
    return frozenset(name.strip().casefold() for name in names) | (boxes.columns if boxes else frozenset())


def _has_bytes(kind: DataType) -> bool:
    parts = [field.dataType for field in kind.fields] if isinstance(kind, StructType) else [kind]
    return any(isinstance(part, BinaryType) for part in parts)


def _path_beside_bytes(table: AnnotationTable, settings: SourceSettings) -> Column | None:
    """The path in Hugging Face's image, where no row holds the bytes."""
    if settings.bytes_column or settings.path_column:
        return None
    for field in table.frame.schema.fields:
        kind = field.dataType
        if isinstance(kind, StructType) and _has_bytes(kind) and {"bytes", "path"} <= set(kind.names):
            image = F.col(f"`{field.name}`")
            there = table.frame.where(image.getField("bytes").isNotNull())
            return image.getField("path") if there.limit(1).count() == 0 else None
    return None


def recognise(look: Look) -> Match | None:
    """Any table, the parts of one, or a folder that Spark has written; or with tables in folders in it, as Hugging
    Face's `data/`. Likely where it names pictures and labels, and is no list that `legend` reads."""
    parts = [name for name in look.folders if "=" in name or name == "_delta_log"]
    if len(look.tables) > 1:
        forms = " and ".join(sorted(map(posixpath.basename, look.tables)))
        why = f"holds {forms}, tables of several forms that each name pictures or labels: name one of them as --input"
        return Match(Sureness.LIKELY, "it holds tables", refusal=why)
    if not look.columns and not parts:
        return _split_lists(look.unwrapped) or _parquet_inside(look.unwrapped)
    if _is_beside_pictures(look):
        return None
    own = look.chosen_table
    if _is_list(look) and not look.table.lower().endswith(CSV):
        return Match(Sureness.LIKELY, "it is a table with columns of pictures and labels", own)
    spread = pixel_columns(look.columns)
    if spread and not look.has_column(PATH_COLUMNS):
        return Match(Sureness.LIKELY, f"its columns {spread.names[0]} to {spread.names[-1]} hold a value each", own)
    return Match(Sureness.POSSIBLE, "it is a table" if look.columns else f"it holds {parts[0]}, as tables do", own)


def _is_beside_pictures(look: Look) -> bool:
    """Whether it is a text without any usual column, near pictures: what it says of them, nobody knows."""
    usual = bool(look.labels) or look.has_column((*PATH_COLUMNS, "pixels"))
    text = look.table.lower().endswith((*CSV, ".json", ".jsonl", ".ndjson"))
    return text and not usual and any(place.pictures for place in look.places)


def _is_list(look: Look) -> bool:
    return look.has_column(PATH_COLUMNS) and bool(look.labels)


def _split_lists(outer: Look) -> Match | None:
    """Where folders called as splits each hold a table that names pictures and labels, beside these or not."""
    lists = [place for place in outer.splits if place.table and _is_list(place)]
    if not lists or len(lists) < len(outer.splits):
        return None
    why = f"its folder {lists[0].name} holds a table with columns of pictures and labels"
    return Match(Sureness.LIKELY, why, outer.settings.input)


def _parquet_inside(outer: Look) -> Match | None:
    """Where it or one folder in it, and no other, holds Parquet files that no pictures lie beside, or folders called as
    splits with such files."""
    places = [outer, *(place for place in outer.some_inside if place.name.lower() not in SPLIT_NAMES)]
    found = [place for place in places if any(map(_holds_parquet, [place, *place.splits]))]
    if len(found) != 1:
        return None
    [place] = found
    inside = "" if _holds_parquet(place) else f", in {' and '.join(split.name for split in place.splits)}"
    return Match(Sureness.POSSIBLE, f"its folder {place.name} is a table{inside}", place.settings.input)


def _holds_parquet(place: Look) -> bool:
    files = any(name.lower().endswith(".parquet") for name in place.files)
    return files and not place.pictures and bool(place.columns)


_FLAGS = ("images", "bytes_column", "codes", "unlabelled", *COLUMNS, *BOXES)
LAYOUT = Layout(open_any_table, table_annotations, _FLAGS, recognise=recognise)
