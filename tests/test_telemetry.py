"""--metrics-file, as Prometheus' own parser reads it: every picture once, and what a person sees at the job's end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

import fer_spark
from fer_spark import telemetry
from fer_spark.pipelines.explain.summary import job_figures
from fer_spark.telemetry import JobFigures, MetricsSettings
from tests.pipelines.build.builds import build
from tests.pipelines.evaluate.evaluations import TRAIN, VAL, write_bundle, write_shards
from tests.pipelines.score.worlds import BRIGHT, DARK, NAMES, lake, score

Figures = dict[tuple[str, str], float]


def read(path: Path) -> Figures:
    """Figures by metric and the value of its label other than `job`, which must be the same in all."""
    parser = pytest.importorskip("prometheus_client.parser", reason="the extra `metrics` is not installed")
    found: Figures = {}
    jobs = set()
    for family in parser.text_string_to_metric_families(path.read_text(encoding="utf-8")):
        assert family.type == "gauge"
        assert family.documentation.endswith(".")
        for sample in family.samples:
            labels: dict[str, Any] = dict(sample.labels)
            jobs.add(labels.pop("job"))
            found[sample.name.removeprefix("fer_spark_"), "".join(labels.values())] = sample.value
    assert len(jobs) == 1
    return found


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = lake(tmp_path_factory.mktemp("lake"), {"happy/a.png": DARK, "sad/b.png": BRIGHT})
    (folder / "sad" / "c.png").write_bytes(b"no picture")
    (folder / "sad" / "d.png").write_bytes(b"")
    return folder


@pytest.mark.job
def test_counts_and_durations_of_a_build(spark: SparkSession, pictures: Path, tmp_path: Path) -> None:
    pytest.importorskip("prometheus_client", reason="the extra `metrics` is not installed")
    flags = {"source": "folder", "input": pictures, "size": "8:gray", "detector": "none", "split": "none"}
    target = tmp_path / "new" / "build.prom"
    assert build(tmp_path / "shards", **flags, metrics_file=target) == 0
    found = read(target)
    expected = {"written": 2, "already_there": 0, "unreadable": 1, "empty": 1}
    assert {name: count for (kind, name), count in found.items() if kind == "pictures"} == expected
    assert (found["pictures_decoded", ""], found["pictures_bad", ""]) == (2, 2)
    assert (found["faces", "written"], found["published", ""]) == (2, 1)
    assert 0 < found["seconds", "preparing"] < found["seconds", "total"]
    assert found["finished_time_seconds", ""] > 1.7e9
    assert found["info", fer_spark.__version__] == 1
    assert [path.name for path in target.parent.iterdir()] == ["build.prom"]
    before = target.read_text()
    assert build(tmp_path / "no", **flags | {"input": tmp_path / "nowhere"}, metrics_file=target) != 0
    assert target.read_text() == before, "a job that fails leaves the figures of the last that finished"


@pytest.mark.job
def test_counts_of_a_scoring_and_of_explanations(spark: SparkSession, pictures: Path, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path, NAMES, views="single")
    for name, code, published in (("scores", 0, 1), ("refused", 3, 0)):
        limit = ["--max-bad-fraction", "0.1"] if code else []
        target = tmp_path / f"{name}.prom"
        words = ["--detector", "none", "--metrics-file", str(target), *limit]
        assert score(bundle, pictures, tmp_path / name, *words) == code
        found = read(target)
        assert sum(count for (kind, _), count in found.items() if kind == "pictures") == 4
        assert (found["pictures", "scored"], found["pictures_bad", ""], found["faces", "scored"]) == (2, 2, 2)
        assert found["published", ""] == published
    shards = write_shards(tmp_path / "shards", {"train": TRAIN, "val": VAL}, NAMES)
    quick = {"samples": 20, "segment_count": 4, "hide": "black", "views": "single"}
    for _ in range(2):  # the second time it is there already
        target = tmp_path / "explain.prom"
        target.unlink(missing_ok=True)
        fer_spark.explain(spark, shards, tmp_path / "why", bundle=bundle, limit=2, metrics_file=target, **quick)
        found = read(target)
        assert found["faces", "explained"] + found["faces", "not_explained"] == 2


def test_explanations_are_counted_by_how_they_went() -> None:
    content = {"faces": 9, "explained": 5, "per_status": {"ok": 7, "unreadable": 2}, "run": {"total_s": 1.5}}
    found = job_figures(content)
    assert found.faces == {"explained": 5, "not_explained": 2, "unreadable": 2}
    assert (found.job, found.seconds, found.published) == ("explain", {"total": 1.5}, True)


def test_figures_with_odd_names_are_read_back(tmp_path: Path) -> None:
    pytest.importorskip("prometheus_client", reason="the extra `metrics` is not installed")
    odd = 'a "quoted" \\ name\nof two lines'
    JobFigures("score", {odd: 3, "no_face": 2, "scored": 5, "unchanged": 7}, {}, 2, {}).write(str(tmp_path / "m.prom"))
    found = read(tmp_path / "m.prom")
    assert found["pictures", odd] == 3
    assert found["pictures_decoded", ""] == 7


def test_a_missing_library_and_a_place_elsewhere_are_refused_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "find_spec", lambda name: None)
    MetricsSettings().check()
    with pytest.raises(ValueError, match=r"--metrics-file needs pip install 'fer-spark\[metrics\]'"):
        MetricsSettings("m.prom").check()
    monkeypatch.setattr(telemetry, "find_spec", lambda name: name)
    with pytest.raises(ValueError, match=r"s3a://lake/m\.prom, expected a local file"):
        MetricsSettings("s3a://lake/m.prom").check()
