from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from fer_spark.explaining.lime import Face, explain
from fer_spark.explaining.on_spark import ExplainJob, explain_faces, predict_faces
from fer_spark.explaining.settings import LimeSettings
from fer_spark.explaining.superpixels import decode_segments
from fer_spark.pixels.shape import FaceShape
from fer_spark.pixels.stored import StoredPixels
from fer_spark.rows import EXPLANATION
from fer_spark.serving.explain_udf import function_of
from tests.explaining.scorers import RegionScorer, RegionSpec, noise

SIDE = 24
PIXELS = StoredPixels("image_24_gray", FaceShape(SIDE, "gray"))
SPEC = RegionSpec(((0, 4, 4, 8), (20, 24, 20, 24)), (0.6, -0.1))
SETTINGS = LimeSettings(samples=120, hide="black", label="happy", fidelity=True, target="probability", keep=0.5)


@dataclass(frozen=True)
class CountedSpec:
    """Notes in a file that it was opened."""

    notes: str

    @property
    def key(self) -> str:
        return f"counted {self.notes}"

    def open(self) -> RegionScorer:
        import os

        with open(self.notes, "a") as file:
            file.write(f"{os.getpid()}\n")
        return SPEC.open()


def _faces(spark: SparkSession, count: int, partitions: int = 1) -> DataFrame:
    rows = [(f"{i:032x}", ("happy", "sad")[i % 2], bytearray(noise((SIDE, SIDE), i).tobytes())) for i in range(count)]
    rows[3] = (rows[3][0], "happy", bytearray(b"not a face"))
    rows[4] = (rows[4][0], "happy", None)
    return spark.createDataFrame(rows, "face_id string, label string, image_24_gray binary").repartition(partitions)


def _rows(faces: DataFrame, job: ExplainJob) -> list[dict[str, Any]]:
    return [row.asDict() for row in explain_faces(faces, job).orderBy("face_id").collect()]


def test_the_rows_are_those_of_one_process_whatever_the_partitions_and_the_groups(spark: SparkSession) -> None:
    job = ExplainJob(SPEC, SETTINGS, PIXELS, (0.4,))
    one = _rows(_faces(spark, 13), job)
    assert _rows(_faces(spark, 13, 3), job) == one
    assert _rows(_faces(spark, 13, 16), replace(job, group_faces=2)) == one
    assert [row["face_id"] for row in one] == [f"{i:032x}" for i in range(13)]
    assert list(one[0]) == EXPLANATION.names
    (local,) = explain([Face(one[7]["face_id"], noise((SIDE, SIDE), 7))], SPEC.open(), SETTINGS)
    row = one[7]
    assert row["weights"] == pytest.approx(local.model.weights, abs=1e-7)
    assert int(np.argmax(row["weights"])) == 1  # the square of 4 px in row 0, column 1
    assert (decode_segments(bytes(row["segment_map"]), SIDE) == local.segmentation.map).all()
    assert (row["status"], row["label"], row["explained_label"], row["explained"]) == ("ok", "sad", "happy", True)
    assert (row["samples"], row["segment_count"], row["model_digest"]) == (120, 36, "of-regions")
    assert row["deletion_auc"] < row["deletion_random"]
    assert row["image_id"] is None


def test_pixels_that_cannot_be_read_are_rows_that_say_so(spark: SparkSession) -> None:
    rows = _rows(_faces(spark, 6), ExplainJob(SPEC, SETTINGS, PIXELS, (0.4,)))
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "unreadable", "unreadable", "ok"]
    assert "10 bytes, expected 576" in rows[3]["detail"]
    assert "null" in rows[4]["detail"]
    assert rows[3]["weights"] is None
    assert rows[3]["model_digest"] == "of-regions"


def test_a_model_is_opened_once_per_worker(spark: SparkSession, tmp_path: Path) -> None:
    notes = tmp_path / "opened"
    job = ExplainJob(CountedSpec(str(notes)), replace(SETTINGS, samples=10, fidelity=False), PIXELS, (0.4,))
    explain_faces(_faces(spark, 12, 12), job).count()
    rows = explain_faces(_faces(spark, 12, 12), job).collect()
    opened = notes.read_text().split()
    assert len(rows) == 12
    assert len(opened) == len(set(opened)) <= 4  # twelve tasks, twice


def test_predictions_are_the_models_own(spark: SparkSession) -> None:
    rows = {row["face_id"]: row for row in predict_faces(_faces(spark, 6, 2), SPEC, PIXELS).collect()}
    expected = SPEC.open().predict_proba(noise((SIDE, SIDE), 5)[None])[0]
    assert rows[f"{5:032x}"]["confidence"] == pytest.approx(expected.max(), abs=1e-6)
    assert rows[f"{5:032x}"]["predicted"] == ("sad", "happy")[int(expected.argmax())]
    assert rows[f"{3:032x}"]["confidence"] is None


def test_in_sql_the_same_comes_out(spark: SparkSession) -> None:
    job = ExplainJob(SPEC, replace(SETTINGS, fidelity=False), PIXELS, (0.4,))
    function: Any = function_of(job, None)
    spark.udf.register("fer_explain", function)
    _faces(spark, 6, 2).createOrReplaceTempView("faces")
    found = spark.sql("SELECT face_id, e.* FROM (SELECT face_id, fer_explain(image_24_gray, face_id) AS e FROM faces)")
    rows = [row.asDict() for row in found.orderBy("face_id").collect()]
    for of_sql, of_job in zip(rows, _rows(_faces(spark, 6), job), strict=True):
        assert of_sql == {name: value for name, value in of_job.items() if name in of_sql}
        assert len(of_sql) == len(of_job) - 3
    assert rows[3]["status"] == "unreadable"


def test_missing_columns_and_bad_settings_are_named_on_the_driver(spark: SparkSession) -> None:
    with pytest.raises(ValueError, match="no column image_48_gray"):
        explain_faces(_faces(spark, 6), ExplainJob(SPEC, SETTINGS, replace(PIXELS, column="image_48_gray")))
    with pytest.raises(ValueError, match="--samples"):
        explain_faces(_faces(spark, 6), ExplainJob(SPEC, replace(SETTINGS, samples=0), PIXELS))
