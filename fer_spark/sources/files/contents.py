"""Pictures' bytes, read by the Python workers: from this machine one by one, from beyond it several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from fer_spark.rows import PICTURE
from fer_spark.sources.archives.tar_stream import open_stream
from fer_spark.sources.files.ahead import fetched_ahead
from fer_spark.sources.files.s3 import S3Store
from fer_spark.sources.files.store import OpenStore, Store
from fer_spark.sources.lake import file_uri

_BATCH_BYTES = 16 << 20
_BATCH_ROWS = 256
Rows = Iterator[dict[str, Any]]
"""Of PICTURE, with the `size` that was listed."""
Found = Iterator[dict[str, Any] | None]
"""The same with content or a reason; None for a file that vanished."""
Opener = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
"""For mapInArrow."""


def local_contents(folder: str) -> Opener:
    """Of files below the file: URI of a folder."""

    def content(path: str) -> bytes:
        with open_stream(file_uri(folder, path)) as stream:
            return stream.read()

    return _opener(lambda rows: (_with_content(row, content) for row in rows))


def remote_contents(store: Store, probe: str) -> Opener:
    """Of files below a folder of a store. `probe`: a file there that could be opened: where it cannot any more, not a
    file is closed but the store, as where a token has expired, and the task ends with OSError."""

    def read(rows: Rows) -> Found:
        there = store.open(probe)

        def content(path: str) -> bytes:
            try:
                return there.read(path)
            except PermissionError:
                _check_open(there, store.uri, probe)
                raise

        return (row for _, row in fetched_ahead(rows, lambda row: _with_content(row, content), _bytes_to_fetch))

    return _opener(read)


def _opener(read: Callable[[Rows], Found]) -> Opener:
    def opened(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows: list[dict[str, Any]] = []
        size = 0
        for row in read(row for batch in batches for row in batch.to_pylist()):
            if row is None:  # found missing by its key, as where Spark reads
                continue
            rows.append(row)
            size += len(row["content"] or b"")
            if size >= _BATCH_BYTES or len(rows) >= _BATCH_ROWS:
                yield pa.RecordBatch.from_pylist(rows, schema=PICTURE.arrow_schema)
                rows, size = [], 0
        if rows:
            yield pa.RecordBatch.from_pylist(rows, schema=PICTURE.arrow_schema)

    return opened


def _check_open(there: OpenStore | S3Store, uri: str, probe: str) -> None:
    try:
        there.touch(probe)
    except PermissionError as error:
        raise OSError(f"{uri} refuses what it allowed before (Status Code: 403): {error}") from error


def _with_content(row: dict[str, Any], content: Callable[[str], bytes]) -> dict[str, Any] | None:
    if row["reject_reason"] is not None:
        return row
    try:
        return row | {"content": content(row["path"])}
    except FileNotFoundError:
        return None
    except PermissionError:
        return row | {"reject_reason": "missing_file", "reject_detail": "listed, but may not be opened"}


def _bytes_to_fetch(row: dict[str, Any]) -> int:
    return int(row["size"]) if row["reject_reason"] is None else 0
