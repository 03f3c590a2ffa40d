"""Faces as bytes in a column → arrays, as a shards' manifest or a scored table says they are stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa

Array = npt.NDArray[Any]


class UnreadablePixelsError(ValueError):
    """Bytes that are not a face of the shape and codec that was promised."""


@dataclass(frozen=True)
class StoredPixels:
    """How the faces of one column are stored.

    column  its name
    shape   (S, S) gray or (S, S, 3) RGB
    codec   "raw" (C order, little-endian), "png" or "jpeg…"
    dtype   "uint8", or "float32" in [0, 1]
    """

    column: str
    shape: tuple[int, ...]
    codec: str = "raw"
    dtype: str = "uint8"

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        return np.dtype("<f4" if self.dtype == "float32" else "u1")

    @property
    def raw_bytes(self) -> int:
        """Bytes of one face stored raw."""
        return int(np.prod(self.shape)) * self.numpy_dtype.itemsize

    def decode(self, content: bytes | None) -> Array:
        """The face, of `shape`. Raises UnreadablePixelsError, saying what was found instead."""
        if content is None:
            raise UnreadablePixelsError(f"{self.column} is null")
        if self.codec != "raw":
            return self._picture(content)
        if len(content) != self.raw_bytes:
            raise UnreadablePixelsError(f"{self.column}: {len(content):,} bytes, expected {self.raw_bytes:,}")
        return np.frombuffer(content, self.numpy_dtype).reshape(self.shape)

    def decode_column(self, column: pa.Array | pa.ChunkedArray) -> tuple[Array, npt.NDArray[np.bool_]]:
        """(n,) binary → the m faces among them as (m, *shape), and (n,) which rows these are; it never raises."""
        cells: list[bytes | None] = column.to_pylist()
        if self.codec == "raw":
            good = [cell is not None and len(cell) == self.raw_bytes for cell in cells]
            joined = b"".join(cell for cell, fits in zip(cells, good, strict=True) if fits and cell is not None)
            return np.frombuffer(joined, self.numpy_dtype).reshape(-1, *self.shape), np.array(good, bool)
        found = [self._or_none(cell) for cell in cells]
        faces = [face for face in found if face is not None]
        stacked = np.stack(faces) if faces else np.empty((0, *self.shape), np.uint8)
        return stacked, np.array([face is not None for face in found], bool)

    def _or_none(self, content: bytes | None) -> Array | None:
        try:
            return self.decode(content)
        except UnreadablePixelsError:
            return None

    def _picture(self, content: bytes) -> Array:
        gray, encoded = len(self.shape) == 2, np.frombuffer(content, np.uint8)
        flags = cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR
        try:
            picture = cv2.imdecode(encoded, flags) if len(encoded) else None
        except cv2.error:  # a header that promises more pixels than OpenCV takes
            picture = None
        if picture is None or picture.shape != self.shape:
            found = "no picture" if picture is None else f"a picture of {picture.shape}"
            raise UnreadablePixelsError(f"{self.column}: {found}, expected {self.shape}")
        return np.asarray(picture if gray else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))


def to_png(face: Array) -> bytes:
    """(S, S) or (S, S, 3) RGB, uint8 or floats in [0, 1] → PNG."""
    shown = face if face.dtype == np.uint8 else np.rint(face * 255).astype(np.uint8)
    _, encoded = cv2.imencode(".png", shown if shown.ndim == 2 else cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))
    return encoded.tobytes()
