"""YOLO (Roboflow, Ultralytics): images/ beside labels/*.txt, a class and a box a line; data.yaml."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.artifacts import Storage
from fer_spark.sources.annotated import annotated
from fer_spark.sources.base import Slice, Source
from fer_spark.sources.conflicts import settle
from fer_spark.sources.labelling import rule_of
from fer_spark.sources.lake import exists, first_inside, open_root
from fer_spark.sources.layout import Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.numbering.meaning import Numbering
from fer_spark.sources.numbering.stored import names_beside
from fer_spark.sources.pictures import Pictures, file_pictures
from fer_spark.sources.places.listed import find_lists, with_listed_splits
from fer_spark.sources.places.match import check_named
from fer_spark.sources.settings import FileReading, SourceSettings
from fer_spark.sources.split_names import split_of_path
from fer_spark.sources.text.yolo import BOX, DataFile, boxes, data_file
from fer_spark.spark.held import held

_MOST_BYTES = 1 << 20
"""A label file has a line a face."""

_YAML = re.compile(r"[^.].*\.ya?ml", re.IGNORECASE)
_LINE = re.compile(r"\s*\d+(\s+-?[\d.]+(e-?\d+)?){4,}\s*(\n|$)", re.IGNORECASE)
_NO_LABELS = r"(?i)(^|/)(classes|labels|README[^/]*|requirements|notes)\.txt$"
_OWN = re.compile(r"(?i)^(?!.*(README[^/]*|requirements|notes)\.txt$).*\.txt$|^[^/]*\.ya?ml$")
"""What the layout itself reads."""

_LABELS = r"(?i)(^|/)labels/"
_PAIR = frozenset(("images", "labels"))
_FEW, _FEW_FOLDERS = 10, 3


def open_yolo(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """--input is the folder, or its YAML. A face a line: `class x y width height` as shares of the picture, or the
    corners of a polygon around it. A picture whose label file has no line is quarantined as one without a face.

    Label files lie in the folder `labels` in place of `images`, or beside the pictures. The split is that of the YAML,
    by folders or by text files that list pictures, or of a folder that is called as one.
    """
    root = open_root(spark, settings.input)
    storage = Storage(spark, root.uri)
    names = [posixpath.basename(root.targets[0])] if root.is_file else first_inside(spark, root.uri)[0]
    data = _read_data(storage, names)
    pictures = file_pictures(spark, root.uri, settings.glob, reading, _key, _OWN)
    lists, missing = find_lists(spark, root.uri, data.lists)
    rows = _faces(_label_files(spark, root.uri, pictures), data)
    rows = held(with_listed_splits(rows, root, lists, pictures))
    rule = rule_of(rows, settings, lambda: _names(spark, storage, data), reading.labels_needed)
    ready = settle(rule.apply(rows), ("key", *BOX), settings.conflicts)
    check_named(ready, pictures, f"the label files in {settings.input}")
    joined = annotated(pictures, ready, False)
    stated = rows.select("named", "label_raw", "source_row", "split", *BOX)
    source = joined.source(f"yolo {settings.input}", rule, stated, has_boxes=True, beside_table=False)
    return replace(source, lines=lambda: [*source.lines(), *missing])


def recognise(look: Look) -> Match | None:
    """By a label file that holds a class and a box, in labels/ beside images/, or beside its picture."""
    outer = look.unwrapped
    if outer.root.is_file:
        own = outer.files[0]
        found = _YAML.fullmatch(own) and data_file(Storage(look.spark, outer.root.uri).read_text(own) or "", own).names
        return Match(Sureness.CERTAIN, f"{own} names the classes of a YOLO data set") if found else None
    below = [inner for place in outer.some_inside for inner in place.some_inside[:_FEW_FOLDERS]]
    for place in [outer, *outer.some_inside, *below]:
        lower = {name.lower(): name for name in place.folders}
        labels = place.inside(lower["labels"]) if lower.keys() >= _PAIR else None
        for files in [labels, *labels.some_inside] if labels is not None else [place]:
            example = _label_file(files, beside=labels is None)
            if example:
                return Match(Sureness.CERTAIN, f"{example} says class and box", outer.settings.input)
    return None


def _label_file(place: Look, beside: bool) -> str:
    """One of the files in a place that reads as a label file; empty where none of the first few does."""
    stems = {posixpath.splitext(name)[0] for name in place.pictures}
    names = [name for name in place.files if name.endswith(".txt") and not re.search(_NO_LABELS, name)]
    known = [name for name in names if not beside or name.removesuffix(".txt") in stems]
    storage = Storage(place.spark, place.root.uri) if known else None
    for name in known[:_FEW]:
        assert storage is not None
        try:
            if _LINE.match(storage.read_text(name) or ""):
                return name
        except UnicodeDecodeError:
            continue
    return ""


def _read_data(storage: Storage, names: list[str]) -> DataFile:
    """The first of these files that is a YAML which names classes."""
    found = (data_file(storage.read_text(name) or "", name) for name in names if _YAML.fullmatch(name))
    return next((file for file in found if file.names), DataFile())


def _names(spark: SparkSession, storage: Storage, data: DataFile) -> list[Numbering]:
    if data.names:
        return list(data.names)
    places = [place for place in ("", "labels", "train/labels") if exists(spark, storage.uri(place))]
    return [names for place in places for names in names_beside(spark, storage.uri(place), "label")]


def _label_files(spark: SparkSession, folder: str, pictures: Pictures) -> DataFrame:
    """PICTURE rows of the label files, with their contents."""
    files = file_pictures(spark, folder, "*.txt", FileReading(_MOST_BYTES), _key)
    listed = files.listed().where(~F.col("path").rlike(_NO_LABELS))
    if listed.where(F.col("path").rlike(_LABELS)).limit(1).count() > 0:
        labels = listed.where(F.col("path").rlike(_LABELS)).select("path")
    else:
        labels = listed.select("path", _key(F.col("path")).alias("key"))
        keys = pictures.listed().select(_key(F.col("path")).alias("key"))
        labels = labels.join(keys, "key", "left_semi").select("path")
    return files.read(Slice()).join(labels, "path", "left_semi")


def _faces(files: DataFrame, data: DataFile) -> DataFrame:
    """A row a line, of a file without lines one that says so."""
    text = F.regexp_replace(F.coalesce(F.col("content").cast("string"), F.lit("")), "^\ufeff", "")
    split = F.split(text, r"\r\n|\r|\n")
    plain = F.transform(split, lambda line: F.trim(F.regexp_replace(line, r"\s+", " ")))
    numbered = F.transform(plain, lambda line, i: F.struct(i.alias("row"), line.alias("line")))
    lines = F.explode_outer(F.filter(numbered, lambda filled: filled["line"] != ""))
    rows = files.select("path", "reject_reason", "reject_detail", lines.alias("_one"))
    rows = rows.select(
        _key(F.col("path")).alias("key"),
        F.regexp_replace(F.regexp_replace("path", _LABELS, "$1images/"), r"\.[^./]*$", ".*").alias("named"),
        F.col("_one.row").cast("bigint").alias("source_row"),
        F.col("_one.line").alias("line"),
        "path",
        "reject_reason",
        "reject_detail",
    )
    none = F.coalesce(F.col("reject_reason") == "empty", F.lit(False)) | F.col("line").isNull()
    other = F.col("reject_reason").isNotNull() & (F.col("reject_reason") != "empty")
    stated = F.concat(F.lit("its label file: "), F.col("reject_detail"))
    nothing = F.concat(F.lit("its label file '"), F.col("path"), F.lit("' marks no face"))
    rows = rows.withColumns(
        {
            "reject_reason": F.when(other, "bad_annotation").when(none, "not_a_face"),
            "reject_detail": F.when(other, stated).when(none, nothing),
            "split": F.coalesce(data.split_of(F.col("key")), split_of_path(F.col("key"))),
            "named": F.regexp_replace("named", r"\.[^./]*$", ".*"),
        }
    )
    return boxes(rows, data.has_points).drop("path", "line")


def _key(path: Column) -> Column:
    """`train/images/a.jpg` and `train/labels/a.txt` meet as `/train/labels/a`, in any case of these two folders."""
    placed = F.regexp_replace(F.concat(F.lit("/"), path), r"(?i)^(.*)/(?:images|labels)/", "$1/labels/")
    return F.regexp_replace(placed, r"\.[^./]*$", "")


LAYOUT = Layout(open_yolo, flags=("codes",), recognise=recognise)
