"""`--explain` inside score: which faces are chosen, what their rows say, and that nothing is explained twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from fer_spark.explaining.lime import Face, explain
from fer_spark.explaining.settings import LimeSettings
from fer_spark.networks.bundle import load_bundle
from fer_spark.scoring.choice import Wish, wishes
from tests.pipelines.evaluate.evaluations import SIDE, write_bundle
from tests.pipelines.score.worlds import BRIGHT, DARK, MIDDLE, NAMES, lake, picture, score, scores, summary

LABELLED = {"happy/dark.png": DARK, "happy/middle.png": MIDDLE, "sad/bright.png": BRIGHT, "angry/gray.png": 75}
QUICK = ("--samples", "64", "--segment-count", "4", "--hide", "black")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"), NAMES, views="single")


def explanations(output: Path) -> list[dict[str, Any]]:
    """Rows of the files that the summary lists, by path."""
    found = [
        row for name in summary(output)["explanations"]["files"] for row in pq.read_table(output / name).to_pylist()
    ]
    return sorted(found, key=lambda row: row["source_path"])


def test_words_become_wishes_or_a_message() -> None:
    said = ("0.25", "least-confident:7", "disagreements", "where:label = 'a:b' AND x < 1")
    assert wishes(said) == (
        Wish(share=0.25),
        Wish(least_confident=7),
        Wish(disagreements=True),
        Wish(where="label = 'a:b' AND x < 1"),
    )
    for wrong in ("", "0", "1.01", "nan", "least-confident", "least-confident:0", "where:", "disagreement", "-0.1"):
        with pytest.raises(ValueError, match="--explain"):
            wishes((wrong,))


@pytest.mark.job
def test_a_disagreement_is_explained_as_in_one_process_and_its_crop_is_not_published(
    spark: SparkSession, bundle: Path, tmp_path: Path
) -> None:
    source, output = lake(tmp_path / "lake", LABELLED), tmp_path / "scores"
    assert score(bundle, source, output, "--label-from", "parent", "--explain", "disagreements", *QUICK) == 0
    (row,) = explanations(output)
    by_path = {one["source_path"]: one for one in scores(output)}
    scored = by_path["happy/dark.png"]
    assert (row["source_path"], row["label"], row["explained_label"]) == ("happy/dark.png", "happy", "angry")
    assert row["face_id"] == scored["face_id"]
    assert row["probability"] == pytest.approx(scored["confidence"], abs=1e-5)
    assert all(one["crop"] is None for one in by_path.values())
    lime = LimeSettings(samples=64, segment_count=4, hide="black")
    face = Face(row["face_id"], np.full((SIDE, SIDE), DARK, np.uint8), None)
    (alone,) = explain([face], load_bundle(bundle), lime, (0.5,))
    assert row["weights"] == pytest.approx(alone.model.weights.tolist(), abs=1e-5)
    assert summary(output)["explanations"]["faces"] == 1


@pytest.mark.job
def test_the_least_sure_and_a_condition_join_and_a_share_draws_the_same_faces_each_time(
    spark: SparkSession, bundle: Path, tmp_path: Path
) -> None:
    source = lake(tmp_path / "lake", {f"{gray}.png": gray for gray in range(40, 220, 6)})
    asked = ("--explain", "least-confident:2", "--explain", "where:source_path = '40.png'", *QUICK)
    assert score(bundle, source, tmp_path / "a", *asked) == 0
    rows = {row["source_path"]: row["confidence"] for row in scores(tmp_path / "a")}
    least = sorted(rows, key=lambda name: rows[name])[:2]
    assert [row["source_path"] for row in explanations(tmp_path / "a")] == sorted({*least, "40.png"})
    drawn = []
    for number, name in enumerate("bc"):
        assert score(bundle, source, tmp_path / name, "--explain", "0.4", *QUICK, "--keep-crop") == 0
        drawn.append([(row["source_path"], row["weights"]) for row in explanations(tmp_path / name)])
        assert all(row["crop"] for row in scores(tmp_path / name)), number
    assert drawn[0] == drawn[1]
    assert 5 <= len(drawn[0]) <= 19  # of 30, at a share of 0.4: beyond this is one in 10,000


@pytest.mark.job
def test_more_of_the_least_sure_than_there_are_faces_is_all_of_them(
    spark: SparkSession, bundle: Path, tmp_path: Path
) -> None:
    source = lake(tmp_path / "lake", {"a.png": DARK, "b.png": MIDDLE})
    assert score(bundle, source, tmp_path / "scores", "--explain", "least-confident:10000000000", *QUICK) == 0
    assert [row["source_path"] for row in explanations(tmp_path / "scores")] == ["a.png", "b.png"]


@pytest.mark.job
def test_each_commit_explains_its_own_faces_once_and_strays_are_removed(
    spark: SparkSession, bundle: Path, tmp_path: Path
) -> None:
    source, output = lake(tmp_path / "lake", {"a.png": DARK, "b.png": MIDDLE}), tmp_path / "scores"
    words = ("--incremental", "--checkpoint", str(tmp_path / "ledger"), "--explain", "1", *QUICK)
    assert score(bundle, source, output, *words) == 0
    assert [row["source_path"] for row in explanations(output)] == ["a.png", "b.png"]
    (first,) = summary(output)["explanations"]["files"]
    stray = output / (first[: first.rindex("-")] + "-00000000.parquet")
    stray.write_bytes(b"left by a run that was killed")
    picture(source / "c.png", BRIGHT)
    assert score(bundle, source, output, *words) == 0
    assert [row["source_path"] for row in explanations(output)] == ["a.png", "b.png", "c.png"]
    assert summary(output)["explanations"]["faces"] == 1
    assert not stray.exists()
    assert spark.read.parquet(str(output)).count() == 3  # readers of the directory do not see the explanations
    assert score(bundle, source, output, "--incremental", "--checkpoint", str(tmp_path / "ledger")) == 0
    assert len(explanations(output)) == 3


def test_a_condition_that_spark_does_not_understand_stops_before_any_work(
    spark: SparkSession, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = lake(tmp_path / "lake", {"a.png": DARK})
    for asked, said in (("where:nothing > 1", "confidence"), ("where:a >", "--explain"), ("sometimes", "expected")):
        assert score(bundle, source, tmp_path / "scores", "--explain", asked) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "scores").exists()
