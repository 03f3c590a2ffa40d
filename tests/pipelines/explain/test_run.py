"""`fer-spark explain` whole: shards and a bundle that judges by the left half of a face."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from fer_spark.cli import main as cli
from fer_spark.cli.commands.explain import main
from fer_spark.explaining.lime import Face, explain
from fer_spark.explaining.settings import LimeSettings
from fer_spark.faces.crop_points import CropPoints
from fer_spark.faces.geometry import CropSquare, FaceBox
from fer_spark.networks.bundle import load_bundle
from fer_spark.pipelines.explain import run as explain_run
from fer_spark.pipelines.explain.overlays import map_name
from fer_spark.pipelines.explain.summary import print_summary
from fer_spark.rows import EXPLANATION
from tests.pipelines.evaluate.evaluations import SIDE, TRAIN, VAL, write_bundle, write_shards

NAMES = ["angry", "happy", "sad"]
QUICK = [
    *("--samples", "60", "--segment-count", "4", "--hide", "black", "--target", "probability", "--keep", "0.5"),
    *("--views", "single", "--device", "cpu"),
]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("shards"), {"train": TRAIN, "val": VAL}, NAMES)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"), NAMES)


def _run(bundle: Path, shards: Path, output: Path, *more: str) -> int:
    words = ["--bundle", str(bundle), "--shards", str(shards), "--output", str(output)]
    return main([*words, *QUICK, *more])


def _rows(output: Path) -> list[dict[str, Any]]:
    return sorted(pq.read_table(output / "explanations").to_pylist(), key=lambda row: row["face_id"])


def _summary(output: Path) -> dict[str, Any]:
    return dict(json.loads((output / "_explanations.json").read_text(encoding="utf-8")))


def _ids(output: Path) -> list[int]:
    return [int(row["face_id"].rsplit("-", 1)[1]) for row in _rows(output)]


def test_every_face_of_the_split_is_explained_by_its_left_half(
    spark: SparkSession, bundle: Path, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "why [b] 5%41#x"
    assert _run(bundle, shards, output, "--fidelity", "--overlays", "2") == 0
    rows = _rows(output)
    assert [list(row) for row in rows[:1]] == [EXPLANATION.names]
    assert _ids(output) == list(range(10))
    sad = rows[2]
    assert (sad["label"], sad["predicted"], sad["explained_label"]) == ("sad", "sad", "sad")
    left, right = [sad["weights"][i] for i in (0, 2)], [sad["weights"][i] for i in (1, 3)]
    assert min(left) > 0.2
    assert np.abs(right).max() < 0.1
    assert sad["r2_held_out"] is None  # three of the sixteen masks there are would say nothing
    assert not sad["explained"]
    assert sad["unique_samples"] == 16
    settings = LimeSettings(samples=60, segment_count=4, hide="black", target="probability", keep=0.5, views="single")
    pixels = np.frombuffer(VAL[2].pixels, np.uint8).reshape(SIDE, SIDE)
    (local,) = explain([Face(sad["face_id"], pixels)], load_bundle(bundle), settings)
    assert sad["weights"] == pytest.approx(local.model.weights, abs=1e-5)  # distributed is local
    summary = _summary(output)
    assert (summary["faces"], summary["per_status"]) == (10, {"ok": 10})
    assert sum(one["faces"] for one in summary["per_label"].values()) == 10
    assert summary["per_label"]["sad"]["faces"] == 4
    by_hand = np.mean([row["weights"][0] for row in rows if row["explained_label"] == "sad"])
    assert summary["mean_weights"]["sad"]["0"] == pytest.approx(by_hand, abs=1e-6)
    by_hand = np.std([row["weights"][0] for row in rows if row["explained_label"] == "sad"], ddof=1)
    assert summary["spread_weights"]["sad"]["0"] == pytest.approx(by_hand, abs=1e-6)
    assert summary["fidelity"]["all"]["faces"] == 10
    assert summary["fidelity"]["sad"]["deletion_gain_random"]["mean"] >= 0
    pictures = sorted(path.relative_to(output).as_posix() for path in output.rglob("*.png"))
    assert pictures == summary["overlays"]
    assert sum(name.startswith("overlays/") for name in pictures) == 2
    assert "maps/sad.png" in pictures
    assert not (output / "_explaining.json").exists()
    said = capsys.readouterr().out
    assert "held-out R²" in said
    assert said.endswith(f"file:{output}/_explanations.json\n")
    before = (output / "_explanations.json").read_bytes()
    assert _run(bundle, shards, output, "--fidelity", "--overlays", "2") == 0
    assert f"Nothing to do: {output} is complete." in capsys.readouterr().out
    assert (output / "_explanations.json").read_bytes() == before
    assert _run(bundle, shards, output, "--samples", "61") == 2
    assert "holds other explanations" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [
        (["--disagreements"], [3, 7, 8]),
        (["--where", "label = 'happy' AND face_index = 1"], [9]),
        (["--where", "confidence < 0.99 and predicted = 'happy'", "--limit", "1"], None),
        (["--least-confident", "1"], None),
        (["--per-class", "1", "--segments", "landmarks", "--overlays", "1"], None),
        (["--per-class", "1", "--least-confident", "2", "--where", "label is not null"], None),
    ],
)
def test_faces_are_chosen_as_asked(
    spark: SparkSession, bundle: Path, shards: Path, tmp_path: Path, flags: list[str], chosen: list[int] | None
) -> None:
    output = tmp_path / "why"
    assert _run(bundle, shards, output, "--samples", "8", *flags) == 0
    if chosen is not None:
        assert _ids(output) == chosen
    elif "--least-confident" in flags and "--per-class" in flags:
        assert {str(row["label"]) for row in _rows(output)} == {"angry", "happy", "sad"}
        assert 3 <= len(_ids(output)) == len(set(_ids(output))) <= 5
    elif "--per-class" in flags:
        assert "mouth" in _rows(output)[0]["segment_names"]
        assert "mouth" in next(iter(_summary(output)["mean_weights"].values()))
        assert sorted(str(row["label"]) for row in _rows(output)) == ["None", "angry", "happy", "sad"]
    else:
        assert len(_ids(output)) == 1


def test_the_choice_of_a_seed_is_that_seeds(spark: SparkSession, bundle: Path, shards: Path, tmp_path: Path) -> None:
    chosen = []
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert _run(bundle, shards, tmp_path / name, "--samples", "8", "--limit", "4", "--seed", seed) == 0
        chosen.append(tuple(_ids(tmp_path / name)))
    assert chosen[0] == chosen[1] != chosen[2]


def test_a_run_that_broke_off_leaves_nothing_that_counts_and_is_begun_again(
    spark: SparkSession, bundle: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "why"

    def fail(*_: object) -> None:
        raise explain_run.ExplainError("broken off")

    with monkeypatch.context() as broken:
        broken.setattr(explain_run, "summary_of", fail)
        assert _run(bundle, shards, output) == 1
    assert not (output / "_explanations.json").exists()
    assert (output / "explanations").exists()
    assert _run(bundle, shards, output, "--limit", "2") == 0
    assert len(_rows(output)) == 2


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--split", "test"], "these shards have none of it, but train, val"),
        (["--label", "joy"], "'joy' is none of the bundle's: angry, happy, sad"),
        (["--where", "labl = 'happy'"], "columns: face_id"),
        (["--where", "label = 'fear'"], "no faces chosen"),
        (["--image-column", "image_48_gray"], "the bundle takes 8:gray"),
        (["--samples", "0"], "--samples: 0"),
        (["--limit", "-1"], "--limit: -1"),
        (["--bundle", "nowhere"], "nowhere"),
    ],
)
def test_wrong_usage_says_what_to_give_and_writes_nothing(
    spark: SparkSession,
    bundle: Path,
    shards: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    message: str,
) -> None:
    output = tmp_path / "why"
    assert _run(bundle, shards, output, *flags) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not output.exists() or not list(output.rglob("*"))


def test_a_file_of_the_shards_that_is_gone_is_a_failure(
    spark: SparkSession, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = write_shards(tmp_path / "shards", {"val": VAL}, NAMES)
    (broken / "split=val" / "part-1.parquet").unlink()
    assert _run(bundle, broken, tmp_path / "why") == 1
    assert "part-1.parquet" in capsys.readouterr().err.replace("\n", "")
    assert not (tmp_path / "why" / "_explanations.json").exists()


def test_an_output_that_cannot_be_made_is_a_failure_without_a_traceback(
    spark: SparkSession, bundle: Path, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    assert _run(bundle, shards, tmp_path / "file" / "why", "--limit", "1") == 1
    assert "Parent path is not a directory" in capsys.readouterr().err


def test_other_files_are_left_alone(
    spark: SparkSession, bundle: Path, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert _run(bundle, shards, tmp_path) == 2
    assert "holds other files" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_labels_that_look_like_paths_or_markup_stay_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert map_name("no face") == "maps/no face.png"
    assert map_name("../../happy") == "maps/..%2F..%2Fhappy.png"
    assert map_name("a:b") == "maps/a%3Ab.png"
    figures = dict.fromkeys(("r2_held_out", "stability_overlap", "stability_rank"), 0.5)
    one = {"faces": 3, "explained": 1, "samples": 60, **figures}
    print_summary({"faces": 3, "per_status": {"ok": 3}, "per_label": {"[/x] [b]": one}}, "file:/why [b]")
    said = capsys.readouterr().out
    assert "[/x] [b]" in said
    assert said.endswith("file:/why [b]\n")


def test_help_lists_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["--help"]) == 0
    assert "explain" in capsys.readouterr().out


def test_points_of_a_turned_face_lie_where_the_crop_puts_them() -> None:
    """A square of 100 px about (60, 80), not turned, margin 0.1, into 48 px: 0.4 px per px."""
    row: dict[str, Any] = {
        "landmarks": [60.0, 80.0, 85.0, 80.0, 60.0, 100.0, 40.0, 120.0, 110.0, 130.0],
        "box_left": 10.0,
        "box_top": 30.0,
        "box_width": 100.0,
        "box_height": 100.0,
        "angle_deg": 0.0,
    }
    found = CropPoints(0.1, 48)(row)
    assert found is not None
    assert found == pytest.approx(np.array([[24, 24], [34, 24], [24, 32], [16, 40], [44, 44]]))
    turned = CropPoints(0.0, 50)({**row, "angle_deg": 90.0})
    assert turned is not None
    assert turned[:2] == pytest.approx(np.array([[25, 25], [25, 12.5]]))  # turned upright: what was right is above
    assert CropSquare.around(FaceBox(10, 30, 100, 100), 0.1).side == 120
    assert CropPoints(0.1, 48)({**row, "landmarks": None}) is None
    assert CropPoints(0.1, 48)({**row, "landmarks": [1.0, 2.0, 3.0, 4.0]}) is None
    of_68 = np.zeros((68, 2))
    of_68[36:42], of_68[42:48], of_68[30], of_68[48], of_68[54] = (60, 80), (85, 80), (60, 100), (40, 120), (110, 130)
    again = CropPoints(0.1, 48)({**row, "landmarks": of_68.ravel().tolist()})
    assert again == pytest.approx(found)
