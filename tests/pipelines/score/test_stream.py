"""`--trigger stream`: Spark's own checkpoint finds what is new, and the ledger makes each face count once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from fer_spark.scoring.ledger import Ledger
from tests.pipelines.evaluate.evaluations import write_bundle
from tests.pipelines.score.worlds import (
    BRIGHT,
    DARK,
    LONG_AGO,
    MIDDLE,
    NAMES,
    every_score,
    lake,
    picture,
    score,
    summary,
)

GRAYS = {"a.png": DARK, "b.png": MIDDLE, "c/d.png": BRIGHT, "c/e.png": 60, "f f+%.png": 90}
pytestmark = pytest.mark.job


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"), NAMES, views="single")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    root = lake(tmp_path / "lake", GRAYS)
    (root / "notes.txt").write_text("no picture, and none is looked for in it", encoding="utf-8")
    return root


def words(tmp_path: Path) -> tuple[str, ...]:
    return ("--incremental", "--trigger", "stream", "--checkpoint", str(tmp_path / "ledger"), "--chunk-images", "2")


def night(bundle: Path, source: Path, tmp_path: Path) -> dict[str, Any]:
    assert score(bundle, source, tmp_path / "scores", *words(tmp_path)) == 0
    return summary(tmp_path / "scores")


def paths(tmp_path: Path) -> list[str]:
    """Of every row that lies there, listed by the summary or not."""
    return sorted(row["source_path"] for row in every_score(tmp_path / "scores") if row["status"] == "ok")


def test_new_files_are_scored_once_whatever_their_age_and_whatever_is_replayed(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path
) -> None:
    """Above a minute on a busy machine: four nights, each a stream that starts from its checkpoint."""
    first = night(bundle, pictures, tmp_path)
    assert first["scored_pictures"] == 5
    assert paths(tmp_path) == sorted(GRAYS)
    assert len(first["files"]) >= 3  # chunks of two
    second = night(bundle, pictures, tmp_path)
    assert (second["scored_pictures"], second["unchanged"]) == (0, second["pictures"])

    picture(pictures / "old.png", 200, age_s=LONG_AGO - 10**8)
    picture(pictures / "copy.png", BRIGHT)
    third = night(bundle, pictures, tmp_path)
    assert (third["scored_pictures"], third["not_scored"]) == (1, {"already_known": 1})

    shutil.rmtree(tmp_path / "ledger" / "stream")  # Spark knows nothing of earlier nights: every file comes again
    assert night(bundle, pictures, tmp_path)["scored_pictures"] == 0
    assert paths(tmp_path) == sorted([*GRAYS, "old.png"])

    other = write_bundle(tmp_path / "other", NAMES, views="single", temperature=2.0)
    assert night(other, pictures, tmp_path)["scored_pictures"] == 6
    scored = [
        (row["model_digest"], row["image_id"]) for row in every_score(tmp_path / "scores") if row["status"] == "ok"
    ]
    assert len(scored) == len(set(scored)) == 12  # which of two equal files is scored depends on their chunks


def test_a_chunk_that_fails_is_told_and_scored_the_next_time(
    spark: SparkSession,
    bundle: Path,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real, calls = Ledger.commit, 0

    def failing(self: Ledger, entry: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("the storage is full")
        real(self, entry)

    monkeypatch.setattr(Ledger, "commit", failing)
    assert score(bundle, pictures, tmp_path / "scores", *words(tmp_path)) == 1
    assert "the storage is full" in capsys.readouterr().err
    done = night(bundle, pictures, tmp_path)
    assert paths(tmp_path) == sorted(GRAYS)
    assert sorted(path.name for path in (tmp_path / "scores").glob("*.parquet")) == sorted(done["files"])


def test_what_is_no_folder_of_files_is_refused(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score(bundle, pictures / "a.png", tmp_path / "scores", *words(tmp_path)) == 2
    assert "must be a folder" in capsys.readouterr().err
    assert score(bundle, pictures, tmp_path / "scores", "--trigger", "stream") == 2
    assert "--incremental" in capsys.readouterr().err
