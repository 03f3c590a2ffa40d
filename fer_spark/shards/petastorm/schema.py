"""A dataset's own Petastorm schema, without unpickling: the stream is parsed, and builds from a closed list only."""

from __future__ import annotations

import collections
import decimal
import importlib
from collections.abc import Iterator
from typing import Any

from fer_spark.shards.petastorm.machine import ClosedList, Machine, UnsafePickleError

__all__ = ["UnsafePickleError", "parse"]

_NUMPY = {
    **{f"{kind}{bits}": f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
    **{name: name for name in ("float16", "float32", "float64", "bool_", "str_", "bytes_", "datetime64", "object_")},
    "bool": "bool_",
    "unicode_": "str_",
    "string_": "bytes_",
}
_SPARK = {"StringType", "BinaryType", "BooleanType", "DateType", "TimestampType", "DecimalType", "NullType"}
_SPARK |= {"DoubleType", "FloatType", "ByteType", "IntegerType", "LongType", "ShortType"}
_BUILTINS = {kind.__name__: kind for kind in (str, int, float, bool, bytes, set, tuple, object)}
_PETASTORM = {
    "unischema": {"Unischema", "UnischemaField"},
    "codecs": {"ScalarCodec", "NdarrayCodec", "CompressedNdarrayCodec", "CompressedImageCodec"},
    "etl.rowgroup_indexers": {"SingleFieldIndexer", "FieldNotNullIndexer"},
}
_HOMES = ("petastorm.", "av.experimental.deepdrive.dataset_toolkit.", "av.ml.dataset_toolkit.")
"""The package's name today, and its names before it was published."""
_STATE: dict[str, set[str]] = {
    "ScalarCodec": {"_spark_type"},
    "CompressedImageCodec": {"_image_codec", "_quality"},
    "SingleFieldIndexer": {"_index_name", "_column_name", "_index_data"},
    "FieldNotNullIndexer": {"_index_name", "_column_name", "_index_data"},
}
"""Attributes that may be set on an object of each class."""


class _Reconstruct:
    """`copyreg._reconstructor(class, object, None)`, as old protocols spell a new object."""


class _NumpyScalar:
    """`numpy.core.multiarray.scalar(dtype, bytes)`."""


class _NumpyDtype:
    """`numpy.dtype(code, align, copy)`."""


_OTHERS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("collections", "defaultdict"): collections.defaultdict,
    ("decimal", "Decimal"): decimal.Decimal,
    ("copy_reg", "_reconstructor"): _Reconstruct,
    ("copyreg", "_reconstructor"): _Reconstruct,
    ("numpy.core.multiarray", "scalar"): _NumpyScalar,
    ("numpy._core.multiarray", "scalar"): _NumpyScalar,
    ("numpy", "dtype"): _NumpyDtype,
}


def parse(content: bytes) -> Any:
    """The Unischema, or the dictionary of indexers, in a pickle. Raises UnsafePickleError for anything else."""
    try:
        return Machine(ClosedList(_known, _make, _with_state)).run(content)
    except UnsafePickleError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise UnsafePickleError(f"damaged schema pickle in the dataset's metadata ({error!r})") from error


def _known(module: str, name: str) -> Any:
    """What a name in the pickle stands for. Raises UnsafePickleError outside the list."""
    if module in ("builtins", "__builtin__") and name in _BUILTINS:
        return _BUILTINS[name]
    if module == "numpy" and name in _NUMPY:
        return getattr(importlib.import_module("numpy"), _NUMPY[name])
    if module == "pyspark.sql.types" and name in _SPARK:
        return getattr(importlib.import_module(module), name)
    for home in _HOMES:
        if module.startswith(home) and name in _PETASTORM.get(module.removeprefix(home), ()):
            return getattr(importlib.import_module(f"petastorm.{module.removeprefix(home)}"), name)
    if (module, name) in _OTHERS:
        return _OTHERS[module, name]
    raise UnsafePickleError(
        f"the dataset's metadata names {module}.{name}, which no Petastorm schema needs: refused, nothing was run. "
        "If you trust its author, have the metadata generated anew (petastorm-generate-metadata.py)"
    )


def _make(what: Any, arguments: tuple[Any, ...]) -> Any:
    """A new object of a listed class; nothing but their constructors over plain values is called."""
    if what is _Reconstruct:
        return _make(arguments[0], tuple(arguments[2]) if arguments[1] is tuple else ())
    if what is _NumpyDtype and isinstance(arguments[0], str) and arguments[0][:1] in "iufbUSM":
        return importlib.import_module("numpy").dtype(arguments[0])
    if what is _NumpyScalar and isinstance(arguments[1], bytes):
        return importlib.import_module("numpy").frombuffer(arguments[1], dtype=arguments[0])[0]
    if what is collections.OrderedDict:
        return collections.OrderedDict((key, value) for key, value in (arguments[0] if arguments else ()))
    if what is collections.defaultdict and arguments in ((set,), ()):
        return collections.defaultdict(*arguments)
    if what is set:
        return set(arguments[0] if arguments else ())
    if what is _known("petastorm.unischema", "UnischemaField"):
        return what(*arguments)
    if isinstance(what, type) and not arguments:
        if what.__module__ == "pyspark.sql.types":
            return what()
        if what.__module__.removeprefix("petastorm.") in _PETASTORM:
            return object.__new__(what)
    raise UnsafePickleError(f"the schema pickle calls {what!r} with {len(arguments)} values: refused")


def _with_state(made: Any, state: Any) -> Any:
    """The object with its attributes set; only those that its class is known to have, and only on new objects."""
    name, module = type(made).__name__, type(made).__module__
    if module == "numpy.dtypes":  # byte order and flags: the code says enough
        return made
    if module == "pyspark.sql.types":  # some are one object for all of Spark, and are never changed here
        if name == "DecimalType":
            return type(made)(int(state["precision"]), int(state["scale"]))
        if not state or state == {"collation": "UTF8_BINARY"}:
            return made
    if isinstance(state, dict) and module.removeprefix("petastorm.") in _PETASTORM:
        if name == "Unischema":
            type(made).__init__(made, str(state["_name"]), list(_fields(state["_fields"])))
            return made
        if set(state) <= _STATE.get(name, set()):
            made.__dict__.update(state)
            return made
    raise UnsafePickleError(f"the schema pickle sets the state of a {module}.{name}: refused")


def _fields(fields: Any) -> Iterator[Any]:
    for field in fields.values():
        if type(field) is not _known("petastorm.unischema", "UnischemaField") or not isinstance(field.name, str):
            raise UnsafePickleError(f"a field of the dataset's schema is a {type(field).__name__}")
        yield field
