"""Where scores and their ledger lie: names with odd signs, other spellings, books that are not ours or gone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fer_spark.artifacts import Storage
from fer_spark.scoring.ledger import Ledger
from fer_spark.scoring.outputs.delta import Delta
from fer_spark.scoring.outputs.read import read_scores
from tests.pipelines.evaluate.evaluations import write_bundle
from tests.pipelines.score.worlds import DARK, MIDDLE, NAMES, lake, picture, score, summary


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"), NAMES, views="single")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return lake(tmp_path / "lake", {"a.png": DARK, "b.png": MIDDLE})


def nightly(ledger: Path | str) -> list[str]:
    return ["--incremental", "--checkpoint", str(ledger)]


@pytest.mark.job
def test_places_with_signs_that_mean_something_in_a_glob(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "runa", tmp_path / "run[a]"
    for output in (first, second):  # taken for a glob, the second would be the first
        assert score(bundle, pictures, output, "--format", "json") == 0
        assert read_scores(spark, str(output)).count() == 2
        assert f"Scores: {output} " in capsys.readouterr().out  # nor is it markup
    ledger, words = tmp_path / "books{a,b}", ["--explain", "1", "--samples", "32", "--segment-count", "4"]
    for night in range(2):
        picture(pictures / f"{night}.png", 90 + night)
        assert score(bundle, pictures, tmp_path / "s?{1}", *nightly(ledger), *words) == 0
    assert read_scores(spark, str(tmp_path / "s?{1}")).count() == 4
    assert summary(tmp_path / "s?{1}")["unchanged"] == 3


@pytest.mark.job
def test_an_output_is_known_however_it_is_spelt_and_wherever_the_program_starts(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, words = tmp_path / "scores", nightly(tmp_path / "ledger")
    assert score(bundle, pictures, output, *words) == 0
    assert score(bundle, pictures, f"{output}/", *words) == 0
    state = tmp_path / "ledger" / "ledger.json"
    state.write_text(state.read_text(encoding="utf-8").replace(f"file:{output}", str(output)), encoding="utf-8")
    assert score(bundle, pictures, output, *words) == 0  # as an earlier release noted it
    assert summary(output)["unchanged"] == 2
    for text in ("{}", "[1]", "{"):
        state.write_text(text, encoding="utf-8")
        assert score(bundle, pictures, output, *words) == 1
        assert "ledger.json: not a fer_spark ledger, or damaged" in capsys.readouterr().err


@pytest.mark.job
def test_scores_that_are_gone_are_not_said_to_be_there(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, words = tmp_path / "scores", nightly(tmp_path / "ledger")
    assert score(bundle, pictures, output, *words) == 0
    (name,) = summary(output)["files"]
    (output / name).rename(tmp_path / name)
    assert score(bundle, pictures, output, *words) == 1
    said = capsys.readouterr().err
    assert name in said
    assert "is missing" in said
    shutil.rmtree(output)
    assert score(bundle, pictures, output, *words) == 1
    assert not output.exists()
    output.mkdir()
    (tmp_path / name).rename(output / name)
    assert score(bundle, pictures, output, *words) == 0


@pytest.mark.job
def test_a_ledger_among_the_scores_is_refused(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "scores"
    for ledger in (output, output / "ledger"):
        assert score(bundle, pictures, output, *nightly(ledger)) == 2
        assert "begins with _" in capsys.readouterr().err
    assert not output.exists()
    assert score(bundle, pictures, output, *nightly(output / "_ledger")) == 0
    assert score(bundle, pictures, output, *nightly(output / "_ledger")) == 0
    assert summary(output)["unchanged"] == 2


@pytest.mark.parametrize("text", ["{}", '{"format": "explored"}', "[1]", "{", "null"])
def test_a_summary_of_something_else_is_not_ours_to_replace(
    spark: SparkSession, bundle: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    output = tmp_path / "looked_at"
    output.mkdir()
    (output / "_summary.json").write_text(text, encoding="utf-8")
    for more in ([], ["--overwrite"]):
        assert score(bundle, pictures, output, *more) == 2
        assert "is not a summary of scores, or damaged" in " ".join(capsys.readouterr().err.split())
    assert (output / "_summary.json").read_text(encoding="utf-8") == text


def test_a_table_that_was_killed_before_its_first_commit_is_left_to_the_next(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "part-00000.parquet").write_bytes(b"no log speaks of it")
    Delta(spark, str(tmp_path), Storage(spark, str(tmp_path))).drop_uncommitted(
        Ledger(Storage(spark, str(tmp_path / "ledger")))
    )


@pytest.mark.job
@pytest.mark.parametrize("trigger", [[], ["--trigger", "stream"]])
def test_a_night_without_pictures_is_a_night_without_work(
    spark: SparkSession, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], trigger: list[str]
) -> None:
    source, output, words = tmp_path / "lake", tmp_path / "scores", nightly(tmp_path / "ledger")
    source.mkdir()
    assert score(bundle, source, output) == 2  # not every night, but by hand: the wrong folder
    for _ in range(2):
        assert score(bundle, source, output, *words, *trigger) == 0
        assert "No pictures in the input" in capsys.readouterr().out
    picture(source / "a.png", 90)
    assert score(bundle, source, output, *words, *trigger) == 0
    assert summary(output)["scored_pictures"] == 1
    (source / "a.png").unlink()
    assert score(bundle, source, output, *words, *trigger) == 0
    assert read_scores(spark, str(output)).count() == 1
