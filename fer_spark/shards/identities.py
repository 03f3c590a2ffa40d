"""Face ids of a split, and which of its pictures occur more than once: what batches do not carry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fer_spark.shards.read.files import ShardFiles

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Identities:
    """One entry per row of a split, in row order.

    face_ids   (R,) 32 hex digits each
    in_train   (R,) the same picture, by its decoded pixels, is also in the train split; all False for train itself
    repeated   (R,) the same face of the same picture came earlier in this split
    """

    face_ids: list[str]
    in_train: Mask
    repeated: Mask

    @property
    def unique(self) -> Mask:
        return ~(self.in_train | self.repeated)


def read_identities(files: ShardFiles) -> Identities:
    """Read ids and pixel hashes of a split, and look for its pictures in train, a file at a time. Raises ShardError."""
    mine = pa.concat_tables(_tables(files, ["face_id", "pixel_hash", "face_index"]))
    hashes = mine["pixel_hash"]
    in_train = np.zeros(mine.num_rows, dtype=bool)
    if files.split != "train" and any(file.split == "train" for file in files.manifest.files):
        for other in _tables(ShardFiles.find(files.uri, "train"), ["pixel_hash"]):
            found = pc.is_in(hashes, value_set=other["pixel_hash"].combine_chunks().drop_null())
            in_train |= found.to_numpy(zero_copy_only=False)
    repeated = _repeated(hashes.to_pylist(), mine["face_index"].to_pylist())
    return Identities(mine["face_id"].to_pylist(), in_train, repeated)


def _repeated(hashes: list[str | None], faces: list[int | None]) -> Mask:
    """Where a face of a picture was met before; a picture without a hash is taken for its own."""
    seen: set[tuple[str, int | None]] = set()
    repeated = np.zeros(len(hashes), dtype=bool)
    for row, (pixel_hash, face) in enumerate(zip(hashes, faces, strict=True)):
        if pixel_hash is not None:
            repeated[row] = (pixel_hash, face) in seen
            seen.add((pixel_hash, face))
    return repeated


def _tables(files: ShardFiles, columns: list[str]) -> Iterator[pa.Table]:
    for _, pieces in groupby(files.pieces, key=lambda piece: piece.path):
        yield pa.concat_tables([files.read(piece, columns) for piece in pieces])
