"""A prepared face as the bytes of its pixel column."""

from __future__ import annotations

import cv2
import numpy as np

from fer_spark.faces.geometry import Pixels
from fer_spark.faces.settings import ImageSpec


def encode(face: Pixels, spec: ImageSpec, store: str) -> bytes:
    """Encode an (S, S) gray or (S, S, 3) RGB uint8 face as its spec says.

    raw: C order, uint8, or with store float32 little-endian floats in [0, 1]. jpeg, png: a file that decodes to these
    pixels (jpeg: nearly, its colour at half the resolution). Raises ValueError for a
    face that is not of the spec's shape.
    """
    expected = (spec.size_px, spec.size_px) if spec.mode == "gray" else (spec.size_px, spec.size_px, 3)
    if face.shape != expected:
        raise ValueError(f"{spec.column}: expected a face of shape {expected}, got {face.shape}")
    if spec.codec == "raw":
        return face.tobytes() if store == "uint8" else (face.astype("<f4") / np.float32(255)).astype("<f4").tobytes()
    stored = face if face.ndim == 2 else cv2.cvtColor(face, cv2.COLOR_RGB2BGR)
    if spec.codec == "jpeg":
        _, encoded = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, spec.quality])
    else:
        _, encoded = cv2.imencode(".png", stored, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    return encoded.tobytes()
