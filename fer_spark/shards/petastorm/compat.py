"""Petastorm 0.13.1 on current pyarrow, numpy and pyspark: its own modules get what they miss, no other module does.

    from fer_spark.shards.petastorm import compat as petastorm_compat

    petastorm_compat.install()
    from petastorm import make_batch_reader

Modules below `petastorm` are executed with an `import` of their own, which gives them views of pyarrow, numpy and
distutils with the old names added; pyarrow and numpy themselves, and `sys.modules`, stay as they are. Petastorm's
reading of pickles that a dataset carries is replaced by `schema.parse`, which constructs from a closed list and
calls nothing else: Petastorm's own restricted unpickler admits all of `builtins`, `eval` among it.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.machinery
import os
import sys
import types
from collections.abc import Sequence
from typing import Any

from fer_spark.shards.petastorm.views import VIEWS, View, view

__all__ = ["install", "load", "view"]

_PACKAGE = "petastorm"
_POLL_S = 0.02
"""How often an idle thread of Petastorm's pool looks whether it should stop; its own 1 ms costs CPU for nothing."""


def install() -> None:
    """Make `import petastorm` work in this process, from now on. Calling it again does nothing."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    for name in [name for name in sys.modules if name.split(".")[0] == _PACKAGE]:
        del sys.modules[name]  # left over from an import that failed without us
    sys.meta_path.insert(0, _Finder())


def load(name: str) -> Any:
    """A module of Petastorm, e.g. `load("petastorm.reader")`. ImportError says how to install what is missing."""
    install()
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{error}: reading shards needs Petastorm: pip install --no-deps petastorm==0.13.1 && "
            "pip install dill diskcache fsspec future packaging psutil pyzmq six"
        ) from error


def _import(
    name: str,
    globals: Any = None,
    locals: Any = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> Any:
    """`import` as modules of Petastorm see it."""
    if level or name not in VIEWS:
        return builtins.__import__(name, globals, locals, fromlist or (), level)
    return view(name) if fromlist else view(name.split(".")[0])


class _Finder:
    """Finds Petastorm's modules where they are, and has them executed with `_import`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.split(".")[0] != _PACKAGE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: types.ModuleType) -> None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _import}
        super().exec_module(module)
        _ADJUST.get(module.__name__, lambda module: None)(module)


def _no_unpickling(legacy: Any) -> None:
    from fer_spark.shards.petastorm import schema as petastorm_schema

    legacy.restricted_loads = petastorm_schema.parse
    legacy.depickle_legacy_package_name_compatible = petastorm_schema.parse
    del legacy.RestrictedUnpickler


def _to_the_last_row(pool: Any) -> None:
    """Petastorm's pools end early, and lose rows, if the last item is handed out just between two of their looks:

    all handed out is done (yes), then nothing more will be handed out (yes by now). Here the second is checked first.
    """
    empty = importlib.import_module("petastorm.workers_pool").EmptyResultError
    pools = [getattr(pool, name) for name in ("ThreadPool", "ProcessPool") if hasattr(pool, name)]
    for kind in pools:
        kind.get_results = _with_second_look(kind.get_results, empty)


def _with_second_look(get_results: Any, empty: type[Exception]) -> Any:
    def again(self: Any) -> Any:
        while True:
            last = not self._ventilator or self._ventilator.completed()
            try:
                return get_results(self)
            except empty:
                if last:
                    raise

    return again


def _poll_less(thread_pool: Any) -> None:
    thread_pool.IO_TIMEOUT_INTERVAL_S = _POLL_S
    _to_the_last_row(thread_pool)


def _adapted_children(spawner: Any) -> None:
    """A process of Petastorm's process pool installs this module before it imports Petastorm."""
    real = spawner.subprocess

    def start(args: list[str], **options: Any) -> Any:
        code = (
            f"import sys; sys.path[:0] = {sys.path!r}; sys.argv = {args[2:]!r}; import runpy; "
            f"from {__name__} import install; install(); runpy.run_module({args[2]!r}, run_name='__main__')"
        )
        return real.Popen([args[0], "-c", code], **options)

    if os.path.exists(sys.executable):
        spawner.subprocess = View("subprocess", real, {"Popen": start})


_ADJUST = {
    "petastorm.etl.legacy": _no_unpickling,
    "petastorm.workers_pool.process_pool": _to_the_last_row,
    "petastorm.workers_pool.thread_pool": _poll_less,
    "petastorm.workers_pool.exec_in_new_process": _adapted_children,
}
