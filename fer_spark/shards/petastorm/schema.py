"""A dataset's own Petastorm schema, without unpickling: the stream is parsed, and builds from a closed list only."""

from __future__ import annotations

import collections
import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from fer_spark.shards.petastorm.machine import ClosedList, Machine, UnsafePickleError

__all__ = ["UnsafePickleError", "parse"]

_NUMPY = {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
_NUMPY |= {"float16", "float32", "float64", "bool", "bool_", "str_", "bytes_", "datetime64", "object_", "dtype"}
_SPARK = {"StringType", "BinaryType", "BooleanType", "DateType", "TimestampType", "DecimalType", "NullType"}
_SPARK |= {"DoubleType", "FloatType", "ByteType", "IntegerType", "LongType", "ShortType"}
_PETASTORM = {
    "petastorm.unischema": {"Unischema", "UnischemaField"},
    "petastorm.codecs": {"ScalarCodec", "NdarrayCodec", "CompressedNdarrayCodec", "CompressedImageCodec"},
    "petastorm.etl.rowgroup_indexers": {"SingleFieldIndexer", "FieldNotNullIndexer"},
}
_LISTED = {
    **_PETASTORM,
    "pyspark.sql.types": _SPARK,
    "numpy": _NUMPY,
    "numpy._core.multiarray": {"scalar"},
    "builtins": {"str", "int", "float", "bool", "bytes", "set"},
    "collections": {"OrderedDict", "defaultdict"},
    "decimal": {"Decimal"},
}
"""All that a pickle may name, as Petastorm writes it under Python 3.8 and later and numpy 2."""
_STATE: dict[str, set[str]] = {
    "ScalarCodec": {"_spark_type"},
    "CompressedImageCodec": {"_image_codec", "_quality"},
    "SingleFieldIndexer": {"_index_name", "_column_name", "_index_data"},
    "FieldNotNullIndexer": {"_index_name", "_column_name", "_index_data"},
}
"""Attributes that may be set on an object of each class."""


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
    if name in _LISTED.get(module, ()):
        return getattr(importlib.import_module(module), name)
    raise UnsafePickleError(
        f"the dataset's metadata names {module}.{name}, which no Petastorm schema of today needs: refused, nothing was "
        "run. If you trust its author, generate the metadata again (petastorm-generate-metadata.py)"
    )


def _make(what: Any, arguments: tuple[Any, ...]) -> Any:
    """A new object of a listed class; nothing but their constructors over plain values is called."""
    if what is np.dtype and isinstance(arguments[0], str) and arguments[0][:1] in "iufbUSM":
        return np.dtype(arguments[0])
    if what is _known("numpy._core.multiarray", "scalar") and isinstance(arguments[1], bytes):
        return np.frombuffer(arguments[1], dtype=arguments[0])[0]
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
        if what.__module__ in _PETASTORM:
            return object.__new__(what)
    raise UnsafePickleError(f"the schema pickle calls {what!r} with {len(arguments)} values: refused")


def _with_state(instance: Any, state: Any) -> Any:
    """The object with its attributes set; only those that its class is known to have, and only on new objects."""
    name, module = type(instance).__name__, type(instance).__module__
    if module == "numpy.dtypes":  # byte order and flags: the code says enough
        return instance
    if module == "pyspark.sql.types":  # some are one object for all of Spark, and are never changed here
        if name == "DecimalType":
            return type(instance)(int(state["precision"]), int(state["scale"]))
        if not state or state == {"collation": "UTF8_BINARY"}:
            return instance
    if isinstance(state, dict) and module in _PETASTORM:
        if name == "Unischema":
            type(instance).__init__(instance, str(state["_name"]), list(_fields(state["_fields"])))
            return instance
        if set(state) <= _STATE.get(name, set()):
            instance.__dict__.update(state)
            return instance
    raise UnsafePickleError(f"the schema pickle sets the state of a {module}.{name}: refused")


def _fields(fields: Any) -> Iterator[Any]:
    for field in fields.values():
        if type(field) is not _known("petastorm.unischema", "UnischemaField") or not isinstance(field.name, str):
            raise UnsafePickleError(f"a field of the dataset's schema is a {type(field).__name__}")
        yield field
