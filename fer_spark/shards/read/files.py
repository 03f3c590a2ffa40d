"""The files of one split: found through the manifest, opened on any storage that fsspec reads, and checked."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from fer_spark.filesystems import open_file_system
from fer_spark.machine import keys_for
from fer_spark.pixels.stored import StoredPixels
from fer_spark.shards.manifest import NAME, ImageColumn, Manifest, ManifestError, ShardFile
from fer_spark.shards.read.remedies import no_shards, no_such_split


class ShardError(Exception):
    """Shards cannot be read as requested, or are not what their manifest says; the message names the file."""


@dataclass(frozen=True)
class Piece:
    """One row group: its file, its number there, and the rows of the split that it holds."""

    file: ShardFile
    row_group: int
    first_row: int
    rows: int

    @property
    def path(self) -> str:
        return self.file.path


@dataclass
class ShardFiles:
    """One split. `pieces` are its row groups in the manifest's file order, `starts` (G,) their first rows."""

    uri: str
    split: str
    manifest: Manifest
    filesystem: Any
    root: str
    pieces: list[Piece] = field(default_factory=list)
    _footers: dict[str, pq.FileMetaData] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def find(cls, uri: str, split: str) -> ShardFiles:
        """Reads the manifest. Raises ShardError where there is none, or no such split; ImportError for a storage whose
        package is missing."""
        try:
            filesystem, root = open_file_system(uri)
            text = filesystem.cat_file(f"{root.rstrip('/')}/{NAME}").decode("utf-8")
            manifest = Manifest.from_json(text, f"{uri.rstrip('/')}/{NAME}")
        except FileNotFoundError as error:
            raise ShardError(no_shards(uri, NAME)) from error
        except _no_access() as error:
            raise ShardError(f"{uri}: no access ({error}); {keys_for(uri)}") from error
        except _unreadable() as error:
            if _is_refused(error):
                raise ShardError(f"{uri}: no access ({' '.join(str(error).split())}); {keys_for(uri)}") from error
            raise ShardError(f"{uri.rstrip('/')}/{NAME}: cannot be read ({error})") from error
        files = cls(uri.rstrip("/"), split, manifest, filesystem, root.rstrip("/"))
        splits = sorted({file.split for file in manifest.files})
        if split not in splits:
            raise ShardError(no_such_split(uri, split, splits))
        first = 0
        for file in (file for file in manifest.files if file.split == split):
            for number, rows in enumerate(file.row_groups):
                files.pieces.append(Piece(file, number, first, rows))
                first += rows
        return files

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        return np.array([piece.first_row for piece in self.pieces], np.int64)

    @property
    def rows_per_piece(self) -> npt.NDArray[np.int64]:
        return np.array([piece.rows for piece in self.pieces], np.int64)

    @property
    def rows(self) -> int:
        return int(self.rows_per_piece.sum())

    def image(self, name: str) -> tuple[str, ImageColumn]:
        """The named pixel column, or the smallest. Raises ShardError listing those that there are."""
        images = self.manifest.images
        if not name and images:
            name = min(images, key=lambda key: _size_order(images[key].pixels))
        if name not in images:
            raise ShardError(f"{self.uri}: no pixel column {name!r}; there are: {', '.join(images) or '(none)'}")
        return name, images[name]

    def place(self, row: int) -> str:
        """File and row, for messages."""
        piece = self.pieces[int(np.searchsorted(self.starts, row, "right")) - 1]
        inside = sum(piece.file.row_groups[: piece.row_group]) + row - piece.first_row
        return f"{self.uri}/{piece.path}, row {inside}"

    def read(self, piece: Piece, columns: list[str]) -> pa.Table:
        """Columns of one row group, in the order requested. Raises ShardError naming the file."""
        with self._opened(piece.file, columns) as file:
            return file.read_row_group(piece.row_group, columns=columns, use_threads=False)

    def read_column(self, name: str, threads: int) -> list[pa.ChunkedArray]:
        """One column of the whole split, file by file."""
        files = [file for file in self.manifest.files if file.split == self.split]

        def read(listed: ShardFile) -> pa.ChunkedArray:
            with self._opened(listed, [name]) as file:
                return file.read(columns=[name], use_threads=False).column(0)

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(read, files))

    @contextmanager
    def _opened(self, listed: ShardFile, columns: list[str]) -> Iterator[pq.ParquetFile]:
        where = f"{self.uri}/{listed.path}"
        path = f"{self.root}/{listed.path}"
        try:
            with self._source(path) as source:
                file = pq.ParquetFile(
                    source, metadata=self._footers.get(path), pre_buffer=True, page_checksum_verification=True
                )
                if path not in self._footers:
                    self._check(file, listed, source.size, where)
                    with self._lock:
                        self._footers[path] = file.metadata
                missing = [name for name in columns if name not in file.schema_arrow.names]
                if missing:
                    raise ShardError(f"{where}: no column {', '.join(missing)}")
                yield file
        except FileNotFoundError as error:
            raise ShardError(f"{where}: not there, though {NAME} lists it") from error
        except (pa.ArrowException, OSError, *_of_clients()) as error:
            raise ShardError(f"{where}: damaged or unreadable ({error})") from error

    @contextmanager
    def _source(self, path: str) -> Iterator[Any]:
        if isinstance(self.filesystem, LocalFileSystem):
            with pa.OSFile(path) as file:
                yield file
        else:
            with self.filesystem.open(path, "rb") as file:
                yield file

    def _check(self, file: pq.ParquetFile, listed: ShardFile, size: Any, where: str) -> None:
        metadata = file.metadata
        groups = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
        if groups != listed.row_groups:
            raise ShardError(
                f"{where}: {sum(groups):,} rows in {len(groups)} row groups, {NAME} says {listed.rows:,} in "
                f"{len(listed.row_groups)}: this is not the file that the manifest lists"
            )
        found = size() if callable(size) else size
        if found != listed.bytes:
            raise ShardError(f"{where}: {found:,} bytes, {NAME} says {listed.bytes:,}: the file was changed")


def _size_order(pixels: StoredPixels) -> tuple[int, int, bool]:
    """Least for what is read fastest."""
    return pixels.size_px, pixels.face.channels, pixels.dtype != "uint8"


def _no_access() -> tuple[type[Exception], ...]:
    """What file systems raise where they are refused; and clients of stores, where one is loaded, for keys that are
    missing: that is no OSError."""
    return (
        PermissionError,
        *_loaded(("botocore.exceptions", "BotoCoreError"), ("google.auth.exceptions", "GoogleAuthError")),
    )


def _unreadable() -> tuple[type[Exception], ...]:
    return (OSError, UnicodeDecodeError, ManifestError, *_of_clients())


def _of_clients() -> tuple[type[Exception], ...]:
    """What clients of stores raise for answers that are none, and is no OSError."""
    return _loaded(("gcsfs.retry", "HttpError"))


def _loaded(*found: tuple[str, str]) -> tuple[type[Exception], ...]:
    return tuple(getattr(sys.modules[module], name) for module, name in found if module in sys.modules)


def _is_refused(error: Exception) -> bool:
    """Of gcsfs: an OSError that says so, or an error of its own with HTTP's code."""
    return str(error).startswith("Forbidden: ") or getattr(error, "code", None) in (401, 403)
