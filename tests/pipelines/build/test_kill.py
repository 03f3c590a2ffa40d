"""Drivers and Python workers killed with SIGKILL at random moments: the rows are those of an undisturbed run."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from fer_spark.sample import WriteSettings, write_folder
from tests.pipelines.build.builds import manifest, quarantine, shards, start

pytestmark = [pytest.mark.kill, pytest.mark.timeout(1200)]
COUNT = 1000
CONF = ["spark.master=local[2,4]", "spark.sql.files.minPartitionNum=8"]
FLAGS = {"source": "folder", "detector": "haar", "chunk_images": 200, "size": ["48:gray", "96:rgb"]}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("drawn") / "pictures"
    write_folder(directory, COUNT, seed=11, broken_fraction=0.1, settings=WriteSettings(workers=2))
    return directory


@pytest.fixture(scope="module")
def undisturbed(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    output = tmp_path_factory.mktemp("undisturbed") / "shards"
    began = time.monotonic()
    process = start(output, CONF, input=pictures, **FLAGS)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out
    return output, time.monotonic() - began


def _kill_group(pid: int) -> None:
    """The driver, its JVM, and the Python workers, which live in process groups of their own."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for member in family:
        try:
            os.kill(member.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    psutil.wait_procs(family, timeout=20)


def _busy_workers(pid: int) -> list[psutil.Process]:
    """Python workers of the driver `pid` that have computed for more than a second.

    Any other child may be a zombie, whose command line cannot be read, for as long as the driver lives.
    """
    workers = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if any("pyspark.daemon" in word for word in child.cmdline()) and child.cpu_times().user > 1.0:
                    workers.append(child)
    return workers


def _same(output: Path, undisturbed: Path) -> None:
    assert manifest(output)["checksum"] == manifest(undisturbed)["checksum"]
    assert manifest(output)["counts"] == manifest(undisturbed)["counts"]
    assert shards(output).equals(shards(undisturbed))
    assert quarantine(output) == quarantine(undisturbed)
    listed = {file["path"] for file in manifest(output)["files"]}
    assert {str(path.relative_to(output)) for path in output.glob("split=*/*.parquet")} == listed


def test_a_driver_killed_again_and_again_still_comes_to_the_same_rows(
    pictures: Path, undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    reference, seconds = undisturbed
    moments = random.Random(5)
    kills = 0
    for _ in range(40):
        process = start(tmp_path, CONF, input=pictures, on_existing="resume", **FLAGS)
        try:
            out, _ = process.communicate(timeout=moments.uniform(0.15, 0.45) * seconds if kills < 5 else 600)
        except subprocess.TimeoutExpired:
            _kill_group(process.pid)
            kills += 1
            continue
        assert process.returncode == 0, out
        break
    assert kills >= 3
    _same(tmp_path, reference)


@pytest.mark.parametrize("share", [0.6, 0.85, 0.95])
def test_a_killed_overwrite_leaves_the_previous_shards_readable(
    pictures: Path, undisturbed: tuple[Path, float], tmp_path: Path, share: float
) -> None:
    reference, seconds = undisturbed
    small = tmp_path / "few"
    write_folder(small, 60, seed=4)
    output = tmp_path / "out"
    process = start(output, CONF, input=small, **FLAGS)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    before = manifest(output)
    process = start(output, CONF, input=pictures, on_existing="overwrite", **FLAGS)
    time.sleep(share * seconds)
    if process.poll() is None:
        _kill_group(process.pid)
    after = manifest(output)
    assert after["checksum"] in (before["checksum"], manifest(reference)["checksum"])
    for file in after["files"]:
        assert pq.ParquetFile(output / file["path"]).metadata.num_rows == file["rows"]
    process = start(output, CONF, input=pictures, on_existing="overwrite", **FLAGS)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out
    _same(output, reference)


def test_a_python_worker_killed_in_mid_task_costs_nothing_but_time(
    pictures: Path, undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    process = start(tmp_path, CONF, input=pictures, **FLAGS)
    killed = 0
    while process.poll() is None and killed < 3:
        time.sleep(0.1)
        for worker in _busy_workers(process.pid)[:1]:
            worker.kill()
            killed += 1
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out
    assert killed >= 1
    _same(tmp_path, undisturbed[0])
