"""The files of an input, in little memory: a driver can list millions of them, which Spark's own listing, with about
a kilobyte for each, cannot hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FILES = pa.schema([("path", pa.string()), ("size", pa.int64()), ("modified_us", pa.int64())])
_DDL = "path string, size bigint, modified_us bigint"
_BLOCK = 1_000
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="zstd")


class File(NamedTuple):
    """A file below a root: bytes, and µs since 1970 of its last change, None where unknown."""

    path: str
    size: int
    modified_us: int | None


class Listing:
    """Files in the order in which they were added, held as compressed blocks of Arrow, some 10 to 30 bytes a file.

    `files`, `total_bytes`: how many they are, and how large.
    """

    def __init__(self) -> None:
        self.files = self.total_bytes = 0
        self._blocks: list[bytes] = []
        self._open: list[File] = []

    def add(self, path: str, size: int, modified_us: int | None) -> None:
        self._open.append(File(path, size, modified_us))
        self.files += 1
        self.total_bytes += size
        if len(self._open) == _BLOCK:
            self._close()

    def clear(self) -> None:
        self.files = self.total_bytes = 0
        self._blocks, self._open = [], []

    def __bool__(self) -> bool:
        return self.files > 0

    def __iter__(self) -> Iterator[File]:
        for block in self._blocks:
            for row in _files_of(block).to_pylist():
                yield File(**row)
        yield from self._open

    def frame(self, spark: SparkSession) -> DataFrame:
        """path, size and modified_us of every file; blocks are unpacked by the Python workers."""
        self._close()
        blocks = pa.table({"block": pa.array(self._blocks, pa.binary())})
        return spark.createDataFrame(blocks).mapInArrow(_unpacked, _DDL)

    def _close(self) -> None:
        if self._open:
            columns = [
                pa.array(column, field.type) for column, field in zip(zip(*self._open, strict=True), FILES, strict=True)
            ]
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, FILES, options=_COMPRESSED) as writer:
                writer.write_batch(pa.record_batch(columns, schema=FILES))
            self._blocks.append(sink.getvalue().to_pybytes())
            self._open = []


def _files_of(block: bytes) -> pa.Table:
    with pa.ipc.open_stream(block) as reader:
        return reader.read_all()


def _unpacked(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for block in batch.column(0):
            yield from _files_of(block.as_py()).to_batches()
