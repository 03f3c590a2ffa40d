"""build-shards on clusters of which a process is killed, stands still, comes or goes: the rows of one process."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pyspark.sql import SparkSession

from fer_spark.sample import WriteSettings, write_folder
from tests.cluster.standalone import standalone
from tests.pipelines.build.builds import ROOT, build, manifest, shards, start

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
LOCAL = ["spark.master=local[2,4]"]
PACKAGE = f"spark.executorEnv.PYTHONPATH={ROOT}"
CLUSTER = ["spark.master=local-cluster[2,1,1024]", PACKAGE]
FLAGS = {"source": "folder", "detector": "haar", "size": ["48:gray", "96:rgb"]}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("drawn") / "pictures"
    write_folder(directory, 300, seed=21, broken_fraction=0.1, settings=WriteSettings(workers=2))
    return directory


@pytest.fixture(scope="module")
def locally(spark: SparkSession, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process gives, on the running session."""
    output = tmp_path_factory.mktemp("local") / "shards"
    assert build(output, input=pictures, **FLAGS) == 0
    return output


def _finish(process: subprocess.Popen[str]) -> None:
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out


def test_two_executors_give_the_rows_of_one_process(pictures: Path, locally: Path, tmp_path: Path) -> None:
    """Above a minute: a driver and two executors, each a JVM of its own."""
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


def test_a_node_that_stands_still_holds_nobody_up_where_tasks_may_run_twice(
    pictures: Path, locally: Path, tmp_path: Path
) -> None:
    """Above a minute: a master, two workers with addresses of their own (Spark runs no task twice on one host), driver
    and two executors. Python on one of them is stopped for good: without speculation the job would wait for it.
    """
    conf = ["spark.speculation=true", "spark.speculation.interval=200ms", "spark.speculation.quantile=0.1"]
    conf += ["spark.speculation.minTaskRuntime=1s"]
    with standalone(tmp_path / "cluster") as cluster:
        process = start(tmp_path / "shards", [*cluster.conf, PACKAGE, *conf], input=pictures, **FLAGS)
        stopped = cluster.busy("127.0.0.3", process)
        for worker in stopped:
            worker.suspend()
        _finish(process)
    assert manifest(tmp_path / "shards")["checksum"] == manifest(locally)["checksum"]
    assert shards(tmp_path / "shards").equals(shards(locally))


def test_a_worker_that_is_away_longer_than_the_time_limit_and_back_costs_no_row(
    pictures: Path, locally: Path, tmp_path: Path
) -> None:
    """Above a minute, as above. The worker and all its processes are stopped, as one that the network has lost, until
    the driver has given its executor up, and go on then with what they had begun."""
    conf = [
        "spark.network.timeout=6s",
        "spark.network.timeoutInterval=2s",
        "spark.executor.heartbeatInterval=1s",
        "spark.storage.blockManagerHeartbeatTimeoutMs=6000",
    ]
    with standalone(tmp_path / "cluster") as cluster:
        process = start(tmp_path / "shards", [*cluster.conf, PACKAGE, *conf], input=pictures, **FLAGS)
        cluster.busy("127.0.0.3", process)
        away = cluster.everything_on("127.0.0.3")
        for member in away:
            member.suspend()
        time.sleep(14)
        assert process.poll() is None, process.communicate()[0]
        for member in away:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.resume()
        _finish(process)
    assert manifest(tmp_path / "shards")["checksum"] == manifest(locally)["checksum"]
    assert shards(tmp_path / "shards").equals(shards(locally))


def test_executors_that_come_and_go_give_the_same_rows(pictures: Path, locally: Path, tmp_path: Path) -> None:
    """Above a minute: a driver, and executors started when there is work and ended after four seconds without."""
    going = ["enabled=true", "shuffleTracking.enabled=true", "minExecutors=0", "executorIdleTimeout=4s"]
    conf = [f"spark.dynamicAllocation.{one}" for one in [*going, "shuffleTracking.timeout=1s", "maxExecutors=2"]]
    _finish(start(tmp_path, [*CLUSTER, *conf], input=pictures, **FLAGS))
    assert manifest(tmp_path)["checksum"] == manifest(locally)["checksum"]
    assert shards(tmp_path).equals(shards(locally))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte: the pictures' shards need more."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no small disk can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_fills_up_is_named_and_the_same_command_completes_when_there_is_room(
    pictures: Path, locally: Path, small_disk: Path
) -> None:
    process = start(small_disk / "shards", LOCAL, input=pictures, **FLAGS)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 2, out
    assert "the disk is full" in out
    assert "Traceback" not in out
    assert not (small_disk / "shards/_manifest.json").exists()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    _finish(start(small_disk / "shards", LOCAL, input=pictures, on_existing="resume", **FLAGS))
    assert manifest(small_disk / "shards")["checksum"] == manifest(locally)["checksum"]
    assert shards(small_disk / "shards").equals(shards(locally))


def _is_working(executor: psutil.Process) -> bool:
    """True once a Python worker of this executor has been busy for a second."""
    return any(child.cpu_times().user > 1.0 for child in executor.children(recursive=True))
