"""build-shards on clusters of which a process is killed, stands still, comes or goes: the rows of one process."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pyspark.find_spark_home import _find_spark_home
from pyspark.sql import SparkSession

from fer_spark.sample import WriteSettings, write_folder
from tests.cluster.network import network
from tests.cluster.nodes import bare_python, without_python
from tests.cluster.standalone import LIGHT, standalone
from tests.cluster.submit import BUILD, package, submission
from tests.pipelines.build.builds import arguments, build, manifest, shards, start
from tests.pipelines.processes import QUICK_JVM, ROOT

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


def _finish(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out
    return out


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
    All of them know a secret, and encrypt what they send and spill.
    """
    secret = "known-to-the-nodes-alone"
    daemons = {"SPARK_DAEMON_JAVA_OPTS": f"{LIGHT} -Dspark.authenticate=true -Dspark.authenticate.secret={secret}"}
    conf = ["spark.authenticate=true", f"spark.authenticate.secret={secret}", "spark.network.crypto.enabled=true"]
    conf += ["spark.io.encryption.enabled=true", "spark.speculation=true", "spark.speculation.interval=200ms"]
    conf += ["spark.speculation.quantile=0.1", "spark.speculation.minTaskRuntime=1s"]
    with standalone(tmp_path / "cluster", nodes=daemons) as cluster:
        process = start(tmp_path / "shards", [*cluster.conf, PACKAGE, *conf], input=pictures, **FLAGS)
        stopped = cluster.busy("127.0.0.3", process)
        for worker in stopped:
            worker.suspend()
        out = _finish(process)
    files = [file for file in tmp_path.rglob("*") if file.suffix in (".log", ".json")]
    assert len(files) > 3
    assert not any(secret in text for text in [out, *(file.read_text(errors="replace") for file in files)])
    assert manifest(tmp_path / "shards")["checksum"] == manifest(locally)["checksum"]
    assert shards(tmp_path / "shards").equals(shards(locally))


def test_a_worker_cut_off_from_the_network_and_back_after_the_time_limit_costs_and_doubles_no_row(
    pictures: Path, locally: Path, tmp_path: Path
) -> None:
    """The master beside the driver and two workers are hosts with addresses of their own, and spark-submit runs in a
    folder that is not the checkout. The cut-off executor goes on with its task and writes to the disk that all share;
    its worker has the cable back once the master has given it up, and another executor then."""
    driver, *workers = "10.77.0.1", "10.77.0.2", "10.77.0.3"
    limits = {"SPARK_DAEMON_JAVA_OPTS": f"{LIGHT} -Dspark.worker.timeout=4"}
    conf = [
        "spark.network.timeout=6s",
        "spark.network.timeoutInterval=2s",
        "spark.executor.heartbeatInterval=1s",
        "spark.storage.blockManagerHeartbeatTimeoutMs=6000",
        "spark.log.level=WARN",
    ]
    with (
        network((driver, *workers)) as cables,
        standalone(tmp_path / "cluster", tuple(workers), limits, driver, cables.inside) as cluster,
    ):
        conf = [*QUICK_JVM, *cluster.conf, *conf]
        words = arguments(tmp_path / "shards", input=pictures, **FLAGS)
        process = submit(tmp_path, cables.inside(driver), conf, words)
        cluster.busy(workers[1], process)
        cables.cut(workers[1])
        cluster.wait_for("master", "because we got no heartbeat", process)
        cables.join(workers[1])
        cluster.wait_for(workers[1], "requested this worker to reconnect", process)
        _finish(process)
    assert manifest(tmp_path / "shards")["checksum"] == manifest(locally)["checksum"]
    assert shards(tmp_path / "shards").equals(shards(locally))


def submit(folder: Path, there: list[str], conf: list[str], words: list[str]) -> subprocess.Popen[str]:
    """jobs/build_shards.py by spark-submit, with the package as a zip, from a folder that is not the checkout. `there`:
    the words that run it on a host."""
    conf = [*conf, f"spark.pyspark.python={bare_python(folder / 'python')}"]
    return subprocess.Popen(
        [*there, *submission(["--py-files", package(folder)], conf, BUILD, words)],
        cwd=folder,
        env=without_python() | {"SPARK_HOME": _find_spark_home()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


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
