"""What the tests of stores share: pictures with odd names, how they are built, and jobs on shards there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from fer_spark.cli.commands.augment_shards import main as augment
from fer_spark.cli.commands.compare import main as compare
from fer_spark.cli.commands.evaluate import main as evaluate
from fer_spark.cli.commands.explain import main as explain
from fer_spark.cli.commands.tune import main as tune
from tests.pipelines.evaluate.evaluations import figures
from tests.pipelines.score.worlds import picture

GRAYS = {"angry": 51, "happy": 128, "sad": 204}
ODD = ["a b.png", "ä+%20.png", "100%.png", "[x]{y}*?.png", "a:b#c&d.png", "a.png", "日本.png", "x'\"y.png"]
PATHS = sorted(f"{label}/{name}" for label in GRAYS for name in ODD)
BUILD = ["--source", "folder", "--size", "8:gray", "--detector", "none", "--seed", "3"]
TRAIN = ["--network", "small_cnn", "--epochs", "1", "--batch-size", "4", "--device", "cpu", "--threads", "1"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of different content, by label, their names as odd as S3 allows."""
    root = tmp_path_factory.mktemp("pictures")
    for label, gray in GRAYS.items():
        for number, name in enumerate(ODD):
            picture(root / label / name, gray + number, right=gray - number)
    return root


def configure(spark: SparkSession, settings: dict[str, str]) -> None:
    conf: Any = spark._jsc.hadoopConfiguration()
    for name, value in settings.items():
        conf.set(name, value)


def evaluated_and_explained(bundle: Path, shards: str, why: str, folder: Path, read_from: str = "") -> float:
    """The accuracy of a bundle on shards, by the reader, which may need another address; a face per label is explained
    by Spark."""
    words = ["--bundle", str(bundle), "--split", "train", "--device", "cpu"]
    output = str(folder / "evaluation")
    assert evaluate([*words, "--map-labels", "--shards", read_from or shards, "--output", output]) == 0
    few = ["--per-class", "1", "--samples", "60", "--segment-count", "4"]
    assert explain([*words, "--shards", shards, "--output", why, *few]) == 0
    return float(figures(folder / "evaluation")["scores"]["accuracy"])


def archived(pictures: Path, folder: Path) -> Path:
    """A folder with two archives of the pictures, whose names are odd."""
    for kind in ("tar", "zip"):
        shutil.make_archive(str(folder / "archives" / f"all {kind} 100% [ä]"), kind, pictures)
    return folder / "archives"


def with_copies(shards: str, output: str) -> None:
    assert augment(["--shards", shards, "--output", output, "--to", "30"]) == 0


def compared_and_searched(shards: str, folder: Path) -> None:
    """Two remedies and one trial; the reader reads the shards."""
    words, remedies = ["--shards", shards, *TRAIN, "--no-augment"], ["--method", "none", "--method", "knn"]
    assert compare([*words, "--output", str(folder / "compared"), *remedies, "--seeds", "0"]) == 0
    compared = json.loads((folder / "compared" / "comparison.json").read_bytes())
    assert [method["name"] for method in compared["methods"]] == ["none", "knn"]
    space = folder / "space.toml"
    space.write_text("learning_rate = [0.01]\n", encoding="utf-8")
    assert tune([*words, "--output", str(folder / "tuned"), "--space", str(space), "--trials", "1"]) == 0
    assert (folder / "tuned" / "best" / "card.json").exists()
