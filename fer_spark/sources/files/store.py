"""Pictures on storage beyond this machine, opened by the Python workers: S3 by Arrow, all else through fsspec."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from fer_spark.filesystems import open_file_system
from fer_spark.sources.files.s3 import S3Store
from fer_spark.spark.stores import arrow_options, fsspec_options


@dataclass(frozen=True)
class Store:
    """A folder there, as Hadoop spells its URI. `options`: fsspec's, `arrow`: those of Arrow's client, None where that
    does not open it; both may hold keys."""

    uri: str
    options: dict[str, Any] = field(repr=False)
    arrow: dict[str, Any] | None = field(repr=False, default=None)

    @classmethod
    def of(cls, spark: SparkSession, uri: str) -> Store:
        conf = spark._jsc.hadoopConfiguration()
        return cls(uri, fsspec_options(uri, conf), arrow_options(uri, conf))

    def open(self, probe: str) -> OpenStore | S3Store:
        """By Arrow where that can read the file `probe`, else by fsspec. Raises ImportError naming the package that is
        missing, OSError where that one cannot be set up."""
        if self.arrow is not None:
            with suppress(ImportError, OSError, pa.ArrowException):  # fsspec may know better, or say why
                there = S3Store(self.uri, self.arrow, lambda path: self._by_fsspec().read(path))
                there.touch(probe)
                return there
        return self._by_fsspec()

    def _by_fsspec(self) -> OpenStore:
        return OpenStore(*open_file_system(self.uri, **self.options))


@dataclass(frozen=True)
class OpenStore:
    """The same in a process that reads it, by several threads if need be."""

    system: Any
    root: str

    def read(self, path: str) -> bytes:
        """All of a file below the folder. Raises FileNotFoundError, PermissionError, or OSError as fsspec does."""
        content: bytes = self.system.cat_file(f"{self.root.rstrip('/')}/{path}")
        return content

    def touch(self, path: str) -> None:
        """Read its first byte; raises as `read`."""
        self.system.cat_file(f"{self.root.rstrip('/')}/{path}", start=0, end=1)


def why_closed(spark: SparkSession, store: Store, path: str) -> str:
    """Why a Python worker cannot read a file of the store, in a line; empty where it can."""

    def tried(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            yield pa.RecordBatch.from_pydict({"why": [_why_closed(store, path)]})

    return str(spark.range(1).coalesce(1).mapInArrow(tried, "why string").collect()[0]["why"])


def _why_closed(store: Store, path: str) -> str:
    try:
        store.open(path).touch(path)
    except Exception as error:  # noqa: BLE001  # every package has its own; Spark reads instead
        return (str(error).strip() or type(error).__name__).split("\n")[0][:200]
    return ""
