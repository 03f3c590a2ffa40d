"""Sizes, measures, pixel sums and sample pictures of a data set, gathered by Spark in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import Window
from pyspark.sql import functions as F

from fer_spark.exploring.found import PictureFigures, PixelSums, Shape
from fer_spark.exploring.looking import MEAN_PX, PICTURE, SMALL, SUMS, Keep, LookAt, Pixels, study
from fer_spark.exploring.sanity import FLAT_CONTRAST, TINY_PX
from fer_spark.exploring.sanity_on_spark import some_of
from fer_spark.exploring.small import collect_small
from fer_spark.exploring.summaries_on_spark import summarise
from fer_spark.rows import LOOKED

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

MEASURES = ("width", "height", "aspect_ratio", "bytes", "brightness", "contrast", "sharpness")
MOST_SHAPES = 50
_ADDED = pa.schema([("label", pa.string()), ("pictures", pa.int64()), ("content", pa.binary())])
_STEPS = {"aspect_ratio": 0.05, "brightness": 0.02, "contrast": 0.02}
"""Widths of bins; other measures have ten bins from each power of ten to the next."""


def look_at_pictures(rows: DataFrame, look_at: LookAt, keep: Keep) -> DataFrame:
    """LOOKED rows of a frame (path, split, label, reason, content, and what else `look_at` needs).

    One pass over the pictures: persist it before it is used twice.
    """

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        cv2.setNumThreads(1)
        return study(batches, look_at, keep)

    return rows.mapInArrow(run, LOOKED.spark_schema)


def drawn(rows: DataFrame, seed: int) -> DataFrame:
    """Adds `draw`, by which pictures are chosen for contact sheets; a null path, split or label becomes ""."""
    blank = {name: F.coalesce(name, F.lit("")) for name in ("path", "split", "label")}
    return rows.withColumns(blank).withColumn("draw", F.shiftrightunsigned(F.xxhash64(F.lit(seed), "path"), 1))


def picture_figures(looked: DataFrame) -> PictureFigures:
    """All figures of LOOKED rows of kind picture but copies; see twins_on_spark for these."""
    pictures = looked.where(F.col("kind") == PICTURE)
    fine = pictures.where("reason IS NULL").withColumn("aspect_ratio", F.col("width") / F.col("height"))
    tiny = F.least("width", "height") < TINY_PX
    noted = F.coalesce(
        "reason", F.when(tiny, "tiny_picture").when(F.col("contrast") < FLAT_CONTRAST, "nearly_constant")
    )
    marked = pictures.select("split", noted.alias("noted"), F.col("path").alias("text"))
    counted = collect_small(marked.groupBy("split", "noted").agg(F.count(F.lit(1)).alias("n")), "pictures by reason")
    unseen = {(row["split"], row["noted"]): row["n"] for row in counted if row["noted"] is not None}
    shown = some_of(marked.where("noted IS NOT NULL"), "noted")
    shape = fine.groupBy("width", "height", "channels", "format").agg(F.count(F.lit(1)).alias("count"))
    shapes = [
        Shape(*row)
        for row in collect_small(shape.orderBy(F.desc("count"), *shape.columns[:4]).limit(MOST_SHAPES), "shapes")
    ]
    shape_count = collect_small(shape.agg(F.count(F.lit(1))), "number of shapes")[0][0]
    summaries = summarise(fine, {name: F.col(name) for name in MEASURES})
    measured = sum(row["n"] for row in counted if row["noted"] in (None, "tiny_picture", "nearly_constant"))
    return PictureFigures(measured, unseen, shown, shapes, shape_count, summaries, _histograms(fine))


def _histograms(fine: DataFrame) -> list[tuple[str, float, float, int]]:
    """Counts by measure and bin, in order."""
    bins = []
    for name in MEASURES:
        value = F.col(name).cast("double")
        tenth = F.floor(F.round(10 * F.log10(F.greatest(value, F.lit(0.01))), 9))
        step = F.floor(F.round(value / _STEPS[name], 6)) if name in _STEPS else tenth
        bins.append(F.when(value.isNotNull(), F.struct(F.lit(name).alias("measure"), step.cast("int").alias("bin"))))
    each = fine.select(F.explode(F.array_compact(F.array(*bins)))).groupBy("col.measure", "col.bin")
    rows = collect_small(each.agg(F.count(F.lit(1)).alias("n")), "histograms of measures")
    order = {name: i for i, name in enumerate(MEASURES)}
    rows = sorted(rows, key=lambda row: (order[row["measure"]], row["bin"]))
    return [(row["measure"], *_edges(row["measure"], row["bin"]), row["n"]) for row in rows]


def _edges(measure: str, index: int) -> tuple[float, float]:
    if measure in _STEPS:
        return round(index * _STEPS[measure], 2), round((index + 1) * _STEPS[measure], 2)
    low = 0.0 if index <= -20 else float(f"{10 ** (index / 10):.6g}")
    return low, float(f"{10 ** ((index + 1) / 10):.6g}")


def pixel_sums(looked: DataFrame) -> list[PixelSums]:
    """Sums by split and label, in that order."""
    of = looked.where(F.col("kind") == SUMS).groupBy("split", "label")
    sums = of.agg(*(F.sum(name).alias(name) for name in ("pictures", "pixels", "total", "squares")))
    return sorted(
        (PixelSums(*row) for row in collect_small(sums, "pixel sums")), key=lambda row: (row.split, row.label)
    )


def mean_pictures(looked: DataFrame) -> dict[str, Pixels]:
    """The mean picture of each label, (MEAN_PX, MEAN_PX) gray; labels without a name are left out."""
    sums = looked.where((F.col("kind") == SUMS) & (F.col("label") != "")).select("label", "pictures", "content")
    together = sums.repartition("label").mapInArrow(_added, "label string, pictures bigint, content binary")
    found = {}
    for row in collect_small(together, "mean pictures"):
        mean = np.frombuffer(row["content"], "<i8") / row["pictures"]
        found[row["label"]] = np.rint(mean).astype(np.uint8).reshape(MEAN_PX, MEAN_PX)
    return dict(sorted(found.items()))


def _added(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """One row per label of what a task has of it."""
    totals: dict[str, tuple[int, npt.NDArray[np.int64]]] = {}
    for batch in batches:
        for label, count, content in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if content is not None:
                pictures, total = totals.get(label, (0, np.zeros(MEAN_PX * MEAN_PX, np.int64)))
                totals[label] = pictures + count, total + np.frombuffer(content, "<i8")
    rows = [{"label": label, "pictures": n, "content": total.tobytes()} for label, (n, total) in totals.items()]
    if rows:
        yield pa.RecordBatch.from_pylist(rows, _ADDED)


def small_pictures(looked: DataFrame, per_label: int) -> dict[str, list[bytes]]:
    """PNG files of the `per_label` pictures of each label with the least draws, in that order."""
    order = Window.partitionBy("label").orderBy("draw", "path")
    ranked = looked.where(F.col("kind") == SMALL).withColumn("rank", F.row_number().over(order))
    found: dict[str, list[bytes]] = {}
    chosen = ranked.where(F.col("rank") <= per_label).select("label", "rank", "content")
    for row in sorted(collect_small(chosen, "small pictures"), key=lambda row: (row["label"], row["rank"])):
        found.setdefault(row["label"], []).append(bytes(row["content"]))
    return found
