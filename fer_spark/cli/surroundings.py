"""Before and after a command's run: whether this machine can do it, and whether it was the machine that failed."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fer_spark.machine import check_place, check_system
from fer_spark.scoring.outputs.catalog import NAMED
from fer_spark.settings import flag

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_WRITTEN = ("output", "checkpoint", "metrics_file")


def places(settings: Iterable[DataclassInstance]) -> list[tuple[str, str]]:
    """The flags that name where a job writes, each with its value; empty where the user gave none."""
    return [
        (flag(field.name), str(getattr(group, field.name)))
        for group in settings
        for field in dataclasses.fields(group)
        if field.name in _WRITTEN and not (field.name == "output" and getattr(group, "format", "") in NAMED)
    ]


def check_machine(written: Iterable[tuple[str, str]], conf: Sequence[str], spark: bool) -> None:
    """Raise MachineError for what is known to fail before anything is loaded: no Java, or no right to write there.

    conf   the user's Spark settings: a path may be another file system's, by one of them
    spark  whether the command begins with a Spark session
    """
    check_system()
    if not any("fs.defaultFS" in item for item in conf):
        for name, value in written:
            check_place(value, name)
    if spark and not _spark_runs():
        from fer_spark.spark.java import check_java

        check_java()


def jvm_errors() -> tuple[type[Exception], ...]:
    """What Spark raises, where it has been loaded."""
    found: list[type[Exception]] = []
    for module, name in (("py4j.protocol", "Py4JError"), ("pyspark.errors", "PySparkException")):
        loaded: Any = sys.modules.get(module)
        if loaded is not None:
            found.append(getattr(loaded, name))
    return tuple(found)


def _spark_runs() -> bool:
    """Whether a JVM is there already: that of spark-submit, or of a session in this process."""
    loaded: Any = sys.modules.get("pyspark")
    return "PYSPARK_GATEWAY_PORT" in os.environ or (loaded is not None and loaded.SparkContext._gateway is not None)
