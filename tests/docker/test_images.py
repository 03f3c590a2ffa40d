"""The two images of `make images`: their jobs run without root and network, on a root that is read-only."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fer_spark.sample import write_folder
from tests.cluster.kubernetes.containers import GUARDED, LIMITS, NO_IMAGES, has_images
from tests.docker.commands import ROOT
from tests.pipelines.build.builds import arguments, build, manifest, shards

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
USER_ID = 1000
COUNT = 20
FLAGS = {"source": "folder", "detector": "haar", "size": ["48:gray"], "ratios": "0.6,0.2,0.2"}
SMALL = ["--master", "local[1]", "--conf", "spark.driver.memory=512m"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the images' user may write to, with drawn pictures."""
    if not has_images("fer-spark:executor", "fer-spark:latest"):
        pytest.skip(NO_IMAGES)
    folder = tmp_path_factory.mktemp("shared")
    write_folder(folder / "pictures", COUNT, seed=8)
    os.chown(folder, USER_ID, USER_ID)
    return folder


def run(image: str, shared: Path, memory: str, *words: str) -> str:
    """What a command of an image prints; its shared folder is /data. $FER_SPARK_PODMAN: more words for podman run."""
    line = ["podman", "run", "--rm", "--network", "none", *GUARDED, *LIMITS]
    line += ["--memory", memory, "--volume", f"{shared}:/data"]
    line += [*shlex.split(os.environ.get("FER_SPARK_PODMAN", "")), image, *words]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(line)}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def of_this_machine(spark: SparkSession, shared: Path) -> Path:
    """Its shards of the same pictures."""
    assert build(shared / "built-here", input=shared / "pictures", **FLAGS) == 0
    return shared / "built-here"


def test_the_executor_image_builds_in_a_gigabyte_the_shards_that_this_machine_builds(
    shared: Path, of_this_machine: Path
) -> None:
    words = arguments("/data/shards", input="/data/pictures", **FLAGS)
    run("fer-spark:executor", shared, "1g", "build-shards", *words, *SMALL)
    assert 0 < manifest(shared / "shards")["counts"]["written_faces"] <= COUNT
    assert manifest(shared / "shards")["checksum"] == manifest(of_this_machine)["checksum"]
    assert shards(shared / "shards").equals(shards(of_this_machine))
    assert {path.stat().st_uid for path in (shared / "shards").rglob("*")} == {USER_ID}


def test_the_trainer_image_trains_on_shards(shared: Path, of_this_machine: Path) -> None:
    words = ["--shards", f"/data/{of_this_machine.name}", "--output", "/data/model", "--network", "small_cnn"]
    words += ["--epochs", "2", "--batch-size", "4", "--device", "cpu"]
    run("fer-spark:latest", shared, "2g", "train", *words)
    assert (shared / "model" / "card.json").exists()
