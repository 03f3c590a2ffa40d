"""Fine-tuning, teachers, soft labels, valence and arousal."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from fer_spark.networks.bundle import load_bundle
from fer_spark.training import step
from fer_spark.training.targets import ccc_loss
from tests.pipelines.train.trainings import (
    COUNTS,
    NAMES,
    SIDE,
    SMALL_CNN,
    accuracy,
    card,
    history,
    pictures,
    refusal,
    train,
    weights,
    write_shards,
)


def test_fine_tuning_begins_where_the_bundle_stands(shards: Path, model: Path, tmp_path: Path) -> None:
    """At a rate of nearly nothing, what comes out is what went in; the shards' statistics are not taken."""
    still = ["--init", str(model), "--epochs", "1", "--learning-rate", "1e-12", "--ema-decay", "0"]
    flags = [word for word in SMALL_CNN if word not in ("--network", "small_cnn")]
    assert train(shards, tmp_path / "out", *still, flags=flags) == 0
    for name, value in weights(model).items():
        np.testing.assert_allclose(weights(tmp_path / "out")[name], value, atol=1e-6)
    about = card(tmp_path / "out")
    assert about["network"] == "small_cnn"
    assert about["training"]["started_from"] == {"name": "model", "digest": load_bundle(model).digest}


def test_classes_are_matched_by_name(shards: Path, model: Path, tmp_path: Path) -> None:
    """In another order, with one class new and one gone: known classes keep their weights."""
    names = ["sad", "bored", "happy"]
    other = write_shards(tmp_path / "shards", {"train": [20, 20, 20], "val": [9, 9, 9]}, names)
    still = ["--init", str(model), "--epochs", "1", "--learning-rate", "1e-12", "--ema-decay", "0"]
    assert train(other, tmp_path / "out", *still, flags=SMALL_CNN) == 0
    old, new = weights(model), weights(tmp_path / "out")
    for ours, theirs in ((0, 2), (2, 1)):
        np.testing.assert_allclose(new["head.classes.weight"][ours], old["head.classes.weight"][theirs], atol=1e-6)
        np.testing.assert_allclose(new["head.classes.bias"][ours], old["head.classes.bias"][theirs], atol=1e-6)
    assert not any(np.allclose(new["head.classes.weight"][1], row, atol=1e-3) for row in old["head.classes.weight"])
    assert load_bundle(tmp_path / "out").labels == names


def test_frozen_the_head_alone_learns(shards: Path, model: Path, tmp_path: Path) -> None:
    """The classes are new, so that the head has something to learn."""
    other = write_shards(tmp_path / "shards", COUNTS, ["fear", "calm", "bored"])
    assert train(other, tmp_path / "out", "--init", str(model), "--freeze", flags=SMALL_CNN) == 0
    old, new = weights(model), weights(tmp_path / "out")
    assert all(np.array_equal(new[name], old[name]) for name in old if name.startswith("trunk."))
    assert not np.allclose(new["head.classes.weight"], old["head.classes.weight"], atol=1e-2)
    assert accuracy(tmp_path / "out", ["fear", "calm", "bored"]) > 0.9


def test_a_bundle_that_does_not_fit_is_refused(
    shards: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    larger = shutil.copytree(model, tmp_path / "larger")
    content = card(larger)
    content["image"]["size_px"], content["crop_px"] = 16, SIDE
    (larger / "card.json").write_text(json.dumps(content))
    output = tmp_path / "out"
    assert "takes 16 px gray" in refusal(capsys, shards, output, "--init", str(larger), flags=SMALL_CNN)
    assert "takes 16 px gray" in refusal(capsys, shards, output, "--distill", str(larger), flags=SMALL_CNN)
    for what in ("--init", "--distill"):
        said = refusal(capsys, shards, output, what, str(model), "--crop-px", "10")
        assert "small_cnn" in said if what == "--init" else f"takes {SIDE} px alone, --crop-px leaves 10" in said
    said = refusal(capsys, shards, output, "--init", str(model), "--widths", "4-8", "--blocks", "1-1")
    assert "brings its own network" in said
    names = ["angry", "happy", "calm"]
    other = write_shards(tmp_path / "shards", {"train": [9, 9, 9], "val": [9, 9, 9]}, names)
    said = refusal(capsys, other, output, "--distill", str(model), flags=SMALL_CNN)
    assert "it has angry, happy, sad, they have angry, happy, calm" in said
    said = refusal(capsys, shards, output, "--distill", str(model), "--distill-once", "--mixup-alpha", "0.2")
    assert "leave out it or --mixup-alpha" in said


def test_teachers_are_asked_in_the_pupils_label_order(shards: Path, model: Path, tmp_path: Path) -> None:
    """The labels of these shards are wrong by one; teachers that know better, in two label orders, outweigh them."""
    names = ["sad", "angry", "happy"]
    wrong = write_shards(tmp_path / "shards", COUNTS, names)  # class 0 looks `angry` to the teachers, and is called sad
    reordered = write_shards(tmp_path / "reordered", COUNTS, ["happy", "sad", "angry"], label=turned)
    assert train(reordered, tmp_path / "second", flags=SMALL_CNN) == 0
    assert accuracy(tmp_path / "second") > 0.95
    for number, teachers in enumerate(([model], [model, tmp_path / "second"])):
        asked = [word for teacher in teachers for word in ("--distill", str(teacher))] + ["--distill-once"] * number
        output = tmp_path / f"pupil-{number}"
        assert train(wrong, output, *asked, "--distill-weight", "1", "--val-split", "", flags=SMALL_CNN) == 0
        assert accuracy(output) > 0.95
        origins = [load_bundle(teacher).digest for teacher in teachers]
        assert [one["digest"] for one in card(output)["training"]["teachers"]] == origins
    assert train(wrong, tmp_path / "alone", flags=SMALL_CNN) == 0
    assert accuracy(tmp_path / "alone") < 0.05


def turned(label: int) -> str:
    return NAMES[label]


# --- soft labels, valence and arousal


def test_a_teacher_replaced_under_its_name_is_another_run(
    shards: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher, output = tmp_path / "teacher", tmp_path / "out"
    shutil.copytree(model, teacher)
    flags = ["--distill", str(teacher), "--max-minutes", "1e-6"]
    assert train(shards, output, *flags, flags=SMALL_CNN) == 4
    assert train(shards, teacher, "--overwrite", "--epochs", "1", "--seed", "5", flags=SMALL_CNN) == 0
    assert train(shards, output, *flags, flags=SMALL_CNN) == 1
    assert "teachers: " in capsys.readouterr().err


def test_annotators_votes_are_learnt_as_much_as_asked(tmp_path: Path) -> None:
    """Every row's votes go to the next class: with their share at 1 the labels count for nothing."""
    votes = {"label_probs": lambda label: np.roll([0.9, 0.05, 0.05], label + 1).tolist()}
    shards = write_shards(tmp_path / "shards", COUNTS, **votes)
    for share, expected in (("1", 0.0), ("0", 1.0)):
        output = tmp_path / share
        assert train(shards, output, "--soft-label-share", share, "--val-split", "", flags=SMALL_CNN) == 0
        assert accuracy(output) == pytest.approx(expected, abs=0.05)


def test_valence_and_arousal_are_learnt_where_the_shards_carry_them(
    tmp_path: Path, shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"valence": [-0.8, 0.0, 0.8], "arousal": [0.5, -0.5, 0.1]}
    columns = {name: values.__getitem__ for name, values in wanted.items()}
    carrying = write_shards(tmp_path / "shards", COUNTS, **columns)
    output = tmp_path / "out"
    assert train(carrying, output, "--va-head", "--epochs", "8", flags=SMALL_CNN) == 0
    assert history(output)[-1]["val_ccc_valence"] > 0.8
    labels = np.arange(60) % 3
    _, affect = load_bundle(output).predict(pictures(labels, 999))
    assert affect is not None
    for column, values in enumerate(wanted.values()):
        assert np.corrcoef(affect[:, column], np.array(values)[labels])[0, 1] > 0.8
    asked: list[torch.Tensor] = []

    def noted(said: torch.Tensor, truth: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        asked.append(truth)
        return ccc_loss(said, truth, real)

    monkeypatch.setattr(step, "ccc_loss", noted)
    assert train(carrying, tmp_path / "mixed", "--va-head", "--mixup-alpha", "0.4", flags=SMALL_CNN) == 0
    assert len(set(torch.cat(asked).tolist())) > 6  # not the six of the shards alone: mixed as the pictures are
    again, without = tmp_path / "again", tmp_path / "without"
    still = ["--init", str(output), "--epochs", "1", "--learning-rate", "1e-12", "--ema-decay", "0"]
    assert train(carrying, again, *still, "--va-head", flags=SMALL_CNN) == 0
    name = "head.valence_arousal.weight"
    np.testing.assert_allclose(weights(again)[name], weights(output)[name], atol=1e-6)
    assert train(shards, without, *still, flags=SMALL_CNN) == 0
    assert name not in weights(without)
