"""Spark jobs that nobody waits for yet, beside those that somebody does."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.pool import ThreadPool
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_T = TypeVar("_T")


def aside(spark: SparkSession, work: Callable[[], _T]) -> Callable[[], _T]:
    """Begin `work` in a thread of its own, with this thread's Spark properties. What is returned waits for its result,
    or raises what it raised."""
    from pyspark import inheritable_thread_target

    threads = ThreadPool(1)  # they do not keep a process alive that has failed meanwhile
    result = threads.apply_async(inheritable_thread_target(spark)(work))
    threads.close()
    return result.get
