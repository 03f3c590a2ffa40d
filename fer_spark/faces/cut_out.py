"""One face cut out of its picture: every size requested, encoded, and the face's measures."""

from __future__ import annotations

from typing import Any

import cv2

from fer_spark.faces.align import crop_face
from fer_spark.faces.geometry import CropSquare, Pixels, as_pixels
from fer_spark.faces.photometric import normalise
from fer_spark.faces.quality import MEASURED_PX, measure
from fer_spark.faces.settings import FaceSettings
from fer_spark.pixels.moments import moments
from fer_spark.pixels.stored import StoredPixels
from fer_spark.rows import moments_column


def cut_out(
    view: Pixels, square: CropSquare, specs: tuple[StoredPixels, ...], settings: FaceSettings
) -> dict[str, Any]:
    """The pixel columns of one face and its sharpness, brightness and contrast, by column name.

    `square` is in px of `view`. The measures are taken before the face is denoised or normalised.
    """
    crops = {size: crop_face(view, square, size) for size in {MEASURED_PX, *(spec.size_px for spec in specs)}}
    quality = measure(_gray(crops[MEASURED_PX]))
    columns: dict[str, Any] = {
        "sharpness": quality.sharpness,
        "brightness": quality.brightness,
        "contrast": quality.contrast,
    }
    for spec in specs:
        face = _gray(crops[spec.size_px]) if spec.mode == "gray" else _rgb(crops[spec.size_px])
        final = normalise(face, settings.denoise, settings.photometric)
        columns[spec.column] = spec.encode(final)
        columns[moments_column(spec.column)] = moments(final)
    return columns


def _gray(face: Pixels) -> Pixels:
    return face if face.ndim == 2 else as_pixels(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY))


def _rgb(face: Pixels) -> Pixels:
    return face if face.ndim == 3 else as_pixels(cv2.cvtColor(face, cv2.COLOR_GRAY2RGB))
