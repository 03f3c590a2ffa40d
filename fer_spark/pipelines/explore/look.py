"""Measures of one picture: of a source's bytes, or of a face stored in shards. Runs on the executors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2

from fer_spark.exploring.looking import MEAN_PX, Look, Unseen
from fer_spark.faces.errors import EmptyPictureError, MissingPictureError, RejectedPictureError
from fer_spark.faces.geometry import Pixels, as_pixels
from fer_spark.faces.opened import OpenedPicture
from fer_spark.faces.quality import measure
from fer_spark.faces.settings import FaceSettings
from fer_spark.faces.shrink import shrink
from fer_spark.pixels.stored import StoredPixels
from fer_spark.shards.copies import stored_face

_NEEDED_PX = 256
"""Large JPEG pictures are decoded at 1/2, 1/4 or 1/8 as long as the shorter side keeps this many px."""


@dataclass(frozen=True)
class RawLook:
    """A row of RAW_IMAGE (encoding, content) → its picture's measures; the whole picture is measured, not a face."""

    settings: FaceSettings = field(default_factory=FaceSettings)

    def __call__(self, row: Mapping[str, Any]) -> Look | Unseen:
        try:
            return self._look(*_content(row))
        except RejectedPictureError as rejected:
            return Unseen(rejected.reason)

    def _look(self, content: bytes, encoding: str) -> Look:
        opened = OpenedPicture(content, encoding, self.settings, gray=False)
        header = opened.header
        reduction = opened.reduction_for(min(header.width, header.height), _NEEDED_PX)
        pixels = opened.view(reduction)
        gray = small_gray(pixels)
        quality, (pixel_hash, perceptual_hash) = measure(gray), opened.hashes(reduction)
        measures = {
            "image_id": opened.image_id,
            "width": header.width,
            "height": header.height,
            "channels": header.channels,
            "format": header.format,
            "bytes": len(content),
            "brightness": quality.brightness,
            "contrast": quality.contrast,
            "sharpness": quality.sharpness,
            "pixel_hash": pixel_hash,
            "perceptual_hash": perceptual_hash,
        }
        return Look(measures, pixels, gray)


@dataclass(frozen=True)
class StoredLook:
    """A row with the bytes of a shards' image column → its pixels. Raises ValueError for damaged shards."""

    stored: StoredPixels

    def __call__(self, row: Mapping[str, Any]) -> Look | Unseen:
        pixels = stored_face(row["content"], self.stored, row["path"])
        return Look({}, pixels, small_gray(pixels))


def small_gray(pixels: Pixels) -> Pixels:
    """(H, W[, 3]) → (MEAN_PX, MEAN_PX) gray; proportions are not kept."""
    gray = pixels if pixels.ndim == 2 else as_pixels(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    if min(gray.shape) >= MEAN_PX:
        return shrink(gray, MEAN_PX, MEAN_PX)
    return as_pixels(cv2.resize(gray, (MEAN_PX, MEAN_PX), interpolation=cv2.INTER_LINEAR))


def _content(row: Mapping[str, Any]) -> tuple[bytes, str]:
    """Bytes and encoding; a file named by its path is read. Raises MissingPictureError or EmptyPictureError."""
    content, encoding = row["content"], row["encoding"]
    if encoding == "path" and content:
        try:
            with open(content, "rb") as file:
                content, encoding = file.read(), "file"
        except OSError as error:
            raise MissingPictureError(f"listed, but cannot be opened: {error.strerror}") from error
    if not content:
        raise EmptyPictureError("the file has no bytes")
    return content, encoding
