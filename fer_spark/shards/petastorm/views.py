"""pyarrow, numpy and distutils as Petastorm 0.13.1 knows them: today's modules, seen with the old names added."""

from __future__ import annotations

import functools
import types
from typing import Any

_FORWARDED = {
    "open",
    "exists",
    "isdir",
    "isfile",
    "info",
    "ls",
    "walk",
    "stat",
    "mkdir",
    "rm",
    "delete",
    "mv",
    "rename",
}
_FORWARDED |= {"cat", "chmod", "chown", "upload", "download", "df", "disk_usage", "get_capacity", "get_space_used"}
"""Operations that Petastorm's client for two name nodes tries on one and then on the other."""


class View(types.ModuleType):
    """A module as it is, with some names added."""

    def __init__(self, name: str, real: types.ModuleType | None, added: dict[str, Any]) -> None:
        super().__init__(name)
        self.__dict__.update(added)
        self.__dict__["_real"] = real

    def __getattr__(self, name: str) -> Any:
        if self._real is None:
            raise AttributeError(f"{self.__name__} has no {name}")
        return getattr(self._real, name)

    def __reduce__(self) -> Any:  # Spark sends functions of Petastorm, and the modules they use, to its executors
        return view, (self.__name__,)


@functools.cache
def view(name: str) -> types.ModuleType:
    """What a module of Petastorm gets for `import name`."""
    return VIEWS[name]()


def _numpy() -> View:
    import numpy as np

    old = {"unicode_": np.str_, "string_": np.bytes_, "float_": np.float64, "in1d": np.isin}
    return View("numpy", np, {**old, "float": float, "int": int, "bool": bool, "object": object, "str": str})


def _pyarrow() -> View:
    import pyarrow

    below = {name: view(f"pyarrow.{name}") for name in ("filesystem", "hdfs", "lib", "parquet")}
    return View("pyarrow", pyarrow, {**below, "localfs": _local()(), "LocalFileSystem": _local()})


def _local() -> Any:
    from fsspec.implementations.local import LocalFileSystem

    return LocalFileSystem


def _lib() -> View:
    import pyarrow.lib

    return View("pyarrow.lib", pyarrow.lib, {"ArrowIOError": OSError})


def _parquet() -> View:
    import pyarrow.parquet

    from fer_spark.shards.petastorm import dataset as petastorm_dataset

    old = {name: getattr(petastorm_dataset, name) for name in ("ParquetDataset", "ParquetDatasetPiece", "PartitionSet")}
    return View("pyarrow.parquet", pyarrow.parquet, old)


def _hdfs() -> View:
    import fsspec

    def not_here(self: Any, *arguments: Any, **options: Any) -> Any:
        raise NotImplementedError

    def named(name: str) -> Any:
        return types.FunctionType(not_here.__code__, not_here.__globals__, name)

    def connect(host: str = "default", port: int = 0, user: str | None = None, **ignored: Any) -> Any:
        return fsspec.filesystem("hdfs", host=host, port=port, user=user)

    base = type("HadoopFileSystem", (), {name: named(name) for name in _FORWARDED})
    return View("pyarrow.hdfs", None, {"connect": connect, "HadoopFileSystem": base})


def _version() -> View:
    from packaging.version import Version

    return View("distutils.version", None, {"LooseVersion": Version})


VIEWS = {
    "numpy": _numpy,
    "pyarrow": _pyarrow,
    "pyarrow.filesystem": lambda: View("pyarrow.filesystem", None, {"LocalFileSystem": _local()}),
    "pyarrow.hdfs": _hdfs,
    "pyarrow.lib": _lib,
    "pyarrow.parquet": _parquet,
    "distutils.version": _version,
}
