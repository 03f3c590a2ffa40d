"""Binary cells of Arrow tables: of equal length as one array over Arrow's own buffer, or picture by picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Array = npt.NDArray[Any]


def as_binary(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array of type binary or large_binary; nothing is copied of a single chunk that is one."""
    if isinstance(column, pa.ChunkedArray):  # combine_chunks copies a lone chunk too
        array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    else:
        array = column
    fits = pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type)
    return array if fits else array.cast(pa.binary())


def cells_of(array: pa.Array, dtype: np.dtype[Any], count: int) -> tuple[Array, npt.NDArray[np.bool_]]:
    """(n,) binary → (m * count,) read-only values of the m cells that hold `count` of them, and (n,) which these are.

    Where every cell does, these are the bytes that Arrow holds; else the good ones are copied together.
    """
    size = count * dtype.itemsize
    if not len(array):
        return np.empty(0, dtype), np.zeros(0, bool)
    _, offsets_buffer, data = array.buffers()
    kind = np.int64 if pa.types.is_large_binary(array.type) else np.int32
    offsets = np.frombuffer(offsets_buffer, kind)[array.offset : array.offset + len(array) + 1]
    good = np.diff(offsets) == size
    if array.null_count:
        good &= array.is_valid().to_numpy(zero_copy_only=False)
    if good.all():
        values = np.frombuffer(data, dtype, len(array) * count, int(offsets[0]))
        values.flags.writeable = False  # they are the table's
        return (values if values.flags.aligned else values.copy()), good
    bytes_ = memoryview(data) if data is not None else b""
    kept = b"".join(bytes_[start : start + size] for start in offsets[:-1][good].tolist())
    return np.frombuffer(kept, dtype), good


def rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """A batch's rows; the pictures' bytes, in `content`, leave Arrow's memory one at a time."""
    content = batch.column(batch.schema.get_field_index("content"))
    for index, row in enumerate(batch.drop_columns(["content"]).to_pylist()):
        row["content"] = content[index].as_py()
        yield row
