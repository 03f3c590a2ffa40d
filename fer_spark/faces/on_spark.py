"""Prepare the faces of a whole table: one Arrow job, one row in, one or more rows out; and a look at its sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import cv2
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from fer_spark.faces.detect import DetectorSpec
from fer_spark.faces.prepare import FacePreparer
from fer_spark.faces.search.crops import (
    HEADER_BYTES,
    LEAST_PICTURES,
    SAMPLE,
    Size,
    crop_side,
    size_of,
    size_of_file,
)
from fer_spark.faces.settings import FaceSettings
from fer_spark.pixels.cells import rows_of
from fer_spark.pixels.raw import RawPixels
from fer_spark.rows import RAW_IMAGE, prepared_table
from fer_spark.spark.arrow_job import ArrowJob

_BATCH_BYTES = 8 * 2**20
_BATCH_ROWS = 2048
_MOST_SLICES = 200
"""A sample's pictures come from one slice of so many: of what must be read whole, a half percent is read for it."""


def prepare_faces(raw: DataFrame, settings: FaceSettings, detector: DetectorSpec) -> ArrowJob:
    """Prepare every picture of a RAW_IMAGE table; the job gives rows.prepared_table of the settings' sizes.

    Every input row gives one row per face kept, or one row with a reason. Raises ValueError for settings that cannot
    be, on the driver, before anything runs.
    """
    settings.check()
    columns = [spec.column for spec in settings.specs]
    return ArrowJob(
        raw.select(*RAW_IMAGE.names),
        lambda batches: prepare_in_worker(batches, settings, detector),
        prepared_table(columns),
        incompressible=columns,
    )


def sampled_crop_side(
    read: Callable[[int, int], DataFrame], pictures: int, least_pictures: int = LEAST_PICTURES
) -> int:
    """The side of the small square that nearly all of an input's pictures are, px, else 0; by a sample's headers.

    `read(chunk, chunks)`: RAW_IMAGE rows of one slice of the input of so many `pictures`.
    """
    if pictures < least_pictures:
        return 0
    raw = read(0, max(1, min(pictures // SAMPLE, _MOST_SLICES)))
    start = F.substring("content", 1, HEADER_BYTES).alias("start")
    rows = raw.where("content IS NOT NULL").select("encoding", start).limit(SAMPLE).collect()
    return crop_side([_size(row["encoding"], bytes(row["start"])) for row in rows], least_pictures)


def _size(encoding: str, start: bytes) -> Size | None:
    raw = RawPixels.parse(encoding)
    if raw is not None:
        return raw.width, raw.height
    return (size_of_file if encoding == "path" else size_of)(start)


def prepare_in_worker(
    batches: Iterator[pa.RecordBatch], settings: FaceSettings, detector: DetectorSpec
) -> Iterator[pa.RecordBatch]:
    """`prepare_batches` with a preparer that stays loaded: one per settings, detector and worker process."""
    return prepare_batches(batches, _preparer(settings, detector))


@lru_cache(maxsize=2)
def _preparer(settings: FaceSettings, detector: DetectorSpec) -> FacePreparer:
    cv2.setNumThreads(1)  # Spark, not OpenCV, spreads the work over the cores
    return FacePreparer(settings, detector)


def prepare_batches(batches: Iterator[pa.RecordBatch], preparer: FacePreparer) -> Iterator[pa.RecordBatch]:
    """Prepare batches of RAW_IMAGE; yields batches of the prepared table of about 8 MB of pixels."""
    schema = preparer.table.arrow_schema
    pixel_columns = [spec.column for spec in preparer.specs]
    rows: list[dict[str, Any]] = []
    size = 0
    for batch in batches:
        for raw in rows_of(batch):
            for row in preparer.prepare(raw):
                rows.append(row)
                size += sum(len(row[name] or b"") for name in pixel_columns)
            if size >= _BATCH_BYTES or len(rows) >= _BATCH_ROWS:
                yield pa.RecordBatch.from_pylist(rows, schema)
                rows, size = [], 0
    if rows:
        yield pa.RecordBatch.from_pylist(rows, schema)
