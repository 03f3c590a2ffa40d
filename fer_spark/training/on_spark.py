"""Training in several processes on Spark's executors."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class ProcessError(RuntimeError):
    """One of the processes failed, and with it all of them."""


def distribute(spark: SparkSession, module: str, arguments: list[str], processes: int, use_gpu: bool) -> None:
    """Run `module` as a program in `processes` processes that know one another through torch.distributed.

    They are Spark tasks of one barrier stage (TorchDistributor), or processes of this machine under a local master. The
    package must be installed where the tasks run, and what they write must be reachable from all of them. GPUs are used
    where Spark hands them out. Raises ProcessError when a process fails; what it said has been printed by then.
    """
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]
    from pyspark.errors import PySparkException
    from pyspark.ml.torch.distributor import TorchDistributor

    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise ValueError(f"{module} is no module that Python finds")
    master = spark.sparkContext.master or ""
    local = master.startswith("local") and not master.startswith("local-cluster")
    gpus = use_gpu and spark.conf.get("spark.task.resource.gpu.amount", None) is not None
    try:
        TorchDistributor(num_processes=processes, local_mode=local, use_gpu=gpus).run(found.origin, *arguments)
    except (RuntimeError, PySparkException, Py4JError) as error:
        raise ProcessError(f"one of the {processes} processes on {master} failed; what it said is above") from error
