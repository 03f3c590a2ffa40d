"""What a finished job came to, as a text file for Prometheus: node_exporter's textfile collector, or a push gateway.

Counts are those of what was committed, each picture once. Spark's accumulators would count tasks that ran twice, twice.
A job that fails writes nothing: fer_spark_finished_time_seconds grows old, which is what an alert looks at.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from fer_spark import __version__
from fer_spark.artifacts import replace_file
from fer_spark.settings import option, require_local

DECODED = frozenset({"written", "scored", "no_face", "over_class_limit", "duplicate_leak"})
"""What became of pictures that were decoded; what is known by its bytes, its annotation or its head alone is not."""


@dataclass(frozen=True)
class MetricsSettings:
    """Where a job's figures go, besides its summary."""

    metrics_file: str = option(
        "",
        "also write counts and durations to this local file, as Prometheus reads them, when the job has finished",
        metavar="FILE",
        path=True,
        changes_result=False,
    )

    def check(self) -> None:
        """Raise ValueError where the library is missing, or the place is not on this machine."""
        if self.metrics_file and find_spec("prometheus_client") is None:
            raise ValueError("--metrics-file needs pip install 'fer-spark[metrics]'")
        require_local(self, "metrics_file")


@dataclass(frozen=True)
class JobFigures:
    """One run of a job.

    pictures   how many, by what became of them; the sum is all that came in
    faces      how many, by what was done with them
    bad        pictures that count against --max-bad-fraction
    seconds    by part of the job; `total` is all of it
    published  whether readers see the run's output
    """

    job: str
    pictures: Mapping[str, int]
    faces: Mapping[str, int]
    bad: int
    seconds: Mapping[str, float]
    published: bool = True
    finished_s: float = field(default_factory=time.time)

    @property
    def decoded(self) -> int:
        """Pictures that this run made pixels of."""
        return sum(count for name, count in self.pictures.items() if name in DECODED)

    def write(self, target: str) -> None:
        """The text file, whole or not at all; nothing where `target` is empty."""
        if target:
            path = Path(target).absolute()
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, self.text())

    def text(self) -> str:
        """Gauges of the last run, in Prometheus' text format, version 0.0.4."""
        from prometheus_client import CollectorRegistry, Gauge, generate_latest

        registry = CollectorRegistry()
        tables = (
            ("pictures", "Pictures of the last run, by what became of them.", "outcome", self.pictures),
            ("faces", "Faces of the last run, by what was done with them.", "outcome", self.faces),
            ("seconds", "Duration of the last run, by part.", "part", self.seconds),
            ("info", "Release that the last run was of.", "version", {__version__: 1}),
        )
        for name, about, label, values in tables:
            gauge = Gauge(f"fer_spark_{name}", about, ["job", label], registry=registry)
            for value, count in values.items():
                gauge.labels(self.job, value).set(count)
        single = (
            ("pictures_decoded", "Pictures of which the last run made pixels.", self.decoded),
            ("pictures_bad", "Pictures that count against --max-bad-fraction.", self.bad),
            ("published", "1 where the last run published its output.", self.published),
            ("finished_time_seconds", "When the last run finished, in seconds of the epoch.", self.finished_s),
        )
        for name, about, number in single:
            Gauge(f"fer_spark_{name}", about, ["job"], registry=registry).labels(self.job).set(number)
        return str(generate_latest(registry).decode("utf-8"))
