"""Parent of a local session's Python workers: it loads their modules once, before it forks them.

Spark runs it as `python -m fer_spark.spark.daemon pyspark.worker` (`spark.python.daemon.module`).
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from contextlib import redirect_stdout, suppress

MODULES = "FER_SPARK_PRELOAD"
"""The environment variable with the modules' names, comma-separated."""


def main() -> None:
    for name in filter(None, os.environ.get(MODULES, "").split(",")):
        # a worker that needs it meets the same error, and Spark reports that; what it prints is not for Spark to read
        with suppress(Exception), redirect_stdout(sys.stderr):
            importlib.import_module(name)
    runpy.run_module("pyspark.daemon", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
