"""`fer-spark evaluate` on ten pictures and a network that judges by brightness, so that all answers are known."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from fer_spark import cli
from fer_spark.networks.bundle import load_bundle, save_bundle
from fer_spark.networks.quick.fused import fused
from fer_spark.pipelines.evaluate import output as evaluate_output
from tests.pipelines.evaluate.evaluations import (
    BRIGHT,
    DARK,
    MIDDLE,
    TRAIN,
    VAL,
    expected,
    figures,
    run,
    variant,
    write_bundle,
    write_shards,
)


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    return write_shards(tmp_path / "shards", {"train": TRAIN, "val": VAL}, ["angry", "happy", "sad"])


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle", ["sad", "angry", "happy"])


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures alone, for tests that are about them."""
    monkeypatch.setattr(evaluate_output, "write_evaluation", lambda directory, report: [])


def test_all_answers_are_found_matched_by_name_and_counted(bundle: Path, shards: Path, tmp_path: Path) -> None:
    output = tmp_path / "deep" / "out"
    assert run(bundle, shards, output) == 0
    found = figures(output)
    assert found["label_names"] == ["angry", "happy", "sad"]
    assert found["rows"] == {
        "in_split": 10,
        "without_label": 1,
        "class_unknown_to_bundle": 0,
        "evaluated": 9,
        "also_in_train": 2,
        "repeated_in_split": 1,
        "unique": 6,
    }
    shares = {(v, p): variant(found, v, p)["accuracy"] for v in ("flip", "single") for p in ("all", "unique")}
    assert shares == pytest.approx(
        {("flip", "all"): 6 / 9, ("flip", "unique"): 4 / 6, ("single", "all"): 7 / 9, ("single", "unique"): 5 / 6}
    )
    assert found["scores"]["views"] == "flip"
    assert found["scores"]["pictures"] == "all"
    assert found["scores"]["confusion"]["counts"] == [[1, 1, 2], [0, 2, 0], [0, 0, 3]]
    assert found["test_time_augmentation_gain"]["accuracy"]["value"] == pytest.approx(-1 / 9)
    assert found["valence_arousal"] is None
    assert found["shards"]["checksum"] == "00000000000000aa"
    assert len(found["bundle"]["digest"]) == 64
    assert found["settings"]["seed"] == 0
    assert sorted(path.name for path in output.iterdir()) == [
        "classes.png",
        "confusion.png",
        "metrics.json",
        "mistakes.png",
        "predictions.parquet",
        "reliability.png",
        "report.html",
    ]
    assert [path.name for path in output.parent.iterdir()] == ["out"]
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "66.7 %" in page


@pytest.mark.usefixtures("no_pictures")
def test_predictions_hold_every_row_with_probabilities_by_the_formula(
    bundle: Path, shards: Path, tmp_path: Path
) -> None:
    assert run(bundle, shards, tmp_path / "out") == 0
    table = pq.read_table(tmp_path / "out" / "predictions.parquet")
    names = ["angry", "happy", "sad"]
    assert json.loads(table.schema.metadata[b"label_names"]) == names
    rows = table.to_pylist()
    assert [row["face_id"].lstrip("0") for row in rows] == [f"val-{i}" for i in range(10)]
    assert [row["row"] for row in rows] == list(range(10))
    assert [row["true"] for row in rows] == [row.label for row in VAL]
    assert [row["predicted"] for row in rows] == [
        *("angry", "happy", "sad", "happy", "angry", "sad", "sad", "sad", "sad", "happy")
    ]
    for row, made in zip(rows, VAL, strict=True):
        views = [made.left, made.left if made.right < 0 else made.right]
        assert row["probabilities"] == pytest.approx(np.mean([expected(v, names) for v in views], axis=0), abs=1e-5)
        assert row["confidence"] == pytest.approx(max(row["probabilities"]))
    assert [i for i, row in enumerate(rows) if row["also_in_train"]] == [5, 7]
    assert [i for i, row in enumerate(rows) if row["repeated_in_split"]] == [6]


@pytest.mark.usefixtures("no_pictures")
def test_bfloat16_is_judged_as_it_scores(bundle: Path, shards: Path, tmp_path: Path) -> None:
    """With the first layer in float32: its weights add up to 0.998, rounded to 0.984."""
    made = load_bundle(bundle)
    with torch.no_grad():
        made.network.trunk.get_parameter("0.weight")[0, 0, 1, :2] = torch.tensor([3.007, -2.009])
    save_bundle(tmp_path / "uneven", made.network, made.card)
    assert run(tmp_path / "uneven", shards, tmp_path / "out", "--bf16") == 0
    rows = pq.read_table(tmp_path / "out" / "predictions.parquet").to_pylist()
    plain = load_bundle(tmp_path / "uneven", bf16=True)
    place = [plain.labels.index(name) for name in ("angry", "happy", "sad")]
    faces = np.stack([np.frombuffer(row.pixels, np.uint8).reshape(8, 8) for row in VAL])
    found = np.array([row["probabilities"] for row in rows])
    assert found == pytest.approx(fused(plain).predict_proba(faces)[:, place], abs=1e-6)
    assert np.abs(found - plain.predict_proba(faces)[:, place]).max() > 1e-4


@pytest.mark.usefixtures("no_pictures")
def test_one_view_alone_has_no_gain_to_tell_of(bundle: Path, shards: Path, tmp_path: Path) -> None:
    assert run(bundle, shards, tmp_path / "out", "--views", "single") == 0
    found = figures(tmp_path / "out")
    assert found["scores"]["accuracy"] == pytest.approx(7 / 9)
    assert [(one["views"], one["pictures"]) for one in found["variants"]] == [("single", "unique")]
    assert found["test_time_augmentation_gain"] is None


@pytest.mark.usefixtures("no_pictures")
def test_the_train_split_has_no_pictures_that_are_also_in_train(bundle: Path, shards: Path, tmp_path: Path) -> None:
    assert run(bundle, shards, tmp_path / "out", "--split", "train") == 0
    assert figures(tmp_path / "out")["rows"]["unique"] == 3


@pytest.mark.usefixtures("no_pictures")
def test_the_same_inputs_give_the_same_bytes_whatever_the_batches(bundle: Path, shards: Path, tmp_path: Path) -> None:
    texts = set()
    for size in ("1", "4", "10"):
        assert run(bundle, shards, tmp_path / "out", "--overwrite", "--batch-size", size) == 0
        found = figures(tmp_path / "out")
        assert found["settings"].pop("batch_size") == int(size)
        found["scores"].pop("log_loss"), found["scores"].pop("brier"), found["scores"].pop("calibration")
        for label in found["scores"]["per_class"]:  # mean confidences, to the rounding of a batch
            label.pop("by_confidence")
        found.pop("variants")
        texts.add(json.dumps(found))
    assert len(texts) == 1
    before = (tmp_path / "out" / "metrics.json").read_bytes()
    assert run(bundle, shards, tmp_path / "out", "--overwrite", "--batch-size", "10") == 0
    assert (tmp_path / "out" / "metrics.json").read_bytes() == before


def test_valence_and_arousal_are_compared_where_both_have_them(shards: Path, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "va", ["sad", "angry", "happy"], va_head=True)
    assert run(bundle, shards, tmp_path / "out") == 0
    found = figures(tmp_path / "out")["valence_arousal"]
    true = np.array([-0.5, 0.25, 0.5])
    predicted = np.tanh(np.array([DARK, MIDDLE, BRIGHT]) / 255 - 0.5)
    spread = true.var() + predicted.var() + (true.mean() - predicted.mean()) ** 2
    ccc = 2 * np.cov(true, predicted, bias=True)[0, 1] / spread
    for name in ("valence", "arousal"):  # arousal is its negative on both sides
        assert found[name]["rows"] == 3
        assert found[name]["left_out"] == 7
        assert found[name]["ccc"] == pytest.approx(ccc, abs=1e-5)
        assert found[name]["rmse"] == pytest.approx(np.sqrt(((true - predicted) ** 2).mean()), abs=1e-5)
    rows = pq.read_table(tmp_path / "out" / "predictions.parquet").to_pylist()
    assert rows[1]["true_valence"] == 0.25
    assert rows[3]["true_valence"] is None
    assert "Valence and arousal" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("no_pictures")
def test_a_test_split_says_that_it_is_used_up(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shards = write_shards(tmp_path / "shards", {"train": TRAIN, "test": VAL}, ["angry", "happy", "sad"])
    assert run(bundle, shards, tmp_path / "out", "--split", "test") == 0
    assert "choose nothing by them" in capsys.readouterr().out
    assert "measured once" in figures(tmp_path / "out")["protocol"]
    with pytest.raises(SystemExit) as ended:
        cli.main(["evaluate", "--help"])
    assert ended.value.code == 0
    assert "measured once, at the end" in re.sub(r"\s+", " ", capsys.readouterr().out)


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(("chosen_by", "said"), [("val", True), ("dev", False)])
def test_a_split_that_chose_the_epoch_is_said_to_flatter_where_there_is_a_test_split(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], chosen_by: str, said: bool
) -> None:
    names = ["angry", "happy", "sad"]
    data = {"val_split": chosen_by, "checksum": "00000000000000aa"}
    bundle = write_bundle(tmp_path / "bundle", names, data=data)
    shards = write_shards(tmp_path / "shards", {"train": TRAIN, "val": VAL, "test": TRAIN}, names)
    assert run(bundle, shards, tmp_path / "out") == 0
    assert ("--split test" in capsys.readouterr().out) == said


@pytest.mark.usefixtures("no_pictures")
def test_figures_are_recorded_though_no_picture_is_left_without_its_copies(bundle: Path, tmp_path: Path) -> None:
    copies = [row for row in VAL if row.picture.startswith("in-train")]
    shards = write_shards(tmp_path / "shards", {"train": TRAIN, "val": copies}, ["angry", "happy", "sad"])
    assert run(bundle, shards, tmp_path / "out", "--record") == 0
    page = (bundle / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "| flip | unique | 0 | – | – | – | – |" in page
    card = json.loads((bundle / "card.json").read_text(encoding="utf-8"))
    assert card["metrics"]["measured"]["val"]["rows"]["unique"] == 0
