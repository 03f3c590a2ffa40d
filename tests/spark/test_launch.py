"""How JVMs are started: what is for short jobs alone."""

from __future__ import annotations

import pytest

from fer_spark.spark import launch


@pytest.mark.parametrize("quick", [True, False])
def test_executors_compile_lightly_for_a_short_job_alone(monkeypatch: pytest.MonkeyPatch, quick: bool) -> None:
    monkeypatch.setattr(launch, "_running", lambda: True)
    monkeypatch.setattr(launch, "_quick", [not quick])
    launch.start_ahead({"spark.master": "spark://host:7077"}, quick)
    assert launch.executor_options() == ("-XX:TieredStopAtLevel=1" if quick else "")
