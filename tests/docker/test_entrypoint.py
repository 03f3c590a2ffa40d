"""The image's entrypoint: what Spark on Kubernetes gives its pods becomes the command lines of Spark's own images."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.docker.commands import DOCKER

EXECUTOR = {
    "SPARK_DRIVER_URL": "spark://CoarseGrainedScheduler@driver:7078",
    "SPARK_EXECUTOR_ID": "3",
    "SPARK_EXECUTOR_CORES": "2",
    "SPARK_EXECUTOR_MEMORY": "768m",
    "SPARK_APPLICATION_ID": "spark-1",
    "SPARK_EXECUTOR_POD_IP": "10.0.0.7",
    "SPARK_RESOURCE_PROFILE_ID": "0",
    "SPARK_EXECUTOR_POD_NAME": "faces-exec-3",
    "SPARK_CONF_DIR": "/opt/spark/conf",
    "SPARK_CLASSPATH": "/opt/jars/*",
}


@pytest.fixture
def image(tmp_path: Path) -> dict[str, str]:
    """An environment whose java, fer-spark and spark-submit print their arguments, a line each."""
    for name in ("bin/java", "bin/fer-spark", "spark/bin/spark-submit"):
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" {program.name} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    return {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "SPARK_HOME": f"{tmp_path}/spark"}


def run(environment: dict[str, str], *words: str) -> list[str]:
    """What is run at last, as words."""
    line = [str(DOCKER / "entrypoint"), *words]
    return subprocess.run(line, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


def test_an_executor_has_its_memory_its_options_in_order_and_its_place(image: dict[str, str]) -> None:
    options = {f"SPARK_JAVA_OPT_{i}": f"-Da={i} b" for i in range(12)}
    words = run(image | EXECUTOR | options, "executor")
    assert words[:15] == ["java", *(f"-Da={i} b" for i in range(12)), "-Xms768m", "-Xmx768m"]
    path = words[words.index("-cp") + 1].split(":")
    assert path[:4] == ["/opt/spark/conf", "", "/opt/jars/*", f"{image['SPARK_HOME']}/jars/*"]
    at = words.index("org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend") + 1
    assert dict(zip(words[at::2], words[at + 1 :: 2], strict=True)) == {
        "--driver-url": "spark://CoarseGrainedScheduler@driver:7078",
        "--executor-id": "3",
        "--cores": "2",
        "--app-id": "spark-1",
        "--hostname": "10.0.0.7",
        "--resourceProfileId": "0",
        "--podName": "faces-exec-3",
    }


def test_an_executor_without_what_spark_gives_it_does_not_start(image: dict[str, str]) -> None:
    environment = {name: value for name, value in EXECUTOR.items() if name != "SPARK_DRIVER_URL"}
    with pytest.raises(subprocess.CalledProcessError):
        run(image | environment, "executor")


def test_a_driver_is_submitted_in_its_own_pod(image: dict[str, str]) -> None:
    words = run(image | {"SPARK_DRIVER_BIND_ADDRESS": "10.0.0.2"}, "driver", "--class", "C", "job.py", "--size", "a b")
    assert words[0] == "spark-submit"
    assert words[-5:] == ["--class", "C", "job.py", "--size", "a b"]
    assert words[1:3] == ["--deploy-mode", "client"]
    assert "spark.driver.bindAddress=10.0.0.2" in words


@pytest.mark.parametrize("words", [["score", "--output", "a b"], ["--help"], []])
def test_all_else_is_a_command_of_fer_spark(image: dict[str, str], words: list[str]) -> None:
    assert run(image, *words) == ["fer-spark", *words]
