"""The only SparkSession builder: image-workload settings wherever the user has not chosen otherwise."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fer_spark.spark import daemon
from fer_spark.spark.connect import need_classic, need_classic_settings
from fer_spark.spark.launch import executor_options, start_jvm

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STATIC_SETTINGS: dict[str, str] = {
    # a worker that dies is tried again in local mode too (plain local[N] gives up at the first death)
    "spark.master": "local[*,4]",
    "spark.executorEnv.LC_ALL": "C.UTF-8",  # else the JVM cannot open file names outside ASCII
    "spark.executorEnv.OMP_NUM_THREADS": "1",
    "spark.executorEnv.OPENBLAS_NUM_THREADS": "1",  # its threads stall those of the worker beside it
    "spark.python.worker.reuse": "true",
    "spark.python.worker.faulthandler.enabled": "true",
    "spark.log.level": "ERROR",
    # else each column expression asks the JVM five times as often, to name the line of ours that made it
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "1",  # v2 can mix output of two attempts
}
SQL_SETTINGS: dict[str, str] = {
    # a file is charged its length and what finding a face costs whatever its length is, so that tasks take as long as
    # each other and hold hundreds of pictures; and no task reads less: a small table is not cut into tasks that cost
    # more than its rows
    "spark.sql.files.openCostInBytes": "64k",
    "spark.sql.files.maxPartitionBytes": "128m",  # a task costs a tenth of a second of its own
    # Arrow batches bounded by bytes, not only by rows
    "spark.sql.execution.arrow.maxRecordsPerBatch": "256",
    "spark.sql.execution.arrow.maxBytesPerBatch": "16m",
    "spark.sql.execution.pyspark.udf.faulthandler.enabled": "true",
    # a decoder that hangs for this long is killed, and its task tried again
    "spark.sql.execution.pyspark.udf.idleTimeoutSeconds": "900",
    "spark.sql.execution.pyspark.udf.killOnIdleTimeout": "true",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.session.timeZone": "UTC",
}
_ALWAYS = ("pandas",)
"""pyarrow loads it at the first list that becomes an array."""
_TASKS_PER_CORE = 4
_ROWS_PER_TASK = 50_000
_REPLAN_FROM_ROWS = 1_000_000


def get_session(app_name: str, conf: Iterable[str] = (), master: str = "", preload: Sequence[str] = ()) -> SparkSession:
    """The running session, or a new one.

    preload  modules that its Python workers will need; those of a new local session are forked with them loaded

    What spark-submit, spark-defaults.conf or `conf` (`key=value` each) say wins over STATIC_SETTINGS and SQL_SETTINGS.
    Raises ValueError for a `conf` entry without `=`, MachineError where there is no Java that Spark can run on,
    ClassicSessionError where the session is, or would be, one of Spark Connect: `app_name` says whose.
    """
    from pyspark import SparkConf
    from pyspark.sql import SparkSession

    from fer_spark.spark.names import remember_names

    requested, job = wishes(conf, master), app_name.removeprefix("fer-spark ")
    active = SparkSession.getActiveSession()
    if active is None:
        need_classic_settings(requested, job)
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        starts_jvm = "PYSPARK_GATEWAY_PORT" not in os.environ
        start_jvm(requested)
        merged = SparkConf()
        for key, value in requested.items():
            merged.set(key, value)
        for key, value in {**STATIC_SETTINGS, **SQL_SETTINGS}.items():
            merged.setIfMissing(key, value)
        where = str(merged.get("spark.master"))
        if where.startswith("local"):
            merged.setIfMissing("spark.ui.enabled", "false")  # a server that takes half a second to start
        elif options := executor_options():
            merged.setIfMissing("spark.executor.defaultJavaOptions", options)
        in_one_process = where.partition("[")[0] == "local"
        if in_one_process:  # a task whose blocks HDFS has elsewhere waits for a worker there, and nothing ends the wait
            merged.setIfMissing("spark.locality.wait", "0s")
        if preload and starts_jvm and in_one_process:  # elsewhere --py-files may bring the package
            merged.setIfMissing("spark.python.daemon.module", daemon.__name__)
            merged.setIfMissing(f"spark.executorEnv.{daemon.MODULES}", ",".join([*_ALWAYS, *preload]))
        active = SparkSession.builder.appName(app_name).config(conf=merged).getOrCreate()
    need_classic(active, job)
    remember_names(active)
    cores = active.sparkContext.defaultParallelism
    if active.conf.get("spark.sql.files.minPartitionNum", None) is None:
        active.conf.set("spark.sql.files.minPartitionNum", str(_TASKS_PER_CORE * cores))
    if "spark.sql.shuffle.partitions" not in dict(active.sparkContext.getConf().getAll()):
        active.conf.set("spark.sql.shuffle.partitions", str(max(_TASKS_PER_CORE * cores, 8)))
    return active


@contextmanager
def sized_for(spark: SparkSession, rows: int) -> Iterator[int]:
    """Shuffle in as few partitions as `rows` small rows need; yields that number.

    Thousands of rows in Spark's usual partitions cost more in tasks and replanning than in work.
    """
    usual = {key: spark.conf.get(key) for key in ("spark.sql.shuffle.partitions", "spark.sql.adaptive.enabled")}
    partitions = min(-(-rows // _ROWS_PER_TASK) or 1, int(str(usual["spark.sql.shuffle.partitions"])))
    spark.conf.set("spark.sql.shuffle.partitions", str(partitions))
    spark.conf.set("spark.sql.adaptive.enabled", str(rows > _REPLAN_FROM_ROWS).lower())
    try:
        yield partitions
    finally:
        for key, value in usual.items():
            spark.conf.set(key, str(value))


def wishes(conf: Iterable[str], master: str) -> dict[str, str]:
    """Spark settings of the user's: `conf` as `key=value` each, and the master. Raises ValueError."""
    return dict(_parse(item) for item in conf) | ({"spark.master": master} if master else {})


def _parse(item: str) -> tuple[str, str]:
    key, found, value = item.partition("=")
    if not found or not key.startswith("spark."):
        raise ValueError(f"--conf {item!r}: expected spark.some.key=value")
    return key, value
