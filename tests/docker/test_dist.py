"""`make dist`: a wheel and an environment with which build-shards runs where there is no checkout and no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.find_spark_home import _find_spark_home
from pyspark.sql import SparkSession

from fer_spark.sample import write_folder
from tests.cluster.nodes import without_python
from tests.cluster.submit import BUILD, submission
from tests.pipelines.build.builds import arguments, build, manifest, shards
from tests.pipelines.processes import QUICK_JVM, ROOT

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
FLAGS = {"source": "folder", "detector": "haar", "size": ["48:gray"]}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make dist` leaves. A minute: it fetches the packages that executors need."""
    folder = tmp_path_factory.mktemp("dist")
    words = ["make", "-o", "setup", "dist", f"VENV={sys.prefix}", f"DIST={folder}"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_executors_of_the_archive_alone_give_the_rows_of_local_mode(
    spark: SparkSession, dist: Path, tmp_path: Path
) -> None:
    """Above a minute: the environment is made, then unpacked by two executors, each a JVM of its own."""
    write_folder(tmp_path / "pictures", 60, seed=8)
    python = dist / "environment" / "bin" / "python"
    names = {path.name for path in dist.glob("environment/lib/*/site-packages/*")}
    assert not names & {"torch", "pyspark"}
    conf = {
        "spark.master": "local-cluster[2,1,1024]",
        "spark.archives": f"{dist}/fer_spark-environment.tar.gz#environment",
        "spark.pyspark.python": "./environment/bin/python",
        "spark.pyspark.driver.python": str(python),
    }
    settings = [*QUICK_JVM, *(f"{name}={value}" for name, value in conf.items())]
    flags = arguments(tmp_path / "far", input=tmp_path / "pictures", **FLAGS)
    done = subprocess.run(
        submission([], settings, BUILD, flags),
        cwd=tmp_path,
        env=without_python() | {"SPARK_HOME": _find_spark_home(), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert build(tmp_path / "near", input=tmp_path / "pictures", **FLAGS) == 0
    assert manifest(tmp_path / "far")["checksum"] == manifest(tmp_path / "near")["checksum"]
    assert shards(tmp_path / "far").equals(shards(tmp_path / "near"))
