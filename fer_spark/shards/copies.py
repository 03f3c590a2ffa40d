"""Marked copies of prepared faces: flipped, turned, shifted and zoomed by an amount that the copy's id decides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fer_spark.pixels.codecs import to_uint8
from fer_spark.pixels.stored import StoredPixels, UnreadablePixelsError
from fer_spark.rows import Column
from fer_spark.settings import check, option
from fer_spark.shards.manifest import ImageColumn

Pixels = npt.NDArray[np.uint8]

AUGMENTED_FROM = Column("augmented_from", "string", "face_id of the face that this is a copy of; null on an original")
COPIES = "_copies"
_BATCH_BYTES = 8 * 2**20


@dataclass(frozen=True)
class CopySettings:
    """How far a copy may be from its original. Nothing here changes what a face expresses: no vertical flips, no
    large turns."""

    seed: int = option(0, "another seed gives other copies", least=-(2**63), most=2**63 - 1)
    flip: bool = option(True, "mirror every second copy, left to right")
    max_angle_deg: float = option(15.0, "turn by up to this, either way", least=0, most=45)
    max_shift_frac: float = option(0.1, "shift by up to this part of the side, either way", least=0, most=0.5)
    max_zoom_frac: float = option(0.1, "enlarge or shrink by up to this part", least=0, most=0.5)

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        check(self)


@dataclass(frozen=True)
class Warp:
    """What is done to one copy; shifts as a part of the side, so that every size of a face gets the same."""

    flip: bool
    angle_deg: float
    shift_x_frac: float
    shift_y_frac: float
    zoom: float

    @classmethod
    def draw(cls, copy_id: str, settings: CopySettings) -> Warp:
        """Uniform within the settings' bounds: a pure function of the copy's id."""
        digest = hashlib.blake2b(copy_id.encode(), digest_size=40).digest()
        words = [int.from_bytes(digest[i : i + 8], "big") for i in range(0, 40, 8)]
        flip, angle, x, y, zoom = (word / 2**64 for word in words)
        return cls(
            flip=settings.flip and flip < 0.5,
            angle_deg=(2 * angle - 1) * settings.max_angle_deg,
            shift_x_frac=(2 * x - 1) * settings.max_shift_frac,
            shift_y_frac=(2 * y - 1) * settings.max_shift_frac,
            zoom=1 + (2 * zoom - 1) * settings.max_zoom_frac,
        )

    def apply(self, face: Pixels) -> Pixels:
        """(S, S[, 3]) uint8 → the same shape: mirrored, turned and zoomed about the centre, then shifted. What comes in
        from outside repeats the edge."""
        import cv2

        side = face.shape[0]
        matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), self.angle_deg, self.zoom)
        matrix[:, 2] += self.shift_x_frac * side, self.shift_y_frac * side
        source = np.ascontiguousarray(face[:, ::-1]) if self.flip else face
        moved = cv2.warpAffine(source, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, np.uint8)


def copy_id(face_id: str, number: int, seed: int) -> str:
    """face_id of a copy, 1 the first: 32 hex digits of SHA-256 over `face_id|copy|seed|number`."""
    return hashlib.sha256(f"{face_id}|copy|{seed}|{number}".encode()).hexdigest()[:32]


def stored_face(content: bytes, pixels: StoredPixels, face_id: str) -> Pixels:
    """A stored face as (S, S) gray or (S, S, 3) RGB uint8; floats come back on the 256 levels they were made from.

    Raises ValueError naming the face where the bytes are not what the manifest says.
    """
    try:
        return to_uint8(pixels.decode(content))
    except UnreadablePixelsError as error:
        raise ValueError(
            f"face {face_id}: {len(content or b''):,} bytes are no picture as the manifest says ({error}); the "
            "shards are damaged: build them again"
        ) from error


def make_copies(
    batches: Iterator[pa.RecordBatch],
    images: Mapping[str, ImageColumn],
    settings: CopySettings,
) -> Iterator[pa.RecordBatch]:
    """Rows of FACE with pixel columns and `_copies` → that many copies of each, and no original, marked as such.

    A copy differs from its original in face_id, `augmented_from`, pixels, and `decodes` (0). All else describes the
    picture it comes from, its hashes included, so that a search for leaks finds copies where it finds their original.
    """
    import cv2

    cv2.setNumThreads(1)
    for batch in batches:
        numbers = batch.column(COPIES).to_numpy(zero_copy_only=False)
        row_of = np.repeat(np.arange(batch.num_rows), numbers)
        number_of = np.concatenate([np.arange(1, count + 1) for count in numbers]) if len(numbers) else numbers
        row_bytes = sum(batch.column(name).nbytes for name in images) // max(batch.num_rows, 1)
        at_once = max(1, _BATCH_BYTES // max(row_bytes, 1))
        for start in range(0, len(row_of), at_once):
            part = slice(start, start + at_once)
            yield _copies_of(batch, row_of[part], number_of[part], images, settings)


def _copies_of(
    batch: pa.RecordBatch,
    row_of: npt.NDArray[np.int64],
    number_of: npt.NDArray[np.int64],
    images: Mapping[str, ImageColumn],
    settings: CopySettings,
) -> pa.RecordBatch:
    originals = batch.drop_columns([COPIES, *images]).take(pa.array(row_of))
    face_ids = originals.column("face_id").to_pylist()
    ids = [copy_id(face, int(number), settings.seed) for face, number in zip(face_ids, number_of, strict=True)]
    warps = [Warp.draw(face_id, settings) for face_id in ids]
    columns: dict[str, Any] = dict(zip(originals.schema.names, originals.columns, strict=True))
    columns["face_id"] = pa.array(ids, pa.string())
    columns["decodes"] = pa.array([0] * len(ids), pa.int32())
    for name, image in images.items():
        stored = batch.column(name)
        columns[name] = pa.array(
            [
                image.pixels.encode(warp.apply(stored_face(stored[row].as_py(), image.pixels, face)))
                for row, face, warp in zip(row_of.tolist(), face_ids, warps, strict=True)
            ],
            pa.binary(),
        )
    columns[AUGMENTED_FROM.name] = pa.array(face_ids, pa.string())
    return pa.RecordBatch.from_pydict(columns)
