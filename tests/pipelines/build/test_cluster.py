"""build-shards on a cluster of processes (a master, two executors), also while one of them is killed: the same rows."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import psutil
import pytest

from fer_spark.sample import WriteSettings, write_folder
from tests.pipelines.build.builds import ROOT, manifest, shards, start

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
LOCAL = ["spark.master=local[2,4]"]
CLUSTER = ["spark.master=local-cluster[2,1,1024]", f"spark.executorEnv.PYTHONPATH={ROOT}"]
FLAGS = {"source": "folder", "detector": "haar", "size": ["48:gray", "96:rgb"]}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("drawn") / "pictures"
    write_folder(directory, 300, seed=21, broken_fraction=0.1, settings=WriteSettings(workers=2))
    return directory


@pytest.fixture(scope="module")
def locally(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("local") / "shards"
    _finish(start(output, LOCAL, input=pictures, **FLAGS))
    return output


def _finish(process: subprocess.Popen[str]) -> None:
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out


def test_two_executors_give_the_rows_of_one_process(pictures: Path, locally: Path, tmp_path: Path) -> None:
    """Above a minute: a driver and two executors, each a JVM of its own; and one process to compare with."""
    _finish(start(tmp_path, CLUSTER, input=pictures, **FLAGS))
    assert manifest(tmp_path)["checksum"] == manifest(locally)["checksum"]
    assert shards(tmp_path).equals(shards(locally))


def test_an_executor_killed_in_mid_job_costs_no_row(pictures: Path, locally: Path, tmp_path: Path) -> None:
    """Above a minute: a driver and three executors, one of them in place of the killed one, each a JVM of its own."""
    process = start(tmp_path, CLUSTER, input=pictures, **FLAGS)
    deadline = time.monotonic() + 300
    killed = False
    while process.poll() is None and not killed and time.monotonic() < deadline:
        time.sleep(0.3)
        for child in psutil.Process(process.pid).children(recursive=True):
            try:
                if "CoarseGrainedExecutorBackend" in " ".join(child.cmdline()) and _is_working(child):
                    child.kill()
                    killed = True
                    break
            except psutil.NoSuchProcess:
                continue
    _finish(process)
    assert killed
    assert manifest(tmp_path)["checksum"] == manifest(locally)["checksum"]
    assert shards(tmp_path).equals(shards(locally))


def _is_working(executor: psutil.Process) -> bool:
    """True once a Python worker of this executor has been busy for a second."""
    return any(child.cpu_times().user > 1.0 for child in executor.children(recursive=True))
