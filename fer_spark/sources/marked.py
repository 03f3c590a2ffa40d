"""Lists that mark faces in pictures, as object detection has them: a row a face, with its class and perhaps its box."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from fer_spark.artifacts import Storage
from fer_spark.sources.annotated import annotated
from fer_spark.sources.base import Source
from fer_spark.sources.boxes import BOX, BoxColumns, with_boxes
from fer_spark.sources.conflicts import settle
from fer_spark.sources.labelling import reject, rule_of
from fer_spark.sources.lake import Root, file_uri, open_root
from fer_spark.sources.numbering.stored import names_beside
from fer_spark.sources.pictures import Pictures, file_name, file_pictures, whole_path
from fer_spark.sources.plain_rows import annotation_rows, below_its_table
from fer_spark.sources.settings import FileReading, SourceError, SourceSettings
from fer_spark.sources.split_names import split_of_name, split_of_path
from fer_spark.sources.tables import MARK, AnnotationTable

NAME, CLASS, BOX_TEXT = "file_name", "class", "bbox"
_MOST_BYTES = 512 << 20
"""The driver reads a list as a whole."""

_MOST_LISTS = 1000


class Face(NamedTuple):
    """A row of a list: the picture as it is written there, the class, the box (left, top, width, height in px) as text,
    and why the row cannot be used; each empty where there is none."""

    name: str
    label: str
    box: str = ""
    reason: str = ""
    detail: str = ""


def lists_below(spark: SparkSession, settings: SourceSettings, ending: str, name: str) -> tuple[Root, list[str]]:
    """--input, and the files below it with an ending whose names match a (Java) pattern: by path below it, sorted. A
    lone file is taken as it is. Raises SourceError for none, and for more than a thousand, which are hardly lists."""
    root = open_root(spark, settings.input)
    if root.is_file:
        return root, [posixpath.basename(root.targets[0])]
    listed = file_pictures(spark, root.uri, f"*{ending}", FileReading()).listed().where("reject_reason IS NULL")
    found = listed.where(file_name(F.col("path")).rlike(name)).select("path").limit(_MOST_LISTS + 1).collect()
    if not found or len(found) > _MOST_LISTS:
        count = f"more than {_MOST_LISTS:,}" if found else "no"
        raise SourceError(f"--input {settings.input!r} holds {count} lists *{ending}: name the list with --input")
    return root, sorted(row["path"] for row in found)


def read_list(storage: Storage, path: str) -> str:
    """Raises SourceError for a list that is too large for the driver, or not UTF-8."""
    [size] = [file.length for file in storage.list_files(path)]
    if size > _MOST_BYTES:
        raise SourceError(f"{path} has {size:,} bytes, the limit is {_MOST_BYTES:,}: split the list")
    try:
        return storage.read_text(path) or ""
    except UnicodeDecodeError:
        raise SourceError(f"{path}: not UTF-8") from None


def listed_faces(spark: SparkSession, root: Root, lists: Sequence[tuple[str, Iterable[Face]]]) -> AnnotationTable:
    """The faces of lists, by path below the root, as one table. Rows are numbered through all lists, as two of them may
    mark the same picture."""
    faces = [(path, face) for path, of_list in lists for face in of_list]
    texts = {MARK + name: [face[i] for _, face in faces] for i, name in enumerate((NAME, CLASS, BOX_TEXT))}
    splits = {MARK + "split": [split_of_name(path) if lists[1:] else None for path, _ in faces]}
    reasons = {name: [face[3 + i] or None for _, face in faces] for i, name in enumerate(("reason", "detail"))}
    columns = {**texts, **splits, **reasons, "_file": [path for path, _ in faces]}
    arrays = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    rows = spark.createDataFrame(pa.table({**arrays, "_row": pa.array(range(len(faces)), pa.int64())}))
    return AnnotationTable(root, rows, rows, len(lists), False, "list")


def pictures_beside(
    settings: SourceSettings, reading: FileReading, table: AnnotationTable, lists: Sequence[str]
) -> Pictures:
    """Those in the folder of the lists, or in --images."""
    own = [file_uri(table.root.uri, path) for path in lists]
    where = settings.images or table.root.uri
    return file_pictures(table.frame.sparkSession, where, settings.glob, reading, whole_path, own)


def open_marked(
    settings: SourceSettings, reading: FileReading, table: AnnotationTable, pictures: Pictures, has_boxes: bool = True
) -> Source:
    """The source of such a table, whose columns are those of Face. Names are relative to the list that states them.

    A picture's split is that of the list's name, else of the outermost folder that is called as a split is. Raises
    SourceError where no row names a picture that is there.
    """
    spark, root = table.frame.sparkSession, table.root
    named, label = (F.col(f"`{MARK}{name}`") for name in (NAME, CLASS))
    rows = annotation_rows(table, settings, below_its_table(named), label, pictures)
    if has_boxes:
        rows = with_boxes(rows, table, BoxColumns((BOX_TEXT,), "xywh"))
    rows = rows.withColumn("split", F.coalesce("split", split_of_path(F.col("named"))))
    rows = reject(rows, F.col("reason"), F.col("detail"))
    rule = rule_of(rows, settings, lambda: names_beside(spark, root.uri, CLASS), reading.labels_needed)
    face = BOX if has_boxes else ()
    ready = settle(rule.apply(rows), ("key", *face), settings.conflicts)
    stated = rows.select("named", "label_raw", "source_row", "split", *face)
    joined = annotated(pictures, ready, False)
    return joined.source(f"{settings.source} {settings.input}", rule, stated, has_boxes=has_boxes, beside_table=False)
