"""Python workers, started before a job needs them."""

from __future__ import annotations

import atexit
import importlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

_MOST_TASKS = 1_000
_STARTED: set[tuple[str, ...]] = set()
"""Applications, each with modules for which a worker was started."""


def start_workers(spark: SparkSession, modules: Sequence[str]) -> Thread:
    """Have workers load `modules` while the driver does something else; the thread ends when they have.

    In local mode that is one worker, whose parent forks the others with them loaded; on a cluster as many as the cores
    that have joined by then. Once in an application is enough: then there is nothing to wait for.
    """
    from pyspark import InheritableThread

    def load(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for name in modules:
            importlib.import_module(name)
        yield from batches

    def run() -> None:
        with suppress(Exception):  # whatever it was, the job itself will meet it
            spark.range(0, tasks, 1, tasks).mapInArrow(load, "id long").collect()

    context = spark.sparkContext
    tasks = 1 if str(context.master).startswith("local") else min(context.defaultParallelism, _MOST_TASKS)
    key = (str(context.applicationId), *modules)
    needed = key not in _STARTED
    _STARTED.add(key)
    thread = InheritableThread(target=run, daemon=True) if needed else Thread()
    thread.start()
    if needed:
        atexit.register(_end_without_a_word, context, thread)
    return thread


def _end_without_a_word(context: SparkContext, thread: Thread) -> None:
    """Of a job that ends while its workers are starting, Spark would log in many lines that they were stopped."""
    if thread.is_alive():
        with suppress(Exception):  # the JVM may be gone already
            context.setLogLevel("OFF")
