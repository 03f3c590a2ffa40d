"""Seconds of preparing are those of the Spark jobs that prepare, and of no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.places.stage import prepared


def event(kind: str, job: int, at_ms: int, **more: Any) -> dict[str, Any]:
    time = "Submission Time" if kind == "JobStart" else "Completion Time"
    return {"Event": f"SparkListener{kind}", "Job ID": job, time: at_ms, **more}


def named(description: str) -> dict[str, Any]:
    return {"Properties": {"spark.job.description": description}}


def test_only_jobs_that_prepare_count_whatever_else_runs_meanwhile(tmp_path: Path) -> None:
    events = [
        {"Event": "SparkListenerLogStart"},
        event("JobStart", 0, 1_000, **named("listing the input")),
        event("JobStart", 1, 1_500, **named("preparing faces, chunk 1 of 2")),
        event("JobEnd", 0, 2_000),
        event("JobEnd", 1, 4_250),
        event("JobStart", 2, 5_000, **named("preparing faces, chunk 2 of 2")),
        event("JobEnd", 2, 5_500),
        event("JobStart", 3, 6_000, Properties={}),
        event("JobEnd", 3, 9_000),
    ]
    (tmp_path / "app-1").write_text("".join(json.dumps(line) + "\n" for line in events))
    (tmp_path / ".app-1.crc").write_text("Hadoop's")
    assert prepared(tmp_path) == [(1.5, 4.25), (5.0, 5.5)]


def test_a_log_without_such_a_job_and_two_logs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "app-1").write_text(json.dumps(event("JobStart", 0, 1, **named("listing the input"))) + "\n")
    with pytest.raises(ValueError, match="no job is named 'preparing faces'"):
        prepared(tmp_path)
    (tmp_path / "app-2").write_text("")
    with pytest.raises(ValueError, match="expected one event log, found 2"):
        prepared(tmp_path)
