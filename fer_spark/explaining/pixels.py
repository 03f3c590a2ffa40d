"""Stored pixels of a face → an array, as the shards' manifest or a scored table says they are stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


class UnreadablePixelsError(ValueError):
    """Bytes that are not a face of the shape and codec that was promised."""


@dataclass(frozen=True)
class FacePixels:
    """One pixel column: `shape` (S, S) gray or (S, S, 3) RGB; `codec` raw, or a picture file's.

    `mean` is the data set's, per channel, in [0, 1]. Raw is uint8, or little-endian float32 in [0, 1].
    """

    column: str
    shape: tuple[int, ...]
    codec: str = "raw"
    dtype: str = "uint8"
    mean: tuple[float, ...] = (0.5,)

    def decode(self, content: bytes | None) -> npt.NDArray[Any]:
        """The face, of `shape`. Raises UnreadablePixelsError."""
        if content is None:
            raise UnreadablePixelsError(f"{self.column} is null")
        if self.codec == "raw":
            kind = np.dtype("<f4" if self.dtype == "float32" else "u1")
            wanted = int(np.prod(self.shape)) * kind.itemsize
            if len(content) != wanted:
                raise UnreadablePixelsError(f"{self.column}: {len(content):,} bytes, expected {wanted:,}")
            return np.frombuffer(content, kind).reshape(self.shape)
        import cv2

        gray = len(self.shape) == 2
        encoded = np.frombuffer(content, np.uint8)
        picture = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR) if len(encoded) else None
        if picture is None or picture.shape != self.shape:
            found = "no picture" if picture is None else f"a picture of {picture.shape}"
            raise UnreadablePixelsError(f"{self.column}: {found}, expected {self.shape}")
        return picture if gray else np.ascontiguousarray(picture[..., ::-1])
