"""Training in several processes on Spark's executors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class ProcessError(RuntimeError):
    """One of the processes failed, and with it all of them."""


def distribute(
    spark: SparkSession, program: Callable[[list[str]], int], arguments: list[str], processes: int, use_gpu: bool
) -> int:
    """Run `program(arguments)` in `processes` processes that know one another through torch.distributed; returns what
    it returns in the first.

    They are Spark tasks of one barrier stage (TorchDistributor), or processes of this machine under a local master. The
    package must be installed where the tasks run, and what they write must be reachable from all of them. GPUs are used
    where Spark hands them out. `program` is a function of a module, and ends its process where it fails. (A file as
    program, which TorchDistributor takes too, may fail unnoticed: Spark 4 drops its exit code.) Raises ProcessError
    when a process fails; its output has been printed by then.
    """
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]
    from pyspark.errors import PySparkException
    from pyspark.ml.torch.distributor import TorchDistributor

    master = spark.sparkContext.master or ""
    local = master.startswith("local") and not master.startswith("local-cluster")
    gpus = use_gpu and spark.conf.get("spark.task.resource.gpu.amount", None) is not None
    try:
        returned = TorchDistributor(num_processes=processes, local_mode=local, use_gpu=gpus).run(program, arguments)
    except (RuntimeError, PySparkException, Py4JError) as error:
        raise ProcessError(f"one of the {processes} processes on {master} failed; its output is above") from error
    if not isinstance(returned, int):
        raise ProcessError(f"the first of the {processes} processes on {master} returned no exit code: {returned!r}")
    return returned
