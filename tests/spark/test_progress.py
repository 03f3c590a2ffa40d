"""Steps of a job give their names to the jobs that Spark runs in them, as its pages and its history show them."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from fer_spark.spark.progress import JobProgress


def described(spark: SparkSession) -> list[str | None]:
    """What Spark keeps of its jobs, oldest first."""
    jobs: Any = spark._jsc.sc().statusStore().jobsList(None)  # type: ignore[union-attr]
    found = {jobs.apply(i).jobId(): jobs.apply(i).description() for i in range(jobs.size())}
    return [found[number].get() if found[number].isDefined() else None for number in sorted(found)]


def test_jobs_are_named_by_their_step_and_by_none_after_it(spark: SparkSession) -> None:
    progress = JobProgress(spark.sparkContext)
    frame = spark.range(3)
    with progress.step("preparing faces"):
        frame.collect()
        with progress.step("counting"):
            frame.collect()
        frame.collect()
    with pytest.raises(KeyError), progress.step("breaking off"):
        raise KeyError
    frame.collect()
    *_, first, inner, third, after = described(spark)
    assert (first, inner, third) == ("preparing faces", "counting", "preparing faces")
    assert after not in ("preparing faces", "counting", "breaking off")
