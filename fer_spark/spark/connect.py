"""Spark Connect: which sessions speak it, which jobs need a classic one, and how a file reaches the workers of both."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_spark.machine import MachineError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_WHY = (
    "needs a classic Spark session: it lists and commits files through the driver's JVM, which Spark Connect keeps out"
)
_INSTEAD = (
    "Run it on the cluster itself: spark-submit jobs/{program}.py, or `fer-spark {job}` with --master (on Databricks: "
    "a job on dedicated compute). A Connect session has fer_spark.udf: predict_udf, explain_udf, register"
)
_SCHEME = "sc:"
_SHIPPED: set[tuple[str, str]] = set()
"""Connect sessions, by their id, and the names of the files that were sent to each."""


class ClassicSessionError(MachineError, ValueError):
    """A job that a Spark Connect session cannot do; the message says what it needs, and what to do instead."""


def is_connect(spark: object) -> bool:
    """Whether a session speaks Spark Connect, without a JVM in this process; loads nothing."""
    loaded: Any = sys.modules.get("pyspark.sql.connect.session")
    return loaded is not None and isinstance(spark, loaded.SparkSession)


def need_classic(spark: object, job: str) -> None:
    """Raise ClassicSessionError for a Connect session. `job`: the command's name."""
    if is_connect(spark):
        raise _error(job)


def need_classic_settings(settings: Mapping[str, str], job: str) -> None:
    """Raise ClassicSessionError where Spark's settings, or $SPARK_REMOTE, would open a Connect session."""
    remote = settings.get("spark.remote") or os.environ.get("SPARK_REMOTE") or settings.get("spark.master", "")
    if remote.startswith(_SCHEME) or settings.get("spark.api.mode") == "connect":
        raise _error(job)


def ship_file(spark: SparkSession, path: Path) -> None:
    """Have Spark bring a local file to every worker, where SparkFiles.get(path.name) finds it; once a session.

    A file's name says what is in it: of one that the session has already, nothing is sent.
    """
    if not is_connect(spark):
        if not any(uri.endswith(f"/{path.name}") for uri in spark.sparkContext.listFiles):
            spark.sparkContext.addFile(str(path))
        return
    session: Any = spark
    sent = (str(session.session_id), path.name)
    if sent not in _SHIPPED:
        session.addArtifacts(str(path), file=True)
        _SHIPPED.add(sent)


def _error(job: str) -> ClassicSessionError:
    return ClassicSessionError(f"{job} {_WHY}. {_INSTEAD.format(program=job.replace('-', '_'), job=job)}")
