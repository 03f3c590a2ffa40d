"""Pascal VOC: an XML per picture, in Annotations/ or beside it, with a name and a box for each object."""

from __future__ import annotations

import posixpath
import re

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from fer_spark.artifacts import Storage
from fer_spark.sources.base import Slice, Source
from fer_spark.sources.lake import Root, exists, open_root
from fer_spark.sources.layout import Layout
from fer_spark.sources.look import Look, Match, Sureness
from fer_spark.sources.marked import BOX_TEXT, CLASS, NAME, open_marked
from fer_spark.sources.pictures import file_pictures
from fer_spark.sources.settings import SPLITS, FileReading, SourceSettings
from fer_spark.sources.tables import MARK, AnnotationTable, decimal
from fer_spark.spark.held import held

_MOST_BYTES = 1 << 20
"""An annotation has a few lines a face."""

_HEAD_BYTES, _FEW = 4 << 10, 5
_SCHEMA = (
    "filename string, object array<struct<name string, "
    "bndbox: struct<xmin string, ymin string, xmax string, ymax string>>>, _corrupt_record string"
)
_FOLDERS = r"(?i)(^|.*/)(Annotations|JPEGImages|images|labels|xmls?)/"
_LISTS = "ImageSets/Main"
_PRESENCE = re.compile(r"\s+-?[01]\s*$")
"""What may follow a name in such a list."""


def open_voc(spark: SparkSession, settings: SourceSettings, reading: FileReading) -> Source:
    """--input is the folder. A face an object; a picture whose XML has none is quarantined as one without a face.

    A picture is the one that its XML names, in the place of that XML or in JPEGImages/ or images/ in place of
    Annotations/. Splits: ImageSets/Main/train.txt, val.txt, test.txt, else the folders.
    """
    root = open_root(spark, settings.input)
    rows = _objects(spark, root)
    table = AnnotationTable(root, rows, rows, 1, False, "xml")
    where = settings.images or root.uri
    pictures = file_pictures(spark, where, settings.glob, reading, _key, re.compile(r"(?i)\.xml$|^ImageSets/"))
    return open_marked(settings, reading, table, pictures)


def recognise(look: Look) -> Match | None:
    """By an XML that is an annotation."""
    outer = look.unwrapped
    for place in outer.places:
        names = [name for name in place.files if name.lower().endswith(".xml")][:_FEW]
        storage = Storage(place.spark, place.root.uri) if names else None
        for name in names:
            assert storage is not None
            if b"<annotation" in storage.read_start(name, _HEAD_BYTES):
                return Match(Sureness.CERTAIN, f"{name} is an annotation as Pascal VOC has it", outer.settings.input)
    return None


def _objects(spark: SparkSession, root: Root) -> DataFrame:
    """A row an object, of an XML without objects one that says so, with the columns of marked.Face."""
    files = file_pictures(spark, root.uri, "*.{xml,XML}", FileReading(_MOST_BYTES)).read(Slice())
    text = F.regexp_replace(F.col("content").cast("string"), "^\ufeff", "")
    parsed = files.withColumns({"xml": F.from_xml(text, _SCHEMA), "stem": _stem(F.col("path"))})
    own = F.translate(F.trim("xml.filename"), "\\", "/")
    folder = F.regexp_extract("path", "^(.*/)?[^/]*$", 1)
    objects = parsed.select(
        "path",
        "stem",
        F.when(own != "", F.concat(folder, F.substring_index(own, "/", -1))).alias("named"),
        F.when(F.lower(_stem(own)) != F.lower("stem"), own).alias("other"),
        F.coalesce("reject_detail", F.when(F.col("xml._corrupt_record").isNotNull(), "it is no XML")).alias("broken"),
        F.posexplode_outer("xml.object").alias("number", "face"),
    )
    sides = [decimal(F.col(f"face.bndbox.{side}")) for side in ("xmin", "ymin", "xmax", "ymax")]
    left, top, right, bottom = sides
    whole = F.forall(F.array(*sides), lambda side: side.isNotNull() & ~F.isnan(side))
    problem = (
        F.when(F.col("broken").isNotNull(), F.concat(F.lit("its annotation: "), "broken"))
        .when(F.col("named").isNull(), "its annotation names no picture")
        .when(F.col("other").isNotNull(), F.concat(F.lit("its annotation names '"), "other", F.lit("'")))
        .when(F.col("number").isNotNull() & ~whole, "its box is not four numbers")
    )
    named = F.coalesce("named", "path")
    order = Window.partitionBy(_key(named)).orderBy("path", F.coalesce("number", F.lit(-1)))
    rows = objects.join(F.broadcast(_listed_splits(spark, root)), "stem", "left").select(
        named.alias(MARK + NAME),
        F.col("face.name").alias(MARK + CLASS),
        F.when(whole, F.concat_ws(", ", left, top, right - left, bottom - top)).alias(MARK + BOX_TEXT),
        F.col("split").alias(MARK + "split"),
        F.when(problem.isNotNull(), "bad_annotation").when(F.col("number").isNull(), "not_a_face").alias("reason"),
        F.coalesce(problem, F.when(F.col("number").isNull(), "its annotation marks no face")).alias("detail"),
        F.lit("*.xml").alias("_file"),
        (F.row_number().over(order) - 1).cast("bigint").alias("_row"),
    )
    return held(rows)


def _listed_splits(spark: SparkSession, root: Root) -> DataFrame:
    """`stem` and `split` by the lists in ImageSets/Main; of several that name a picture the later counts."""
    folder = posixpath.join(root.uri, _LISTS)
    found: dict[str, str] = {}
    if not root.is_file and exists(spark, folder):
        storage = Storage(spark, folder)
        for split in SPLITS:
            lines = (storage.read_text(f"{split}.txt") or "").splitlines()
            found |= {_PRESENCE.sub("", line).strip(): split for line in lines if line.strip()}
    table = {"stem": pa.array(found.keys(), pa.string()), "split": pa.array(found.values(), pa.string())}
    return spark.createDataFrame(pa.table(table))


def _stem(path: Column) -> Column:
    return F.regexp_replace(F.substring_index(path, "/", -1), r"\.[^./]*$", "")


def _key(path: Column) -> Column:
    """`VOC/JPEGImages/a.jpg` and `VOC/Annotations/a.jpg` meet as `VOC/JPEGImages/a.jpg`."""
    return F.regexp_replace(path, _FOLDERS, "$1JPEGImages/")


LAYOUT = Layout(open_voc, flags=("images", "codes", "path_prefix"), recognise=recognise)
