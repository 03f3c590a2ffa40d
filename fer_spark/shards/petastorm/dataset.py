"""The part of Arrow's old Parquet dataset that Petastorm builds on: pieces, partitions, and the two metadata files."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.arrow import ArrowFSWrapper
from fsspec.implementations.local import LocalFileSystem

_OPERATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    ">": lambda a, b: bool(a > b),
    "<=": lambda a, b: bool(a <= b),
    ">=": lambda a, b: bool(a >= b),
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
}


class PartitionSet:
    """One directory level `name=key`, its keys in order of appearance; `dictionary` is int64 if all keys are."""

    def __init__(self, name: str, keys: list[str] | None = None) -> None:
        self.name = name
        self.keys = keys or []

    def index(self, key: str) -> int:
        if key not in self.keys:
            self.keys.append(key)
        return self.keys.index(key)

    @property
    def dictionary(self) -> pa.Array:
        try:
            return pa.array([int(key) for key in self.keys], pa.int64())
        except ValueError:
            return pa.array(self.keys, pa.string())


class Partitions:
    """The levels, from the root down."""

    def __init__(self) -> None:
        self.levels: list[PartitionSet] = []

    def index(self, depth: int, name: str, key: str) -> int:
        if depth == len(self.levels):
            self.levels.append(PartitionSet(name))
        return self.levels[depth].index(key)

    @property
    def partition_names(self) -> set[str]:
        return {level.name for level in self.levels}

    def __len__(self) -> int:
        return len(self.levels)

    def __iter__(self) -> Iterator[PartitionSet]:
        return iter(self.levels)

    def __getitem__(self, depth: int) -> PartitionSet:
        return self.levels[depth]


class ParquetDatasetPiece:
    """One file, or one row group of it, with its partition keys as (name, index of the key)."""

    def __init__(
        self,
        path: str,
        open_file_func: Callable[..., Any] = open,
        row_group: int | None = None,
        partition_keys: list[tuple[str, int]] | None = None,
    ) -> None:
        self.path = path
        self.row_group = row_group
        self.partition_keys = partition_keys or []
        self._open = open_file_func

    def get_metadata(self) -> pq.FileMetaData:
        with self._open(self.path, "rb") as file:
            return pq.ParquetFile(file).metadata

    def read(
        self, columns: Iterable[str] | None = None, partitions: Partitions | None = None, **options: Any
    ) -> pa.Table:
        """The named columns, followed by one dictionary column per partition level."""
        with self._open(self.path, "rb") as file:
            opened = pq.ParquetFile(file)
            selected = None if columns is None else [name for name in opened.schema_arrow.names if name in set(columns)]
            if self.row_group is None:
                table = opened.read(columns=selected)
            else:
                table = opened.read_row_group(self.row_group, columns=selected)
        for level, (name, index) in zip(partitions or (), self.partition_keys, strict=False):
            indices = pa.array([index] * table.num_rows, pa.int32())
            table = table.append_column(name, pa.DictionaryArray.from_arrays(indices, level.dictionary))
        return table


class ParquetDataset:
    """A directory of Parquet files, one file, or a list of files, as pyarrow's class of that name was before 15."""

    def __init__(
        self,
        path_or_paths: str | list[str],
        filesystem: Any = None,
        filters: Any = None,
        **ignored: Any,
    ) -> None:
        self.paths = path_or_paths
        self.fs = LocalFileSystem() if filesystem is None else filesystem
        if isinstance(filesystem, pa.fs.FileSystem):
            self.fs = ArrowFSWrapper(filesystem)
        self.partitions: Partitions | None = Partitions()
        self.common_metadata_path: str | None = None
        self.metadata_path: str | None = None
        self.pieces = list(self._find())
        if not self.partitions:
            self.partitions = None
        if filters is not None:
            self.pieces = [piece for piece in self.pieces if self._passes(piece, filters)]
        self.common_metadata = self._footer(self.common_metadata_path)
        self.metadata = self._footer(self.metadata_path)

    def _find(self) -> Iterator[ParquetDatasetPiece]:
        paths = [self.paths] if isinstance(self.paths, str) else self.paths
        if len(paths) == 1 and self.fs.isdir(paths[0]):
            yield from self._walk(paths[0], [])
            return
        for path in paths:
            if not self.fs.isfile(path):
                raise OSError(f"Passed non-file path: {path}")
            yield ParquetDatasetPiece(path, self.fs.open)

    def _walk(self, directory: str, keys: list[tuple[str, int]]) -> Iterator[ParquetDatasetPiece]:
        assert self.partitions is not None
        for entry in sorted(self.fs.ls(directory, detail=True), key=lambda item: str(item["name"])):
            path = str(entry["name"])
            path = path.rstrip("/")
            name = posixpath.basename(path)
            if path == directory.rstrip("/"):
                continue
            if entry["type"] == "directory":
                if name.startswith(("_", ".")):
                    continue
                level, equals, key = name.partition("=")
                below = [*keys, (level, self.partitions.index(len(keys), level, key))] if equals else keys
                yield from self._walk(path, below)
            elif name == "_common_metadata":
                self.common_metadata_path = path
            elif name == "_metadata":
                self.metadata_path = path
            elif not name.startswith(("_", ".")) and not name.endswith((".crc", "_$folder$")):
                yield ParquetDatasetPiece(path, self.fs.open, partition_keys=keys)

    def _footer(self, path: str | None) -> pq.FileMetaData | None:
        if path is None:
            return None
        with self.fs.open(path, "rb") as file:
            return pq.read_metadata(file)

    def _passes(self, piece: ParquetDatasetPiece, filters: Any) -> bool:
        """Filters in disjunctive form, on partition keys alone: what is no partition passes, as it did in pyarrow."""
        alternatives = filters if filters and isinstance(filters[0], list) else [filters]
        return any(all(self._holds(piece, *term) for term in conjunction) for conjunction in alternatives)

    def _holds(self, piece: ParquetDatasetPiece, name: str, operation: str, value: Any) -> bool:
        for level, (key_name, index) in zip(self.partitions or (), piece.partition_keys, strict=False):
            if key_name == name:
                kind = type(next(iter(value))) if isinstance(value, (list, set, tuple)) else type(value)
                return _OPERATIONS[operation](kind(level.keys[index]), value)
        return True
