"""Pictures as bare values: their pixels as a viewer shows them."""

from __future__ import annotations

import cv2
import numpy as np

from fer_spark.faces.errors import UnreadablePictureError
from fer_spark.faces.formats.shown import shown_array
from fer_spark.faces.geometry import Pixels, as_pixels
from fer_spark.faces.pixels_text import parse_values
from fer_spark.pixels.raw import RawPixels


def shown_values(content: bytes, raw: RawPixels, gray: bool) -> Pixels:
    """(H, W), or (H, W, 3) RGB unless `gray`. Raises UnreadablePictureError for other values than the shape has."""
    values = parse_values(content) if raw.is_text else np.frombuffer(content, np.uint8)
    height, width, channels = raw.height, raw.width, raw.channels
    if len(values) != height * width * channels:
        what = f"{height}x{width}" + (f"x{channels}" if channels > 1 else "")
        raise UnreadablePictureError(f"{len(values)} values, a picture of {what} has {height * width * channels}")
    if channels == 1:
        return as_pixels(values.reshape(height, width))
    if raw.order == "planes":
        values = values.reshape(channels, height, width).transpose(1, 2, 0)
    pixels = values.reshape(height, width, channels)
    if raw.order != "bgr":
        pixels = np.concatenate([pixels[..., 2::-1], pixels[..., 3:]], axis=-1)
    shown = shown_array(np.ascontiguousarray(pixels), None)
    return as_pixels(cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY)) if gray else shown
