"""Pixels of the few faces that a page shows: from the scores' crops, else from the shards."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from pyspark.sql import functions as F

from fer_spark.artifacts import Storage
from fer_spark.pipelines.report.read import ReportError
from fer_spark.pixels.codecs import to_uint8
from fer_spark.pixels.stored import StoredPixels, UnreadablePixelsError
from fer_spark.reports.scoring.faces import Array
from fer_spark.shards.manifest import read_manifest
from fer_spark.shards.write import read_files

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from fer_spark.shards.manifest import Manifest


@dataclass(frozen=True)
class FacePictures:
    """Looks faces up by face_id. `crops` rows of SCORE; `shards` rows with the column that `pixels` names."""

    crops: DataFrame | None = None
    shards: DataFrame | None = None
    pixels: StoredPixels | None = None

    def __call__(self, ids: list[str]) -> dict[str, Array]:
        """The pictures that there are, (S, S) or (S, S, 3) uint8; those that cannot be read are left out."""
        found: dict[str, Array] = {}
        if ids and self.crops is not None:
            kept = self.crops.where(F.col("face_id").isin(ids) & F.col("crop").isNotNull())
            for row in kept.select("face_id", "crop").collect():
                found[row["face_id"]] = np.asarray(Image.open(io.BytesIO(row["crop"])))
        missing = [face_id for face_id in ids if face_id not in found]
        if missing and self.shards is not None and self.pixels is not None:
            rows = self.shards.where(F.col("face_id").isin(missing)).select("face_id", self.pixels.column)
            for row in rows.collect():
                face = self._decoded(row[1])
                if face is not None:
                    found[row["face_id"]] = face
        return found

    def _decoded(self, content: bytes | None) -> Array | None:
        assert self.pixels is not None
        try:
            return to_uint8(self.pixels.decode(content))
        except UnreadablePixelsError:
            return None


def open_pictures(
    spark: SparkSession, scores: DataFrame | None, shards: str, column: str, size_px: int | None
) -> FacePictures:
    """Where pixels are looked for; `column` of the shards, else the one of `size_px`, else the smallest.

    Raises ReportError for shards that are not there or lack the column.
    """
    if not shards:
        return FacePictures(scores)
    storage = Storage(spark, shards)
    manifest = read_manifest(storage)
    if manifest is None:
        raise ReportError(f"{shards} holds no shards: --shards URI says where they are now, --no-faces does without")
    chosen = column or _column(manifest, size_px)
    if chosen not in manifest.images:
        raise ReportError(f"{shards} has no column {chosen}, but {', '.join(manifest.images)}")
    pixels = manifest.images[chosen].pixels
    return FacePictures(scores, read_files(spark, storage, [file.path for file in manifest.files]), pixels)


def _column(manifest: Manifest, size_px: int | None) -> str:
    by_size = sorted(manifest.images, key=lambda name: manifest.images[name].pixels.size_px)
    same = [name for name in by_size if manifest.images[name].pixels.size_px == size_px]
    return (same or by_size or ["image"])[0]
