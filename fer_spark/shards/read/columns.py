"""Arrow columns of a row group → arrays → the tensors of a batch; raw pixels are never touched row by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch

from fer_spark.batches import Batch
from fer_spark.pixels.stored import StoredPixels, UnreadablePixelsError
from fer_spark.shards.manifest import ImageColumn
from fer_spark.shards.read.files import ShardError

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Columns:
    """Which columns are read, and what they hold."""

    image_name: str
    image: ImageColumn
    label_names: list[str]
    soft_labels: bool
    valence_arousal: bool

    @property
    def names(self) -> list[str]:
        names = [self.image_name, "label"]
        names += ["label_probs"] if self.soft_labels else []
        return names + (["valence", "arousal"] if self.valence_arousal else [])

    @property
    def pixels(self) -> StoredPixels:
        """How the pixel column is stored."""
        return self.image.pixels


@dataclass(frozen=True)
class Rows:
    """Some rows in order. `pixels` is (n, *shape) if stored raw, else the encoded pictures as an Arrow column."""

    pixels: Array | pa.ChunkedArray
    others: dict[str, Array]


def to_rows(table: pa.Table, columns: Columns, where: str) -> Rows:
    """Arrays over the table's own buffers. Raises ShardError for what does not fit the manifest, naming `where`."""
    column = table.column(columns.image_name)
    if column.null_count:
        raise ShardError(f"{where}: {column.null_count} rows of {columns.image_name} have no pixels")
    labels = label_indices(table.column("label"), columns.label_names, where)
    others: dict[str, Array] = {"labels": labels}
    if columns.soft_labels:
        others["label_probs"] = _soft_labels(table.column("label_probs"), labels, len(columns.label_names), where)
    if columns.valence_arousal:
        for name in ("valence", "arousal"):
            others[name] = np.asarray(table.column(name).to_numpy(), np.float32)
    return Rows(_raw(column, columns.pixels, where) if columns.pixels.codec == "raw" else column, others)


def label_indices(column: pa.ChunkedArray, label_names: list[str], where: str) -> npt.NDArray[np.int64]:
    """(n,) index into `label_names`, -1 for null. Raises ShardError for a name that is none of them."""
    found = pc.index_in(column, value_set=pa.array(label_names, pa.string()))
    if found.null_count != column.null_count:
        known = set(label_names)
        strange = [name for name in pc.unique(column).to_pylist() if name is not None and name not in known]
        raise ShardError(f"{where}: label {strange[0]!r} is none of the manifest's: {', '.join(label_names)}")
    return np.asarray(pc.fill_null(found, -1).to_numpy(), np.int64)


def join(parts: list[Rows]) -> Rows:
    """The rows of all parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    others = {name: np.concatenate([part.others[name] for part in parts]) for name in parts[0].others}
    pixels: list[Any] = [part.pixels for part in parts]
    if isinstance(pixels[0], pa.ChunkedArray):
        return Rows(pa.chunked_array([chunk for column in pixels for chunk in column.chunks]), others)
    return Rows(np.concatenate(pixels), others)


@dataclass(frozen=True)
class Draw:
    """The slots `slots` of a batch are the rows `index` of `rows`."""

    rows: Rows
    slots: npt.NDArray[np.int64]
    index: npt.NDArray[np.int64]


def to_batch(
    draws: list[Draw],
    columns: Columns,
    rows: npt.NDArray[np.int64],
    real: npt.NDArray[np.bool_],
    place: Callable[[int], str],
) -> Batch:
    """One batch. Encoded pictures are decoded here, in the caller's thread; `place` names a row in an error."""
    images = np.empty((len(rows), *columns.pixels.shape), columns.pixels.numpy_dtype)
    for draw in draws:
        if isinstance(draw.rows.pixels, pa.ChunkedArray):
            for slot, index in zip(draw.slots.tolist(), draw.index.tolist(), strict=True):
                images[slot] = _decoded(draw.rows.pixels[index].as_buffer(), columns.pixels, place, int(rows[slot]))
        elif len(draws) == 1:
            np.take(draw.rows.pixels, draw.index, axis=0, out=images, mode="clip")
        else:
            images[draw.slots] = np.take(draw.rows.pixels, draw.index, axis=0)
    others = {name: torch.from_numpy(_gathered(draws, name, len(rows))) for name in draws[0].rows.others}
    return Batch(torch.from_numpy(images), rows=torch.from_numpy(rows), real=torch.from_numpy(real), **others)


def _gathered(draws: list[Draw], name: str, count: int) -> Array:
    like = draws[0].rows.others[name]
    out = np.empty((count, *like.shape[1:]), like.dtype)
    for draw in draws:
        out[draw.slots] = draw.rows.others[name][draw.index]
    return out


def _decoded(content: Any, pixels: StoredPixels, place: Callable[[int], str], row: int) -> Array:
    try:
        return pixels.decode(content)
    except UnreadablePixelsError as error:
        raise ShardError(f"{place(row)}: {error}") from error


def _raw(column: pa.ChunkedArray, pixels: StoredPixels, where: str) -> Array:
    """(n, *shape) over Arrow's own buffer; `column` has no nulls."""
    faces, good = pixels.decode_column(column)
    if not good.all():
        row = int(np.argmin(good))
        raise ShardError(
            f"{where}: row {row} of the row group has {len(column[row].as_py()):,} bytes in {pixels.column}, expected "
            f"{pixels.raw_bytes:,} for {pixels.dtype} {pixels.shape}"
        )
    return faces


def _soft_labels(column: pa.ChunkedArray, labels: Array, classes: int, where: str) -> npt.NDArray[np.float32]:
    """(n, K); where a row has none: its label as one-hot, or 1/K throughout if it has no label either."""
    array = column.combine_chunks()
    valid = np.asarray(array.is_valid().to_numpy(zero_copy_only=False), bool)
    lengths = np.asarray(pc.fill_null(pc.list_value_length(array), classes).to_numpy(zero_copy_only=False))
    if (lengths != classes).any():
        raise ShardError(f"{where}: label_probs of length {lengths[lengths != classes][0]}, expected {classes} classes")
    out = np.full((len(array), classes), 1 / classes, np.float32)
    known = ~valid & (labels >= 0)
    out[known] = np.eye(classes, dtype=np.float32)[labels[known]]
    out[valid] = np.asarray(array.flatten().to_numpy(zero_copy_only=False), np.float32).reshape(-1, classes)
    return out
