"""`fer_explain` in SQL: from picture files and from shard columns, as one process would say it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from pyspark.errors import PythonException
from pyspark.sql import SparkSession

from fer_spark.explaining.lime import Face, explain
from fer_spark.networks.bundle import load_bundle
from fer_spark.udf import LimeSettings, explain_udf, register_explain
from tests.pipelines.evaluate.evaluations import SIDE, write_bundle
from tests.pipelines.score.worlds import BRIGHT, DARK, NAMES, lake

LIME = LimeSettings(samples=64, segment_count=4, hide="black")
GRAYS = {"a.png": DARK, "b.png": BRIGHT}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"), NAMES, views="single")


def alone(bundle: Path, gray: int, seeded_by: str) -> tuple[str, list[float]]:
    (found,) = explain(
        [Face(seeded_by, np.full((SIDE, SIDE), gray, np.uint8), None)], load_bundle(bundle), LIME, (0.5,)
    )
    return NAMES[found.label], found.model.weights.tolist()


@pytest.mark.job
def test_pictures_and_pixels_are_explained_as_in_one_process(spark: SparkSession, bundle: Path, tmp_path: Path) -> None:
    register_explain(spark, bundle, lime=LIME)
    files = spark.read.format("binaryFile").load(str(lake(tmp_path / "lake", GRAYS)))
    files.createOrReplaceTempView("files")
    rows = spark.sql(
        "SELECT right(path, 5) AS name, substr(sha2(content, 256), 1, 32) AS id, fer_explain(content) AS e FROM files"
    ).collect()
    assert {row["name"] for row in rows} == GRAYS.keys()
    for row in rows:
        label, weights = alone(bundle, GRAYS[row["name"]], row["id"])
        assert (row["e"]["status"], row["e"]["explained_label"]) == ("ok", label)
        assert row["e"]["weights"] == pytest.approx(weights, abs=1e-5)
    pixels = [("one", bytes([DARK] * SIDE * SIDE)), ("none", None), ("short", b"abc")]
    spark.createDataFrame(pixels, "face_id string, image binary").createOrReplaceTempView("faces")
    found = {
        row["face_id"]: row["e"]
        for row in spark.sql("SELECT face_id, fer_explain_pixels(image, face_id) AS e FROM faces").collect()
    }
    assert found["one"]["weights"] == pytest.approx(alone(bundle, DARK, "one")[1], abs=1e-5)
    assert {found[name]["status"] for name in ("none", "short")} == {"unreadable"}
    (nameless,) = spark.sql(
        "SELECT fer_explain_pixels(image, CAST(NULL AS STRING)) AS e FROM faces WHERE face_id = 'one'"
    ).collect()
    hashed = hashlib.sha256(bytes([DARK] * SIDE * SIDE)).hexdigest()[:32]
    assert nameless["e"]["weights"] == pytest.approx(alone(bundle, DARK, hashed)[1], abs=1e-5)
    with pytest.raises(PythonException, match="CAST"):
        spark.sql("SELECT fer_explain_pixels(image, 17) AS e FROM faces").collect()


def test_settings_that_cannot_be_are_refused_on_the_driver(spark: SparkSession, bundle: Path) -> None:
    with pytest.raises(ValueError, match="--samples"):
        explain_udf(bundle, lime=LimeSettings(samples=0))
    with pytest.raises(ValueError, match="expected one of pictures, pixels"):
        explain_udf(bundle, content="faces")
