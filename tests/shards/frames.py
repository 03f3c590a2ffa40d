"""Prepared rows made by hand, for tests of what comes after preparing."""

from __future__ import annotations

import hashlib
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from fer_spark.rows import FACE, prepared_table

COLUMN = "image_48_gray"


def face_row(number: int, **changes: Any) -> dict[str, Any]:
    """One prepared face: every pixel is `number` modulo 256, labels take turns, everything else is plain."""
    row: dict[str, Any] = dict.fromkeys(FACE.names)
    row |= {
        "face_id": hashlib.sha256(f"face {number}".encode()).hexdigest()[:32],
        "image_id": hashlib.sha256(f"image {number}".encode()).hexdigest()[:32],
        "source_path": f"{number:06d}.jpg",
        "label": ("happy", "sad", "angry")[number % 3],
        "split": ("train", "train", "train", "val", "test")[number % 5],
        "face_index": 0,
        "face_count": 1,
        "pixel_hash": f"{number:032x}",
        "perceptual_hash": number,
        "decodes": 1,
        "reason": None,
        "detail": None,
        COLUMN: bytes([number % 256]) * 48 * 48,
    }
    return row | changes


def frame_of(spark: SparkSession, rows: list[dict[str, Any]], partitions: int = 2) -> DataFrame:
    schema = prepared_table([COLUMN]).spark_schema
    return spark.createDataFrame([tuple(row.get(n) for n in schema.names) for row in rows], schema).repartition(
        partitions
    )
