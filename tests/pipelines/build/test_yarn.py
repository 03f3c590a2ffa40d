"""build-shards by spark-submit on YARN, its servers in processes of their own, from HDFS to HDFS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.find_spark_home import _find_spark_home
from pyspark.sql import SparkSession

from fer_spark.sample import write_folder
from fer_spark.spark.launch import QUICK
from tests.hadoop import Hadoop, hadoop, java_home, put, text
from tests.pipelines.build.builds import arguments, build, manifest
from tests.pipelines.processes import QUICK_JVM, ROOT

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

COUNT = 60
FLAGS = {"source": "folder", "size": ["8:gray"], "detector": "none", "seed": 3}
CONF = {
    "spark.yarn.jars": f"local:{_find_spark_home()}/jars/*",  # Spark lies on every node: nothing to upload
    "spark.executor.instances": "2",
    "spark.executor.memory": "768m",
    "spark.driver.memory": "768m",
    "spark.yarn.am.memory": "512m",
    "spark.yarn.am.extraJavaOptions": QUICK,
    "spark.pyspark.python": sys.executable,
    "spark.yarn.maxAppAttempts": "1",  # else YARN runs once more what ended with a code that says not to
}


@pytest.fixture(scope="module")
def servers(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hadoop]:
    """YARN, and on its HDFS drawn pictures in /in."""
    folder = tmp_path_factory.mktemp("hadoop")
    with hadoop(folder, yarn=True) as running:
        write_folder(folder / "pictures", COUNT, seed=8)
        put(spark, folder / "pictures", f"{running.uri}/in")
        yield running


@pytest.fixture(scope="module")
def checksum(spark: SparkSession, servers: Hadoop, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of the rows that local mode gives."""
    folder = tmp_path_factory.mktemp("near")
    assert build(folder / "shards", input=servers.conf.parent / "pictures", **FLAGS) == 0
    return str(manifest(folder / "shards")["checksum"])


def submit(servers: Hadoop, folder: Path, mode: str, words: list[str]) -> subprocess.CompletedProcess[str]:
    """jobs/build_shards.py with the package as a zip, from a folder that is not the checkout."""
    package = shutil.make_archive(str(folder / "fer_spark"), "zip", ROOT, "fer_spark")
    settings = [*QUICK_JVM, *(f"{name}={value}" for name, value in CONF.items())]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYSPARK"))}
    home = _find_spark_home()
    return subprocess.run(
        [f"{home}/bin/spark-submit", "--master", "yarn", "--deploy-mode", mode, "--py-files", package]
        + [word for item in settings for word in ("--conf", item)]
        + [str(ROOT / "jobs" / "build_shards.py"), *words],
        cwd=folder,
        env=clean | {"SPARK_HOME": home, "JAVA_HOME": str(java_home()), "HADOOP_CONF_DIR": str(servers.conf)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("mode", ["client", "cluster"])
def test_rows_are_those_of_local_mode(
    spark: SparkSession, servers: Hadoop, checksum: str, tmp_path: Path, mode: str
) -> None:
    """Places without a scheme are on HDFS there, as the cluster's settings say. Above a minute: YARN starts three
    containers, each a JVM of its own."""
    done = submit(servers, tmp_path, mode, arguments(f"/{mode}", input="/in", **FLAGS))
    assert done.returncode == 0, done.stdout + done.stderr
    there = json.loads(text(spark, f"{servers.uri}/{mode}", "_manifest.json"))
    assert there["counts"]["written_faces"] == COUNT
    assert there["checksum"] == checksum


@pytest.mark.parametrize(("mode", "code"), [("client", 2), ("cluster", 1)])
def test_exit_codes_come_back(servers: Hadoop, tmp_path: Path, mode: str, code: int) -> None:
    """In cluster mode every failure is 1 to the one who waits for it: YARN keeps the job's own in its report."""
    done = submit(servers, tmp_path, mode, arguments(f"/{mode}-nothing", input="/nowhere", **FLAGS))
    assert done.returncode == code, done.stdout + done.stderr
    if mode == "cluster":
        assert "User application exited with status 2" in done.stderr
        assert servers.attempts()[-1] == 1
