"""Addresses as Spark's JVM opens them, and what to say of those that it cannot."""

from __future__ import annotations

from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException

from fer_spark.machine import MachineError, store_fault
from fer_spark.spark.stores import await_answer

JVM_ERRORS = (Py4JJavaError, PySparkException)
"""How Python is told of an error in the JVM: some classes of it have one of PySpark's own."""


class PlaceError(MachineError):
    """An address that is none, or that Spark here cannot open; the message names it."""


def open_place(jvm: Any, conf: Any, text: str) -> tuple[Any, Any]:
    """Hadoop's file system of an address, and its path there, by Hadoop's settings `conf`.

    Raises PlaceError; ConnectionError where a store does not answer.
    """
    await_answer(text, conf)
    try:
        path = jvm.org.apache.hadoop.fs.Path(text)
        system = without_checksums(path.getFileSystem(conf))
        return system, system.makeQualified(path)
    except JVM_ERRORS as error:
        raise PlaceError(f"{text!r} cannot be opened: {reason_of(error)}") from error


def without_checksums(system: Any) -> Any:
    """Of this machine's files, which Hadoop would read and write with a `.crc` beside each: one of a small JSON file
    makes it impossible to edit, and names with a colon have none."""
    if system.getUri().getScheme() == "file":
        system.setWriteChecksum(False)
        system.setVerifyChecksum(False)
    return system


def reason_of(error: Exception) -> str:
    """Why the JVM cannot open an address, in one line, with the next step where there is one."""
    return store_fault(str(error)) or first_line(error) or "Spark cannot list what lies at such an address"


def first_line(error: Exception) -> str:
    """What an error says, without the JVM's stack."""
    cause = error.java_exception if isinstance(error, Py4JJavaError) else error
    return str(cause).strip().split("\n")[0][:300]
