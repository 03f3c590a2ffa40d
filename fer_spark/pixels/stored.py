"""How the faces of one column are stored: what the encoder writes, the decoder reads, and files say of it.

256:rgb:jpeg95  →  StoredPixels("image_256_rgb", FaceShape(256, "rgb"), "jpeg95", "uint8")
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fer_spark.pixels.cells import as_binary, cells_of
from fer_spark.pixels.codecs import (
    Array,
    Content,
    canonical_codec,
    codec_kind,
    decode_picture,
    encode_picture,
    to_float32,
)
from fer_spark.pixels.shape import FaceShape
from fer_spark.rows import pixel_column

STORES: dict[str, np.dtype[Any]] = {"uint8": np.dtype("u1"), "float32": np.dtype("<f4")}
"""Value types by name."""
_SPEC = re.compile(r"(?P<size>\d+):(?P<mode>gray|rgb)(:(?P<codec>(raw|jpeg|png)\d*))?")


class UnreadablePixelsError(ValueError):
    """Bytes that are not a face of the shape and codec that was promised; the message says what they are instead."""


@dataclass(frozen=True)
class StoredPixels:
    """How the faces of one column are stored. Raises ValueError for what cannot be.

    column  its name
    face    size and mode
    codec   "raw" (C order, little-endian), "png", or "jpeg" with its quality: "jpeg95"
    dtype   "uint8", or "float32" in [0, 1], which is stored raw
    """

    column: str
    face: FaceShape
    codec: str = "raw"
    dtype: str = "uint8"

    def __post_init__(self) -> None:
        if self.codec != canonical_codec(self.codec):
            raise ValueError(f"codec {self.codec!r}: spelled {canonical_codec(self.codec)}")
        if self.dtype not in STORES:
            raise ValueError(f"dtype {self.dtype!r}: expected {' or '.join(STORES)}")
        if self.dtype == "float32" and self.codec != "raw":
            raise ValueError(f"codec {self.codec!r}: float32 is stored raw")

    @classmethod
    def parse(cls, text: str, store: str = "uint8") -> StoredPixels:
        """Read `SIZE:MODE[:CODEC]`; gray and float32 default to raw, rgb to jpeg95.

        Raises ValueError that shows the grammar, or says that float32 goes with raw alone.
        """
        match = _SPEC.fullmatch(text.strip())
        if match is None or not 8 <= int(match["size"]) <= 4096:
            raise ValueError(
                f"size {text!r}: expected SIZE:MODE[:CODEC], SIZE 8-4096, MODE gray|rgb, CODEC raw|png|jpeg[QUALITY]"
            )
        face = FaceShape(int(match["size"]), match["mode"])
        default = "raw" if face.mode == "gray" or store == "float32" else "jpeg"
        try:
            codec = canonical_codec(match["codec"] or default)
        except ValueError as error:
            raise ValueError(f"size {text!r}: a quality 1-100 goes with jpeg alone") from error
        if store == "float32" and codec != "raw":
            raise ValueError(f"size {text!r}: float32 is stored raw; leave the codec out or use --store uint8")
        return cls(pixel_column(face.size_px, face.mode), face, codec, store)

    @classmethod
    def from_dict(cls, column: str, content: Mapping[str, Any]) -> StoredPixels:
        """Read what `to_dict` gives, and what older releases wrote: codec `jpeg`, colour order `RGB`.

        Raises KeyError or ValueError for what is missing or contradicts itself.
        """
        face = FaceShape(content["size_px"], content["mode"])
        if list(content["shape"]) != list(face.shape) or str(content["color_order"]).lower() != face.mode:
            raise ValueError(
                f"{column}: shape {content['shape']} in colour order {content['color_order']}, but {face} says "
                f"{list(face.shape)} in {face.mode}"
            )
        return cls(column, face, canonical_codec(content["codec"]), content["dtype"])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; all that `column` does not say."""
        return {
            "size_px": self.size_px,
            "mode": self.mode,
            "codec": self.codec,
            "dtype": self.dtype,
            "shape": list(self.shape),
            "color_order": self.mode,
        }

    @property
    def size_px(self) -> int:
        return self.face.size_px

    @property
    def mode(self) -> str:
        return self.face.mode

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one face's array."""
        return self.face.shape

    @property
    def codec_kind(self) -> str:
        """raw, png or jpeg."""
        return codec_kind(self.codec)

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        return STORES[self.dtype]

    @property
    def raw_bytes(self) -> int:
        """Bytes of one face stored raw."""
        return int(np.prod(self.shape)) * self.numpy_dtype.itemsize

    def __str__(self) -> str:
        """As `parse` reads it: `256:rgb:jpeg95`."""
        return f"{self.face}:{self.codec}"

    def encode(self, face: npt.NDArray[np.uint8]) -> bytes:
        """The bytes of an (S, S) gray or (S, S, 3) RGB uint8 face. Raises ValueError for another shape or type."""
        if face.shape != self.shape or face.dtype != np.uint8:
            raise ValueError(
                f"{self.column}: expected a face of shape {self.shape}, got {face.shape}"
                + ("" if face.dtype == np.uint8 else f" {face.dtype}, expected uint8")
            )
        if self.codec != "raw":
            return encode_picture(face, self.codec)
        return face.tobytes() if self.dtype == "uint8" else to_float32(face).tobytes()

    def decode(self, content: Content | None) -> Array:
        """The face, of `shape` and `numpy_dtype`. Raises UnreadablePixelsError, saying what was found instead."""
        if content is None:
            raise self._unreadable("is null")
        if self.codec != "raw":
            picture = decode_picture(content, self.mode == "gray")
            if picture is None or picture.shape != self.shape:
                found = "no picture" if picture is None else f"a picture of {picture.shape}"
                raise self._unreadable(f"holds {found}")
            return picture
        if len(content) != self.raw_bytes:
            raise self._unreadable(f"holds {len(content):,} bytes")
        return np.frombuffer(content, self.numpy_dtype).reshape(self.shape)

    def decode_column(self, column: pa.Array | pa.ChunkedArray) -> tuple[Array, npt.NDArray[np.bool_]]:
        """(n,) binary → the m faces among them as (m, *shape), and (n,) which rows these are; bytes never raise.

        Raw faces lie in Arrow's own buffer, read-only, where every row is one.
        """
        cells = as_binary(column)
        if self.codec == "raw":
            values, good = cells_of(cells, self.numpy_dtype, int(np.prod(self.shape)))
            return values.reshape(-1, *self.shape), good
        found = [self._or_none(cell) for cell in cells.to_pylist()]
        faces = [face for face in found if face is not None]
        stacked = np.stack(faces) if faces else np.empty((0, *self.shape), np.uint8)
        return stacked, np.array([face is not None for face in found], bool)

    def _or_none(self, content: bytes | None) -> Array | None:
        try:
            return self.decode(content)
        except UnreadablePixelsError:
            return None

    def _unreadable(self, found: str) -> UnreadablePixelsError:
        raw = f"{self.raw_bytes:,} bytes of raw {self.dtype} {self.shape}"
        expected = raw if self.codec == "raw" else f"{self.shape} as {self.codec}"
        return UnreadablePixelsError(f"{self.column} {found}, expected {expected}")
