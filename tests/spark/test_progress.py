"""Steps of a job give their names to the jobs that Spark runs in them, as its pages and its history show them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pyspark.sql import SparkSession

from fer_spark.spark import progress
from fer_spark.spark.progress import JobProgress


def described(spark: SparkSession) -> list[str | None]:
    """What Spark keeps of its jobs, oldest first."""
    jobs: Any = spark._jsc.sc().statusStore().jobsList(None)  # type: ignore[union-attr]
    found = {jobs.apply(i).jobId(): jobs.apply(i).description() for i in range(jobs.size())}
    return [found[number].get() if found[number].isDefined() else None for number in sorted(found)]


def test_jobs_are_named_by_their_step_and_by_none_after_it(spark: SparkSession) -> None:
    shown = JobProgress(spark.sparkContext)
    frame = spark.range(3)
    with shown.step("preparing faces"):
        frame.collect()
        with shown.step("counting"):
            frame.collect()
        frame.collect()
    with pytest.raises(KeyError), shown.step("breaking off"):
        raise KeyError
    frame.collect()
    *_, first, inner, third, after = described(spark)
    assert (first, inner, third) == ("preparing faces", "counting", "preparing faces")
    assert after not in ("preparing faces", "counting", "breaking off")


def test_a_line_counts_tasks_only_where_there_are_some(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_LOG_EVERY_S", 0.05)
    for done, total, words in ((0, 0, "s so far"), (0, 4, "0/4 tasks after"), (1, 4, "1/4 tasks after")):
        shown = JobProgress(spark.sparkContext)
        monkeypatch.setattr(shown, "_tasks", lambda found=(done, total): found)
        with shown.step("listing"):
            time.sleep(0.3)
        lines = capsys.readouterr().err.splitlines()
        assert any(line.startswith("listing: ") and words in line for line in lines), lines
        assert not [line for line in lines if "0/0" in line]
