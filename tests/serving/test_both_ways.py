"""One face, every way that leads to its score: the same probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest
from pyspark.errors import PythonException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from fer_spark.networks.bundle import load_bundle
from fer_spark.rows import RAW_IMAGE
from fer_spark.sample import write_folder
from fer_spark.scoring.columns import RowSettings
from fer_spark.scoring.on_spark import ScoreJob, score_frame
from fer_spark.serving.model import face_settings, pixel_format, prepare_for, ship_bundle
from fer_spark.shards.read.reader import ReadSettings, open_shards
from fer_spark.udf import predict_udf, register
from tests.pipelines.build.builds import build, manifest, shards
from tests.pipelines.evaluate.evaluations import write_bundle
from tests.pipelines.score.worlds import NAMES, score, scores, summary

COUNT = 14
SIZES = ["8:gray", "64:rgb:png"]
Answers = dict[str, npt.NDArray[np.float64]]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("drawn") / "pictures"
    write_folder(directory, COUNT, seed=12)
    return directory


@pytest.fixture(scope="module")
def built(spark: SparkSession, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("built") / "shards"
    flags = {"detector": "haar", "photometric": "clahe", "split": "none", "leak_guard": "off"}
    assert build(output, source="folder", input=pictures, size=SIZES, **flags) == 0
    return output


@pytest.fixture(scope="module")
def bundle(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    preparation = manifest(built)["settings"]["preparation"]
    return write_bundle(tmp_path_factory.mktemp("bundle"), NAMES, va_head=True, preparation=preparation)


@pytest.fixture(scope="module")
def by_reader(built: Path, bundle: Path) -> Answers:
    """Shards → reader → network: how the model was trained and evaluated. By face_id."""
    ids = [
        face
        for file in manifest(built)["files"]
        for face in pq.read_table(built / file["path"], columns=["face_id"], partitioning=None)["face_id"].to_pylist()
    ]
    answers: Answers = {}
    settings = ReadSettings(image_column="image_8_gray", batch_size=5, shuffle=False, last_batch="pad")
    with open_shards(str(built), "train", settings) as reader:
        for batch in reader.epoch(0):
            real = batch.real.numpy()
            found = load_bundle(bundle).predict_proba(batch.images.numpy()[real])
            answers |= dict(zip([ids[row] for row in batch.rows.numpy()[real]], found, strict=True))
    assert len(answers) == len(ids) >= COUNT // 2
    return answers


def same(rows: list[dict[str, Any]], answers: Answers) -> None:
    fine = {row["face_id"]: row for row in rows if row["status"] == "ok"}
    assert fine.keys() == answers.keys()
    for face, row in fine.items():
        assert [name for name, _ in row["probabilities"]] == NAMES
        assert [share for _, share in row["probabilities"]] == pytest.approx(answers[face], abs=1e-5)
        assert row["label"] == NAMES[int(answers[face].argmax())]


def test_pictures_give_what_their_shards_give(
    spark: SparkSession, pictures: Path, bundle: Path, by_reader: Answers, tmp_path: Path
) -> None:
    assert score(bundle, pictures, tmp_path / "raw", kind="folder") == 0
    rows = scores(tmp_path / "raw")
    assert len({row["source_path"] for row in rows}) == COUNT
    same(rows, by_reader)
    assert {row["given_label"] for row in rows} >= {"happy"}


def test_shards_are_scored_without_being_prepared_again(
    spark: SparkSession, built: Path, bundle: Path, by_reader: Answers, tmp_path: Path
) -> None:
    assert score(bundle, built, tmp_path, kind="shards") == 0
    rows = scores(tmp_path)
    same(rows, by_reader)
    by_face = {row["face_id"]: row for row in shards(built).to_pylist()}
    for row in rows:
        assert row["box_left"] == by_face[row["face_id"]]["box_left"]
        assert row["given_label"] == by_face[row["face_id"]]["label"]


@pytest.mark.job
def test_faces_of_shards_are_scored_once(
    spark: SparkSession, built: Path, bundle: Path, by_reader: Answers, tmp_path: Path
) -> None:
    words = ["--incremental", "--checkpoint", str(tmp_path / "ledger"), "--chunk-images", "6"]
    for expected in (len(by_reader), 0):
        assert score(bundle, built, tmp_path / "scores", *words, kind="shards") == 0
        assert summary(tmp_path / "scores")["faces"] == expected
        same(scores(tmp_path / "scores"), by_reader)


@pytest.mark.parametrize("partitions", [1, 3, 16])
def test_distributed_equals_local(
    spark: SparkSession, pictures: Path, bundle: Path, by_reader: Answers, partitions: int
) -> None:
    raw = spark.createDataFrame(
        [(str(path.relative_to(pictures)), path.read_bytes()) for path in sorted(pictures.rglob("*.*g"))],
        "source_path string, content binary",
    )
    empty = [F.lit(None).cast(c.sql_type).alias(c.name) for c in RAW_IMAGE.columns if c.name not in raw.columns]
    frame = raw.select("*", *empty).withColumn("encoding", F.lit("file")).repartition(partitions, "source_path")
    shipped = ship_bundle(spark, str(bundle))
    settings = face_settings(shipped.card, "largest")
    prepare = prepare_for(shipped.card, settings)
    job = ScoreJob(shipped.spec, pixel_format(shipped.card, settings), RowSettings(prepare.digest), prepare)
    assert frame.rdd.getNumPartitions() == partitions
    rows = [row.asDict() for row in score_frame(frame, job).collect()]
    same([{**row, "probabilities": list((row["probabilities"] or {}).items())} for row in rows], by_reader)


@pytest.mark.job
def test_sql_gives_the_same_from_bytes_and_from_shard_columns(
    spark: SparkSession, pictures: Path, built: Path, bundle: Path, by_reader: Answers
) -> None:
    register(spark, bundle)
    faces = spark.read.parquet(*[str(built / file["path"]) for file in manifest(built)["files"]])
    faces.createOrReplaceTempView("faces")
    files = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(str(pictures))
    files.createOrReplaceTempView("files")
    pixels = spark.sql("SELECT face_id, fer_predict_pixels(image_8_gray) AS p FROM faces").collect()
    assert {row["face_id"] for row in pixels} == by_reader.keys()
    for row in pixels:
        assert [row["p"]["probabilities"][name] for name in NAMES] == pytest.approx(by_reader[row["face_id"]], abs=1e-5)
    found = spark.sql(
        "SELECT image_id, face_id, p FROM faces RIGHT JOIN "
        "(SELECT substr(sha2(content, 256), 1, 32) AS id, fer_predict(content) AS p FROM files) ON image_id = id"
    ).collect()
    assert len(found) == COUNT
    for row in found:
        assert row["p"]["status"] == ("ok" if row["face_id"] else "no_face")
        if row["face_id"]:
            shares = [row["p"]["probabilities"][name] for name in NAMES]
            assert shares == pytest.approx(by_reader[row["face_id"]], abs=1e-5)
            assert row["p"]["confidence"] == pytest.approx(max(shares))
            assert -1 <= row["p"]["valence"] <= 1


def test_the_function_answers_every_row_also_where_there_is_no_picture(spark: SparkSession, bundle: Path) -> None:
    predict = predict_udf(bundle, detector="none")
    frame = spark.createDataFrame([(0, None), (1, bytearray(b"")), (2, bytearray(b"text"))], "n int, content binary")
    rows = frame.withColumn("p", predict("content")).orderBy("n").collect()
    assert [row["p"]["status"] for row in rows] == ["empty", "empty", "unreadable"]
    assert [row["p"]["label"] for row in rows] == [None] * 3
    pixels = predict_udf(bundle, content="pixels")
    row = frame.limit(1).select(pixels("content").alias("p")).collect()[0]
    assert row["p"]["status"] == "unreadable"


@pytest.mark.job
def test_a_column_that_holds_no_bytes_is_an_error_not_a_table_of_unreadable_pictures(
    spark: SparkSession, bundle: Path
) -> None:
    predict: Any = predict_udf(bundle, detector="none")
    frame = spark.createDataFrame([("a.png", 7, None)], "path string, n int, nothing binary")
    for columns, said in ((("path",), "got str"), (("n",), "got int"), (("nothing", "path"), "got Series")):
        with pytest.raises(PythonException, match=said):
            frame.select(predict(*columns)).collect()
    assert frame.select(predict("nothing").status).collect()[0][0] == "empty"
    with pytest.raises(ValueError, match="expected one of auto, cpu, gpu"):
        predict_udf(bundle, device="tpu")


def test_a_content_that_does_not_exist_is_refused(spark: SparkSession, bundle: Path) -> None:
    with pytest.raises(ValueError, match="expected one of pictures, pixels"):
        predict_udf(bundle, content="faces")
