"""Training in several processes on Spark's executors."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class ProcessError(RuntimeError):
    """One of the processes failed, and with it all of them."""


class RefusedError(ValueError):
    """One of the processes refused what it was to do; the message is its own."""


def distribute(
    spark: SparkSession,
    program: Callable[[list[str]], int],
    arguments: list[str],
    processes: int,
    use_gpu: bool,
    refusal: str = "",
) -> int:
    """Run `program(arguments)` in `processes` processes that know one another through torch.distributed; returns what
    it returns in the first.

    They are Spark tasks of one barrier stage (TorchDistributor), or processes of this machine under a local master. The
    package is installed where the tasks run, or comes as --py-files; what they write must be reachable from all of
    them. GPUs are used where Spark hands them out. `program` is a function of a module, and ends its process where it
    fails. (A file as program, which TorchDistributor takes too, may fail unnoticed: Spark 4 drops its exit code.)
    Raises ProcessError when a process fails; its output has been printed by then. RefusedError where that output has a
    line that begins with `refusal`, as programs begin what they say of wrong usage.
    """
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]
    from pyspark.errors import PySparkException
    from pyspark.ml.torch.distributor import TorchDistributor

    master = spark.sparkContext.master or ""
    local = master.startswith("local") and not master.startswith("local-cluster")
    files = [Path(name).name for name in str(spark.conf.get("spark.submit.pyFiles", "")).split(",") if name]
    gpus = use_gpu and spark.conf.get("spark.task.resource.gpu.amount", None) is not None
    distributor = TorchDistributor(num_processes=processes, local_mode=local, use_gpu=gpus)
    try:
        returned = distributor.run(_found_there(program, files), arguments)
    except (RuntimeError, PySparkException, Py4JError) as error:
        if refusal and (reason := re.search(rf"{re.escape(refusal)}(.+)", str(error))):
            raise RefusedError(reason[1].strip()) from error
        raise ProcessError(f"one of the {processes} processes on {master} failed; its output is above") from error
    if not isinstance(returned, int):
        raise ProcessError(f"the first of the {processes} processes on {master} returned no exit code: {returned!r}")
    return returned


def _found_there(program: Callable[[list[str]], int], files: list[str]) -> Callable[[list[str]], int]:
    """A function that finds `program` by its name where it is called. `files`: names of --py-files.

    A Spark task finds them in the folder that it runs in, but not the processes that TorchDistributor starts there.
    What is returned is sent as code, for a module that those cannot find yet could not be named.
    """
    module, name = program.__module__, program.__name__

    def run(arguments: list[str]) -> int:
        import importlib
        import os
        import sys

        sys.path[:0] = [os.path.abspath(file) for file in files if os.path.exists(file)]
        found: int = getattr(importlib.import_module(module), name)(arguments)
        return found

    return run
