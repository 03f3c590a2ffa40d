"""`fer-spark score` from pictures to published scores, on pictures whose answers are known."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pyspark.sql import SparkSession

from fer_spark.cli.commands.score import main
from fer_spark.scoring.outputs.read import read_scores
from fer_spark.tables.errors import OutputError
from tests.pipelines.evaluate.evaluations import expected, write_bundle
from tests.pipelines.score.worlds import BRIGHT, DARK, MIDDLE, NAMES, lake, picture, score, scores, summary

GRAYS = {"a.png": DARK, "b.png": MIDDLE, "c/d.png": BRIGHT, "c/e.png": 60, "c/f f+%.png": 90}
UNNAMED = "lat\\xe9.png"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"), NAMES, views="single", data={"train_counts": {"sad": 9}})


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five pictures, a text, a file without bytes, and one whose name is no valid text."""
    root = lake(tmp_path_factory.mktemp("lake"), GRAYS)
    (root / "text.png").write_bytes(b"this is no picture")
    (root / "nothing.png").write_bytes(b"")
    picture(root / os.fsdecode(b"lat\xe9.png"), DARK)
    return root


@pytest.fixture(scope="module")
def scored(spark: SparkSession, bundle: Path, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("scored") / "scores"
    assert score(bundle, pictures, output, "--abstain-below", "0.8", "--keep-crop") == 0
    return output


def test_every_picture_is_a_row_with_the_answer_of_the_formula_or_a_status(scored: Path) -> None:
    rows = {row["source_path"]: row for row in scores(scored)}
    assert rows.keys() == {*GRAYS, "text.png", "nothing.png", UNNAMED}
    for name, gray in GRAYS.items():
        row, truth = rows[name], expected(gray, NAMES)
        assert row["status"] == "ok"
        assert row["label"] == NAMES[int(truth.argmax())]
        assert [share for _, share in row["probabilities"]] == pytest.approx(truth, abs=1e-5)
        assert row["confidence"] == pytest.approx(truth.max(), abs=1e-5)
        assert row["margin"] == pytest.approx(np.sort(truth)[-1] - np.sort(truth)[-2], abs=1e-5)
        assert row["abstained"] == (truth.max() < 0.8)
        assert (cv2.imdecode(np.frombuffer(row["crop"], np.uint8), cv2.IMREAD_UNCHANGED) == gray).all()
    for name, status in (("text.png", "unreadable"), ("nothing.png", "empty"), (UNNAMED, "hidden_name")):
        assert rows[name]["status"] == status
        assert rows[name]["detail"]
        assert rows[name]["label"] is None


def test_the_summary_holds_the_numbers_by_hand(scored: Path, bundle: Path) -> None:
    told, truth = summary(scored), {name: expected(gray, NAMES) for name, gray in GRAYS.items()}
    assert told["pictures"] == 8
    assert told["scored_pictures"] == told["faces"] == 5
    assert told["not_scored"] == {"empty": 1, "hidden_name": 1, "unreadable": 1}
    assert told["bad_fraction"] == pytest.approx(3 / 8)
    assert told["labels"] == {"angry": 2, "happy": 2, "sad": 1}  # 90/255 is nearer to 0.5 than to 0.2
    assert told["mean_confidence"] == pytest.approx(np.mean([t.max() for t in truth.values()]), abs=1e-5)
    assert told["mean_confidence_by_label"]["sad"] == pytest.approx(truth["c/d.png"].max(), abs=1e-5)
    assert sum(told["confidence_histogram"]) == 5
    assert told["abstained"] == sum(t.max() < 0.8 for t in truth.values()) == 1
    assert told["model"]["labels"] == NAMES
    assert {row["model_digest"] for row in scores(scored)} == {told["model"]["digest"]}
    assert {row["preparation_digest"] for row in scores(scored)} == {told["preparation_digest"]}
    (shift,) = told["drift"]
    assert (shift["what"], shift["against"], shift["then"], shift["flagged"]) == ("labels", "training data", 9, False)


def test_spark_reads_the_directory_as_a_table_and_through_its_summary(spark: SparkSession, scored: Path) -> None:
    table = spark.read.parquet(str(scored))
    assert table.count() == read_scores(spark, str(scored)).count() == 8
    assert table.where("probabilities['sad'] > 0.5").count() == 1


def test_scores_that_are_there_are_replaced_only_on_request(
    spark: SparkSession, scored: Path, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "again"
    shutil.copytree(scored, output)
    few = lake(tmp_path / "few", {"x.png": BRIGHT})
    assert score(bundle, few, output) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert len(scores(output)) == 8
    assert score(bundle, few, output, "--overwrite", "--salt", "pepper") == 0
    (row,) = scores(output)
    assert row["label"] == "sad"
    assert len(list(output.glob("*.parquet"))) == 1
    assert "x.png" not in repr(row)
    assert len(row["source_path"]) == 32
    assert "pepper" not in (output / "_summary.json").read_text(encoding="utf-8")


def test_files_of_others_are_never_touched(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "theirs.parquet").write_bytes(b"data")
    assert score(bundle, pictures, tmp_path) == 2
    assert "not scores" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["theirs.parquet"]


def test_too_many_bad_pictures_publish_nothing(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path
) -> None:
    assert score(bundle, pictures, tmp_path / "out", "--max-bad-fraction", "0.3", "--format", "json") == 3
    assert not list((tmp_path / "out").iterdir())
    with pytest.raises(OutputError, match="no run has finished"):
        read_scores(spark, str(tmp_path / "out"))
    assert score(bundle, pictures, tmp_path / "out", "--max-bad-fraction", "0.4", "--format", "json") == 0
    rows = read_scores(spark, str(tmp_path / "out"))
    assert rows.count() == 8
    assert rows.where("label = 'sad'").select("probabilities").collect()[0][0].keys() == set(NAMES)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--incremental"], "--checkpoint"),
        (["--abstain-below", "1.5"], "--abstain-below: 1.5, expected 0 to 1"),
        (["--format", "iceberg"], "--checkpoint"),
        (["--format", "delta"], "pip install 'fer-spark[tables]', or add --conf spark.jars.packages=io.delta"),
        (["--device", "gpu"], "spark.task.resource.gpu.amount"),
        (["--bundle", "no-such-bundle"], "no-such-bundle"),
        (["--input", "/no/such/place"], "does not exist"),
        (["--salt", "@/no/such/file"], "no such file"),
    ],
)
def test_wrong_usage_is_code_2_with_the_way_out(
    spark: SparkSession,
    bundle: Path,
    pictures: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    said: str,
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("fer_spark.scoring.outputs.backend.find_spec", lambda package: None)
    assert score(bundle, pictures, tmp_path / "out", *words) == 2
    assert said.lower() in capsys.readouterr().err.lower()
    assert not list((tmp_path / "out").glob("*.*"))


def test_an_unknown_source_is_refused_with_those_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--bundle", "b", "--source", "shard", "--input", "x", "--output", "y"]) == 2
    assert "shards" in capsys.readouterr().err


def test_a_bundle_says_how_its_pictures_are_prepared(tmp_path: Path) -> None:
    from fer_spark.networks.bundle import load_bundle
    from fer_spark.networks.card import BundleError
    from fer_spark.serving.model import face_settings

    made: dict[str, Any] = {"size": ["8:gray", "96:rgb"], "detector": "source", "margin": 0.3, "faces": "all"}
    card = load_bundle(write_bundle(tmp_path / "a", NAMES, preparation=made)).card
    settings = face_settings(card, "largest")
    assert (settings.margin, settings.faces, settings.size) == (0.3, "largest", ("8:gray:raw", "96:rgb:jpeg95"))
    assert settings.detector == "auto"  # the boxes were the training data's
    assert face_settings(card, "all", "haar").detector == "haar"
    newer = load_bundle(write_bundle(tmp_path / "b", NAMES, preparation={"tint": 1})).card
    with pytest.raises(BundleError, match="tint"):
        face_settings(newer, "largest")
    other = load_bundle(write_bundle(tmp_path / "c", NAMES, preparation={"size": ["48:gray"]})).card
    with pytest.raises(BundleError, match="takes 8:gray"):
        face_settings(other, "largest")
