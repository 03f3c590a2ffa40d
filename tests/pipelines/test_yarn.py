"""The jobs by spark-submit on YARN, its servers in processes of their own, from HDFS to HDFS: what local mode gives."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.find_spark_home import _find_spark_home
from pyspark.sql import SparkSession

from fer_spark.cli.commands.explain import main as explain
from fer_spark.cli.commands.explore import main as explore
from fer_spark.cli.commands.train import main as train
from fer_spark.sample import write_folder
from tests.check import ROOT
from tests.cluster import alike
from tests.cluster.nodes import bare_python, without_python
from tests.cluster.submit import package, submission
from tests.conftest import BRIEF
from tests.hadoop import Hadoop, get, hadoop, hdfs_client, java_home, put, text
from tests.jvm import quick_jvm
from tests.pipelines.build.builds import arguments, build, manifest
from tests.pipelines.processes import QUICK_JVM
from tests.pipelines.score.worlds import score

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

COUNT = 60
FLAGS = {"source": "folder", "size": ["8:gray"], "detector": "none", "seed": 3}
LIME = ["--views", "single", "--samples", "50"]
TRAIN = ["--network", "small_cnn", "--epochs", "1", "--no-augment", "--partition", "batches", "--precision", "fp32"]
TRAIN += ["--device", "cpu", "--threads", "1"]
BATCH = 8
CONF = {
    "spark.yarn.jars": f"local:{_find_spark_home()}/jars/*",  # Spark lies on every node: nothing to upload
    "spark.executor.memory": "768m",
    "spark.driver.memory": "768m",
    "spark.yarn.am.memory": "512m",
    "spark.yarn.am.extraJavaOptions": quick_jvm(),
    "spark.yarn.report.interval": "200ms",
    "spark.yarn.maxAppAttempts": "1",  # else YARN runs once more what ended with a code that says not to
}


@dataclass
class Yarn:
    """YARN, and on its HDFS drawn pictures in /in, shards of them in /shards.

    near    a folder of this disk, not the checkout, with the same `pictures` and `shards`, and the `bundle` that one
            process learns from these
    python  of its nodes: every package but fer_spark, which a job brings as `package`
    """

    servers: Hadoop
    near: Path
    python: Path
    package: str

    def submit(
        self, mode: str, job: str, *words: str, brief: bool = False, archives: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """A job; paths without a scheme are on HDFS there, as the cluster's settings say. `brief`: on one executor, not
        two, and planned for few rows."""
        options = ["--master", "yarn", "--deploy-mode", mode, "--py-files", self.package]
        options += ["--archives", archives] if archives else []
        conf = [*QUICK_JVM, *(f"{name}={value}" for name, value in CONF.items())]
        conf += [f"spark.pyspark.python={self.python}", f"spark.executor.instances={1 if brief else 2}"]
        conf += [f"{name}={value}" for name, value in BRIEF.items()] if brief else []
        there = {"SPARK_HOME": _find_spark_home(), "JAVA_HOME": str(java_home())}
        return subprocess.run(
            submission(options, conf, ROOT / "jobs" / f"{job}.py", words),
            cwd=self.near,
            env=without_python() | there | {"HADOOP_CONF_DIR": str(self.servers.conf)},
            capture_output=True,
            text=True,
            check=False,
        )

    def finish(self, mode: str, job: str, *words: str, brief: bool = False, archives: str = "") -> None:
        done = self.submit(mode, job, *words, brief=brief, archives=archives)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def yarn(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yarn]:
    folder, near = tmp_path_factory.mktemp("hadoop"), tmp_path_factory.mktemp("near")
    with hadoop(folder, yarn=True) as servers:
        write_folder(near / "pictures", COUNT, seed=8)
        assert build(near / "shards", input=near / "pictures", **FLAGS) == 0
        for here, there in (("pictures", "in"), ("shards", "shards")):
            put(spark, near / here, f"{servers.uri}/{there}")
        words = ["--shards", str(near / "shards"), "--output", str(near / "bundle"), "--batch-size", str(BATCH)]
        assert train([*words, *TRAIN]) == 0
        yield Yarn(servers, near, bare_python(near / "python", hdfs_client()), package(near))


@pytest.mark.parametrize("mode", ["client", "cluster"])
def test_shards_are_those_of_local_mode(spark: SparkSession, yarn: Yarn, mode: str) -> None:
    """Above a minute: YARN starts three containers, each a JVM of its own."""
    yarn.finish(mode, "build_shards", *arguments(f"/{mode}", input="/in", **FLAGS))
    there = json.loads(text(spark, f"{yarn.servers.uri}/{mode}", "_manifest.json"))
    assert there["counts"]["written_faces"] == COUNT
    assert there["checksum"] == manifest(yarn.near / "shards")["checksum"]


@pytest.mark.parametrize(("mode", "code"), [("client", 2), ("cluster", 1)])
def test_exit_codes_come_back(yarn: Yarn, mode: str, code: int) -> None:
    """In cluster mode every failure is 1 to the one who waits for it: YARN keeps the job's own in its report."""
    done = yarn.submit(mode, "build_shards", *arguments(f"/{mode}-nothing", input="/nowhere", **FLAGS))
    assert done.returncode == code, done.stdout + done.stderr
    if mode == "cluster":
        assert "User application exited with status 2" in done.stderr
        assert yarn.servers.attempts()[-1] == 1


def test_two_processes_on_executors_learn_what_one_does_here(yarn: Yarn, tmp_path: Path) -> None:
    """From shards on HDFS; the bundle lies on a disk that all nodes share."""
    words = ["--shards", f"{yarn.servers.uri}/shards", "--output", str(tmp_path / "bundle"), "--processes", "2"]
    yarn.finish("client", "train", *words, "--batch-size", str(BATCH // 2), *TRAIN)
    assert alike.weighed(tmp_path / "bundle", yarn.near / "bundle").gap <= alike.TOLERANCE


def test_scores_are_those_of_local_mode(spark: SparkSession, yarn: Yarn, tmp_path: Path) -> None:
    """In cluster mode, with explanations. The driver finds the bundle among what spark-submit sent there."""
    more = ["--explain", "least-confident:2", *LIME]
    model = shutil.make_archive(str(tmp_path / "model"), "zip", yarn.near / "bundle")
    words = ["--bundle", "model", "--source", "images", "--input", "/in", "--output", "/scores", *more]
    yarn.finish("cluster", "score", *words, brief=True, archives=f"{model}#model")
    assert score(yarn.near / "bundle", yarn.near / "pictures", tmp_path / "here", *more) == 0
    get(spark, f"{yarn.servers.uri}/scores", tmp_path / "there")
    found = alike.scored(tmp_path / "there", tmp_path / "here")
    assert found.rows == COUNT
    assert found.gap <= alike.TOLERANCE
    found = alike.explained(tmp_path / "there", tmp_path / "here")
    assert found.rows == 2
    assert found.gap <= alike.TOLERANCE


def test_explanations_and_their_pictures_are_those_of_local_mode(
    spark: SparkSession, yarn: Yarn, tmp_path: Path
) -> None:
    words = ["--bundle", str(yarn.near / "bundle"), "--split", "train", "--least-confident", "3", "--overlays", "2"]
    words += LIME
    yarn.finish("client", "explain", "--shards", "/shards", "--output", "/why", *words, brief=True)
    _run_here(explain, yarn.near / "shards", "--shards", tmp_path / "here", words)
    get(spark, f"{yarn.servers.uri}/why", tmp_path / "there")
    found = alike.explained(tmp_path / "there", tmp_path / "here")
    assert found.rows == 3
    assert found.gap <= alike.TOLERANCE
    there, here = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*.png")}
        for root in (tmp_path / "there", tmp_path / "here")
    )
    assert len(here) > 2
    assert there == here


def test_an_exploration_is_that_of_local_mode(spark: SparkSession, yarn: Yarn, tmp_path: Path) -> None:
    words = ["--source", "folder"]
    yarn.finish("client", "explore", "--input", "/in", "--output", "/look", *words, brief=True)
    _run_here(explore, yarn.near / "pictures", "--input", tmp_path / "here", words)
    get(spark, f"{yarn.servers.uri}/look", tmp_path / "there")
    assert alike.explored(tmp_path / "there", tmp_path / "here").equal
    assert (tmp_path / "there" / "report.html").stat().st_size > 0


def _run_here(job: Callable[[list[str]], int], source: Path, flag: str, output: Path, words: list[str]) -> None:
    """A job in this process, on the running session."""
    assert job([flag, str(source), "--output", str(output), *words]) == 0
