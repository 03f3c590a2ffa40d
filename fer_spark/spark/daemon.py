"""Parent of a local session's Python workers: it loads their modules once, before it forks them.

Spark runs it as `python -m fer_spark.spark.daemon pyspark.worker` (`spark.python.daemon.module`).
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from typing import Any

MODULES = "FER_SPARK_PRELOAD"
"""The environment variable with the modules' names, comma-separated."""


def main() -> None:
    for name in filter(None, os.environ.get(MODULES, "").split(",")):
        # a worker that needs it meets the same error, and Spark reports that; what it prints is not for Spark to read
        with suppress(Exception), redirect_stdout(sys.stderr):
            importlib.import_module(name)
    traceback.print_exc = unless_nobody_listens(traceback.print_exc)
    runpy.run_module("pyspark.daemon", run_name="__main__", alter_sys=True)


def unless_nobody_listens(print_exc: Callable[..., None]) -> Callable[..., None]:
    """For Spark's daemon, which prints what ends a worker: not that the JVM has closed its end, as it does when a job
    fails, and says itself why."""

    def printed(*args: Any, **options: Any) -> None:
        if not isinstance(sys.exception(), (BrokenPipeError, ConnectionResetError)):
            print_exc(*args, **options)

    return printed


if __name__ == "__main__":
    main()
