"""Drivers and Python workers killed with SIGKILL at random moments: the rows are those of an undisturbed run."""

from __future__ import annotations

import contextlib
import random
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from fer_spark.sample import WriteSettings, write_folder
from tests.pipelines.build.builds import build, manifest, quarantine, shards, start
from tests.pipelines.processes import kill

pytestmark = [pytest.mark.kill, pytest.mark.timeout(1200)]
COUNT = 150
CONF = ["spark.master=local[2,4]", "spark.sql.files.minPartitionNum=8"]
FLAGS = {"source": "folder", "detector": "none", "chunk_images": 30, "size": ["48:gray", "96:rgb"]}
SEARCHING = FLAGS | {"detector": "haar"}
"""Tasks whose Python workers compute for long enough to be caught."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("drawn") / "pictures"
    write_folder(directory, COUNT, seed=11, broken_fraction=0.1, settings=WriteSettings(workers=2))
    return directory


@dataclass(frozen=True)
class Undisturbed:
    """Shards of a run that nobody killed; seconds until it began to work, and how long it worked."""

    output: Path
    start_s: float
    work_s: float

    def moment(self, share: float) -> float:
        """Seconds after its start when a run has done about this share of its work."""
        return self.start_s + share * self.work_s


@pytest.fixture(scope="module")
def undisturbed(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    output = tmp_path_factory.mktemp("undisturbed") / "shards"
    began = time.monotonic()
    process = start(output, CONF, input=pictures, **FLAGS)
    while process.poll() is None and not (output / "_staging" / "job.json").exists():
        time.sleep(0.05)
    works = time.monotonic()
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out
    return Undisturbed(output, works - began, time.monotonic() - works)


def _busy_workers(pid: int) -> list[psutil.Process]:
    """Python workers of the driver `pid` that have computed for a moment: forked from a parent of the same command.

    Any other child may be a zombie, whose command line cannot be read, for as long as the driver lives.
    """
    workers = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                words, parent = child.cmdline(), child.parent()
                forked = words[-1:] == ["pyspark.worker"] and parent is not None and parent.cmdline() == words
                if forked and child.cpu_times().user > 0.3:
                    workers.append(child)
    return workers


def _same(output: Path, undisturbed: Path) -> None:
    assert manifest(output)["checksum"] == manifest(undisturbed)["checksum"]
    assert manifest(output)["counts"] == manifest(undisturbed)["counts"]
    assert shards(output).equals(shards(undisturbed))
    assert quarantine(output) == quarantine(undisturbed)
    listed = {file["path"] for file in manifest(output)["files"]}
    assert {str(path.relative_to(output)) for path in output.glob("split=*/*.parquet")} == listed


def _begun(output: Path) -> tuple[int, int]:
    """How many chunks were begun, and how many files of the shards."""
    return len(list(output.glob("_staging/chunk-*"))), len(list(output.glob("split=*/*.parquet")))


def test_a_driver_killed_again_and_again_still_comes_to_the_same_rows(
    pictures: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """Above a minute: six runs of a process. Each dies by what it has begun, not by the clock: a run that goes on is
    quicker than the one before it.
    """
    moments = random.Random(5)
    for begun in ((1, 0), (2, 0), (4, 0), (5, 0), (5, 1)):
        process = start(tmp_path, CONF, input=pictures, on_existing="resume", **FLAGS)
        deadline = time.monotonic() + 300
        while process.poll() is None and time.monotonic() < deadline and _begun(tmp_path) < begun:
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 0.5) if begun[1] == 0 else 0)
        assert process.poll() is None, f"ended before {begun} was begun: {process.communicate()[0]}"
        kill(process)
    process = start(tmp_path, CONF, input=pictures, on_existing="resume", **FLAGS)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out
    _same(tmp_path, undisturbed.output)


def test_a_killed_overwrite_leaves_the_previous_shards_readable(
    spark: SparkSession, pictures: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """Above a minute: three runs of a process, each on what the one before left."""
    small = tmp_path / "few"
    write_folder(small, 30, seed=4)
    output = tmp_path / "out"
    assert build(output, input=small, **FLAGS) == 0
    before, complete = manifest(output)["checksum"], manifest(undisturbed.output)["checksum"]
    for share in (0.6, 0.95):
        process = start(output, CONF, input=pictures, on_existing="overwrite", **FLAGS)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(undisturbed.moment(share))
        if process.poll() is None:
            kill(process)
        after = manifest(output)
        assert after["checksum"] in (before, complete)
        for file in after["files"]:
            assert pq.ParquetFile(output / file["path"]).metadata.num_rows == file["rows"]
    process = start(output, CONF, input=pictures, on_existing="overwrite", **FLAGS)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out
    _same(output, undisturbed.output)


def test_a_python_worker_killed_in_mid_task_costs_nothing_but_time(
    spark: SparkSession, pictures: Path, tmp_path: Path
) -> None:
    """A process whose tasks are run again, up to three of them."""
    assert build(tmp_path / "undisturbed", input=pictures, **SEARCHING) == 0
    output = tmp_path / "killed"
    process = start(output, CONF, input=pictures, **SEARCHING)
    killed = 0
    while process.poll() is None and killed < 3:
        time.sleep(0.1)
        for worker in _busy_workers(process.pid)[:1]:
            worker.kill()
            killed += 1
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out
    assert killed >= 1
    _same(output, tmp_path / "undisturbed")
