"""Prepare the faces of a whole table: one Arrow job, one row in, one or more rows out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import cv2
import pyarrow as pa
from pyspark.sql import DataFrame

from fer_spark.faces.detect import DetectorSpec
from fer_spark.faces.prepare import FacePreparer
from fer_spark.faces.settings import FaceSettings
from fer_spark.pixels.cells import rows_of
from fer_spark.rows import RAW_IMAGE, prepared_table

_BATCH_BYTES = 8 * 2**20
_BATCH_ROWS = 2048


def prepare_faces(raw: DataFrame, settings: FaceSettings, detector: DetectorSpec) -> DataFrame:
    """Prepare every picture of a RAW_IMAGE table; the result is rows.prepared_table of the settings' sizes.

    Every input row gives one row per face kept, or one row with a reason. Raises ValueError for settings that cannot
    be, on the driver, before anything runs.
    """
    settings.check()
    table = prepared_table([spec.column for spec in settings.specs])
    return raw.select(*RAW_IMAGE.names).mapInArrow(
        lambda batches: prepare_in_worker(batches, settings, detector), table.spark_schema
    )


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
