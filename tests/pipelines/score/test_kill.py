"""Drivers killed with SIGKILL at any moment, and two at once: in the end the table has each face once."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.pipelines import processes
from tests.pipelines.evaluate.evaluations import write_bundle
from tests.pipelines.score.worlds import NAMES, every_score, picture, score, scores, summary

pytestmark = [pytest.mark.kill, pytest.mark.timeout(1800)]
COUNT = 180
KILLS = {"ledger": 6, "stream": 3}
KILL_WITHIN_S = 1.5
"""Less than two chunks of 15 pictures take even where they take a quarter of what they do on two cores: each run that
dies must leave some to the next."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"), NAMES, views="single")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each of its own bytes."""
    root = tmp_path_factory.mktemp("lake")
    for i in range(COUNT):
        picture(root / f"{i % 7}" / f"{i:04d}.png", i, right=255 - i // 2)
    return root


def start(
    bundle: Path, pictures: Path, root: Path, master: str = "local[2,4]", trigger: str = "ledger", chunk: int = 15
) -> subprocess.Popen[str]:
    words = ["--bundle", bundle, "--source", "images", "--input", pictures, "--output", root / "scores"]
    words += ["--incremental", "--checkpoint", root / "ledger", "--chunk-images", chunk, "--master", master]
    words += ["--trigger", trigger]
    conf = ["spark.sql.shuffle.partitions=2", f"spark.executorEnv.PYTHONPATH={processes.ROOT}"]
    return processes.start(["score", *words], conf)


def each_face_once(root: Path) -> None:
    rows = every_score(root / "scores")
    assert len(rows) == len({row["source_path"] for row in rows}) == COUNT
    assert {row["status"] for row in rows} == {"ok"}
    assert scores(root / "scores") == sorted(rows, key=lambda row: row["source_path"])


def _commits(root: Path) -> int:
    """Entries that count pictures: a fence is none."""
    entries = (root / "ledger" / "batches").glob("*.json")
    return sum('"seen": ""' not in path.read_text(encoding="utf-8") for path in entries)


@pytest.mark.parametrize("trigger", KILLS)
def test_a_driver_killed_again_and_again_leaves_each_face_once(
    bundle: Path, pictures: Path, tmp_path: Path, trigger: str
) -> None:
    """Above a minute: seven runs of a process by ledger, four by stream; every one but the last dies.

    Each third dies soon after it began its first chunk, the others soon after their first commit, at a moment drawn.
    """
    moments = random.Random(3)
    for number in range(KILLS[trigger]):
        process = start(bundle, pictures, tmp_path, trigger=trigger)
        begun = _commits(tmp_path)
        deadline = time.monotonic() + 300
        while process.poll() is None and time.monotonic() < deadline:
            if _commits(tmp_path) > begun or (number % 3 == 0 and list(tmp_path.glob("scores/_staging/*"))):
                break
            time.sleep(0.05)
        time.sleep(moments.uniform(0, KILL_WITHIN_S))
        assert process.poll() is None, f"run {number + 1} ended before it was killed: {process.communicate()[0]}"
        processes.kill(process)
    process = start(bundle, pictures, tmp_path, trigger=trigger)
    out, _ = process.communicate(timeout=900)
    assert process.returncode == 0, out
    each_face_once(tmp_path)


def test_two_submissions_at_once_score_each_face_once(bundle: Path, pictures: Path, tmp_path: Path) -> None:
    """Above a minute: two processes at the same moment, on two cores."""
    both = [start(bundle, pictures, tmp_path, chunk=30) for _ in range(2)]
    outs = [process.communicate(timeout=900)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outs
    each_face_once(tmp_path)
    assert sum("another run holds the lease" in out or "Nothing new" in out for out in outs) == 1


def test_a_cluster_of_processes_gives_the_same(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path
) -> None:
    """Above a minute: a driver with two executors, each of which loads the model."""
    process = start(bundle, pictures, tmp_path / "cluster", "local-cluster[2,1,1024]", chunk=100)
    out, _ = process.communicate(timeout=900)
    assert process.returncode == 0, out
    nightly = ["--incremental", "--checkpoint", str(tmp_path / "one" / "ledger"), "--chunk-images", "100"]
    assert score(bundle, pictures, tmp_path / "one" / "scores", *nightly) == 0
    for name in ("one", "cluster"):
        each_face_once(tmp_path / name)
    one, cluster = (scores(tmp_path / name / "scores") for name in ("one", "cluster"))
    for ours, theirs in zip(one, cluster, strict=True):
        assert ours.pop("batch")
        assert theirs.pop("batch")
        assert [s for _, s in ours.pop("probabilities")] == pytest.approx(
            [s for _, s in theirs.pop("probabilities")], abs=1e-5
        )
        for name in ("confidence", "margin"):
            assert ours.pop(name) == pytest.approx(theirs.pop(name), abs=1e-5)
        assert ours == theirs
    assert summary(tmp_path / "one" / "scores")["labels"] == summary(tmp_path / "cluster" / "scores")["labels"]
