"""Prepared faces as bytes → the array that a model takes, as the reader of shards makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass(frozen=True)
class PixelFormat:
    """How the pixels of one column are stored.

    column  its name
    shape   (S, S) gray or (S, S, 3) RGB
    dtype   "uint8", or "float32" in [0, 1]
    codec   "raw" (C order, little-endian), "png" or "jpeg…"
    """

    column: str
    shape: tuple[int, ...]
    dtype: str = "uint8"
    codec: str = "raw"

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        return np.dtype("<f4" if self.dtype == "float32" else "u1")

    @property
    def raw_bytes(self) -> int:
        """Bytes of one face stored raw."""
        return int(np.prod(self.shape)) * self.numpy_dtype.itemsize

    def decode(self, column: pa.Array | pa.ChunkedArray) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """(n,) binary → the m faces among them as (m, *shape), and (n,) which rows these are.

        A null, or bytes that are no face of this format, is none; it never raises.
        """
        cells: list[bytes | None] = column.to_pylist()
        if self.codec == "raw":
            good = [cell is not None and len(cell) == self.raw_bytes for cell in cells]
            joined = b"".join(cell for cell, fits in zip(cells, good, strict=True) if fits and cell is not None)
            return np.frombuffer(joined, self.numpy_dtype).reshape(-1, *self.shape), np.array(good, bool)
        found = [self._picture(cell) for cell in cells]
        faces = [face for face in found if face is not None]
        stacked = np.stack(faces) if faces else np.empty((0, *self.shape), np.uint8)
        return stacked, np.array([face is not None for face in found], bool)

    def _picture(self, cell: bytes | None) -> npt.NDArray[np.uint8] | None:
        if not cell:
            return None
        gray = len(self.shape) == 2
        picture = cv2.imdecode(np.frombuffer(cell, np.uint8), cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR)
        if picture is None or picture.shape != self.shape:
            return None
        return np.asarray(picture if gray else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def to_png(face: npt.NDArray[Any]) -> bytes:
    """(S, S) or (S, S, 3) RGB, uint8 or floats in [0, 1] → PNG."""
    shown = face if face.dtype == np.uint8 else np.rint(face * 255).astype(np.uint8)
    _, encoded = cv2.imencode(".png", shown if shown.ndim == 2 else cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))
    return encoded.tobytes()
