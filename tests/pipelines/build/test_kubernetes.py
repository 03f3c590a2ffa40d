"""build-shards by spark-submit on Kubernetes: its API in this process, its pods as processes of this machine."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyspark.find_spark_home import _find_spark_home
from pyspark.sql import SparkSession

from fer_spark.cli.run import TOO_MANY_BAD
from fer_spark.sample import WriteSettings, write_folder
from tests.cluster.kubernetes.api import Api
from tests.cluster.kubernetes.containers import MISSING, NO_IMAGES, Containers, has_images, has_podman
from tests.cluster.kubernetes.node import Node
from tests.cluster.kubernetes.server import serving
from tests.cluster.nodes import bare_python, without_python
from tests.cluster.submit import BUILD, package, submission
from tests.pipelines.build.builds import arguments, build, manifest, shards
from tests.pipelines.processes import QUICK_JVM, ROOT

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

FLAGS = {"source": "folder", "detector": "haar", "size": ["48:gray"]}
LITTLE = {"source": "folder", "detector": "none", "size": ["8:gray"]}
SMALL = {
    f"spark.{role}.{name}": size
    for role in ("driver", "executor")
    for name, size in (("memory", "768m"), ("memoryOverhead", "384m"))
}
QUICK = {
    "spark.sql.shuffle.partitions": "4",
    "spark.kubernetes.allocation.batch.delay": "200ms",
    "spark.kubernetes.executor.eventProcessingInterval": "200ms",
}
KEYS = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
IMAGE = "/opt/fer_spark"
"""Where the image has this repository."""
PYTHON = Path("/opt/venv/bin/python")
"""The image's."""
EXECUTOR = "fer-spark:executor"


@dataclass
class Cluster:
    """`python`: of the pods and the driver: every package but fer_spark, which the job brings."""

    api: Api
    node: Node
    python: Path
    folder: Path

    def submit(
        self, mode: str, conf: Mapping[str, str], program: Path | str, words: list[str], package: str = ""
    ) -> subprocess.Popen[str]:
        """spark-submit with the settings of docker/kubernetes/, in a folder that is not the checkout.

        `package`: fer_spark, for pods that have none of their own.
        """
        options = ["--master", f"k8s://{self.api.url}", "--deploy-mode", mode]
        options += ["--properties-file", str(ROOT / "docker" / "kubernetes" / "spark.conf")]
        options += ["--py-files", package] if package else []
        settings = [*QUICK_JVM, *(f"{name}={value}" for name, value in (SMALL | QUICK | dict(conf)).items())]
        environment = {"SPARK_HOME": _find_spark_home(), "PYSPARK_PYTHON": str(self.python), "LC_ALL": "C.UTF-8"}
        return subprocess.Popen(
            submission(options, settings, program, words),
            cwd=self.folder,
            env=without_python() | environment | {"KUBECONFIG": str(self.folder / "none")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def logs(self) -> str:
        return "\n".join(f"{name}:\n{self.node.log(name)[-3000:]}" for name in self.node.processes)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bare_python(tmp_path_factory.mktemp("node") / "python")


@pytest.fixture
def cluster(python: Path, tmp_path: Path) -> Iterator[Cluster]:
    """Its pods are processes."""
    with _running(Node, python, tmp_path) as running:
        yield running


@contextmanager
def _running(kind: Callable[..., Node], python: Path, folder: Path) -> Iterator[Cluster]:
    image = {"PATH": f"{python.parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    (folder / "pods").mkdir()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "lake"}}
    with serving() as api:
        node = kind(api, folder / "pods", image, {IMAGE: str(ROOT)})
        api.create("secrets", secret | {"stringData": dict.fromkeys(KEYS, "a key")})
        yield Cluster(api, node, python, folder)
        node.end()


def _mounted(folder: Path, *roles: str) -> dict[str, str]:
    """Settings that mount a folder where it is."""
    volumes = [f"spark.kubernetes.{role}.volumes.hostPath.data" for role in roles]
    return {f"{volume}.{name}": str(folder) for volume in volumes for name in ("mount.path", "options.path")}


def _container(pod: dict[str, Any]) -> dict[str, Any]:
    """A pod's only one, its environment by name. AssertionError where it lacks what spark.conf gives every pod."""
    (container,) = pod["spec"]["containers"]
    variables = {variable["name"]: variable for variable in container["env"]}
    assert container["image"] == "fer-spark:latest"
    assert container["resources"]["requests"] == {"cpu": "1", "memory": "1152Mi"}
    for key in KEYS:
        assert variables[key]["valueFrom"] == {"secretKeyRef": {"name": "lake", "key": key}}
    return {**container, "env": variables}


def test_an_executor_pod_killed_in_mid_job_is_replaced_and_costs_no_row(
    spark: SparkSession, cluster: Cluster, tmp_path: Path
) -> None:
    """The driver here, and three executors from their pods, one of them in place of the killed one."""
    api, node = cluster.api, cluster.node
    write_folder(tmp_path / "pictures", 100, seed=21, broken_fraction=0.1, settings=WriteSettings(workers=2))
    flags = {"input": tmp_path / "pictures", **FLAGS}
    conf = {"spark.driver.host": "127.0.0.1", "spark.executor.instances": "2"}
    process = cluster.submit("client", conf, BUILD, arguments(tmp_path / "far", **flags), package(tmp_path))
    killed = ""
    while process.poll() is None and not killed:
        time.sleep(0.1)
        killed = next((name for name in list(node.processes) if node.is_working(name)), "")
    before = len(api.pods("executor"))
    node.kill(killed)
    out, _ = process.communicate()
    assert process.returncode == 0, out + cluster.logs()
    pods = api.pods("executor")
    assert (before, len(pods)) == (2, 3)
    assert ("pods", killed) not in api.objects  # Spark saw it fail, and removed it
    assert [_container(pod)["args"] for pod in pods] == [["executor"]] * 3
    assert api.invalid == []
    assert build(tmp_path / "near", **flags) == 0
    assert manifest(tmp_path / "far")["checksum"] == manifest(tmp_path / "near")["checksum"]
    assert shards(tmp_path / "far").equals(shards(tmp_path / "near"))


def test_in_cluster_mode_the_driver_pod_has_the_exit_code_and_its_rows_are_those_of_local_mode(
    spark: SparkSession, cluster: Cluster, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The job ends with 3, too many bad pictures, and keeps the rows that were prepared, which a resume publishes."""
    data, api = tmp_path / "data", cluster.api
    write_folder(data / "pictures", 24, seed=4, broken_fraction=0.3)
    flags = {"input": data / "pictures", **LITTLE}
    conf = {"spark.kubernetes.driver.master": api.url, "spark.executor.instances": "1"}
    conf |= _mounted(data, "driver", "executor")
    program = f"local://{IMAGE}/jobs/build_shards.py"
    words = arguments(data / "far", max_bad_fraction=0, **flags)
    process = cluster.submit("cluster", conf, program, words, f"local://{package(data)}")
    out, _ = process.communicate()
    assert process.returncode == 0, out  # of spark-submit, whatever became of the job
    (driver,) = api.pods("driver")
    (status,) = api.get("pods", driver["metadata"]["name"])["status"]["containerStatuses"]
    assert status["state"]["terminated"]["exitCode"] == TOO_MANY_BAD, cluster.logs()
    assert {thing["kind"] for thing in api.given} == {"Secret", "Pod", "Service", "ConfigMap", "NetworkPolicy"}
    assert api.invalid == []
    place = ["driver", "--properties-file", "/opt/spark/conf/spark.properties"]
    place += ["--class", "org.apache.spark.deploy.PythonRunner", program]
    assert _container(driver)["args"] == [*place, *words]
    assert driver["spec"]["serviceAccountName"] == "spark"
    for pod in [driver, *api.pods("executor")]:
        assert str(data) in [mount["mountPath"] for mount in _container(pod)["volumeMounts"]]
    assert not (data / "far" / "_manifest.json").exists()
    assert build(data / "far", on_existing="resume", **flags) == 0
    assert "resuming after 1 of 1 chunks, 24 rows" in capfd.readouterr().err
    assert build(data / "near", **flags) == 0
    assert manifest(data / "far")["checksum"] == manifest(data / "near")["checksum"]
    assert shards(data / "far").equals(shards(data / "near"))


def test_an_executor_in_a_container_gives_the_same_rows(spark: SparkSession, python: Path, tmp_path: Path) -> None:
    """With the mounts and the limit of memory that its pod has; what it writes elsewhere is dropped with it."""
    if not has_podman():
        pytest.skip(MISSING)
    data = tmp_path / "data"
    write_folder(data / "pictures", 24, seed=4, broken_fraction=0.3)
    flags = {"input": data / "pictures", **LITTLE}
    conf = {"spark.driver.host": "127.0.0.1", "spark.executor.instances": "1", **_mounted(data, "executor")}
    with _running(Containers, python, tmp_path) as cluster:
        process = cluster.submit("client", conf, BUILD, arguments(data / "far", **flags), package(tmp_path))
        out, _ = process.communicate()
        assert process.returncode == 0, out + cluster.logs()
        (pod,) = cluster.api.pods("executor")
        assert cluster.api.invalid == []
        place = next(m["mountPath"] for m in _container(pod)["volumeMounts"] if m["name"] == "spark-local-dir-1")
        assert f"Created local directory at {place}/" in cluster.node.log(pod["metadata"]["name"])
    assert build(data / "near", **flags) == 0
    assert manifest(data / "far")["checksum"] == manifest(data / "near")["checksum"]
    assert shards(data / "far").equals(shards(data / "near"))


def test_the_image_is_driver_and_executor_and_gives_the_same_rows(spark: SparkSession, tmp_path: Path) -> None:
    """Both pods from the executor image, by its own entrypoint and with its own package, without root."""
    if not has_images(EXECUTOR):
        pytest.skip(NO_IMAGES)
    data = tmp_path / "data"
    write_folder(data / "pictures", 24, seed=4, broken_fraction=0.3)
    data.chmod(0o777)
    flags = {"input": data / "pictures", **LITTLE}
    with _running(partial(Containers, image=EXECUTOR), PYTHON, tmp_path) as cluster:
        api = cluster.api
        conf = {"spark.kubernetes.driver.master": api.url, "spark.executor.instances": "1"}
        conf |= {"spark.kubernetes.container.image": EXECUTOR, **_mounted(data, "driver", "executor")}
        words = arguments(data / "far", **flags)
        process = cluster.submit("cluster", conf, f"local://{IMAGE}/jobs/build_shards.py", words)
        out, _ = process.communicate()
        (driver,) = api.pods("driver")
        (status,) = api.get("pods", driver["metadata"]["name"])["status"]["containerStatuses"]
        assert status["state"]["terminated"]["exitCode"] == 0, out + cluster.logs()
        assert len(api.pods("executor")) == 1
    assert build(data / "near", **flags) == 0
    assert manifest(data / "far")["checksum"] == manifest(data / "near")["checksum"]
    assert shards(data / "far").equals(shards(data / "near"))
