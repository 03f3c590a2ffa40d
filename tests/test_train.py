"""`fer-spark train` from flags to a bundle, on pictures whose classes are plain to see."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from fer_spark import cli
from fer_spark.networks.bundle import load_bundle
from fer_spark.shards.manifest import NAME
from fer_spark.training import step
from fer_spark.training.listeners import Terminal
from fer_spark.training.targets import ccc_loss
from tests.trainings import (
    CHECKSUM,
    COLUMN,
    FACES,
    NAMES,
    SIDE,
    SMALL_CNN,
    TINY,
    card,
    history,
    pictures,
    start,
    train,
    words,
    write_shards,
)

COUNTS = {"train": [70, 70, 70], "val": [20, 20, 20], "test": [5, 5, 5]}
STEPS = 7  # of an epoch: 210 rows in batches of 32


@pytest.fixture(autouse=True)
def _threads() -> Any:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("plain") / "shards", COUNTS)


@pytest.fixture(scope="module")
def model(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small_cnn that has learnt the pictures."""
    output = tmp_path_factory.mktemp("trained") / "model"
    assert train(shards, output, flags=SMALL_CNN) == 0
    return output


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What the terminal is told."""
    events: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(Terminal, "__call__", lambda self, event, figures: events.append((event, dict(figures))))
    return events


def weights(output: Path) -> dict[str, np.ndarray]:
    return load_file(output / "weights.safetensors")


def accuracy(output: Path, order: list[str] = NAMES) -> float:
    """On pictures that no split holds."""
    bundle, labels = load_bundle(output), np.arange(90) % 3
    said = bundle.predict_proba(pictures(labels, 999)).argmax(1)
    return float(np.mean([bundle.labels[one] == order[label] for one, label in zip(said, labels, strict=True)]))


def refusal(capsys: pytest.CaptureFixture[str], shards: Path, output: Path, *more: str, flags: list[str] = TINY) -> str:
    """What a command that ends with exit code 2 says, as one line."""
    capsys.readouterr()
    try:
        code: Any = train(shards, output, *more, flags=flags)
    except SystemExit as ended:
        code = ended.code
    said = re.sub(r"\s+", " ", capsys.readouterr().err)
    assert code == 2, said
    return said


# --- a whole run


def test_shards_become_a_bundle_that_explains_itself(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden = tmp_path / "shards"
    shutil.copytree(shards, hidden)
    shutil.rmtree(hidden / "split=test")  # never looked at
    output = tmp_path / "a directory with a long name, so that lines that name it pass 80 columns" / "[model]"
    assert train(hidden, output, "--learning-rate", "0.5", "--half-weights") == 0
    assert sorted(path.name for path in output.iterdir()) == ["card.json", "metrics.jsonl", "weights.safetensors"]
    assert accuracy(output) > 0.9
    lines = history(output)
    assert [line["epoch"] for line in lines] == [0, 1, 2, 3]
    about = card(output)
    assert about["label_names"] == NAMES
    assert about["image"] == {"size_px": SIDE, "mode": "gray", "color_order": "rgb"}
    assert (about["mean"], about["std"]) == ([0.36], [0.2])
    assert about["preparation"]["margin"] == FACES["margin"]
    assert about["data"]["checksum"] == CHECKSUM
    assert about["data"]["train_counts"] == dict(zip(NAMES, [70, 70, 70], strict=True))
    assert about["training"]["train"]["learning_rate"] == 0.5
    assert about["training"]["network"]["widths"] == "4-8"
    assert about["training"]["imbalance"]["sampler"] == "natural"
    assert about["training"]["started_from"] is None
    assert about["views"] == "single"  # as no mirrored picture was learnt
    best = about["training"]["best_epoch"]
    assert lines[best]["val_accuracy"] == max(line["val_accuracy"] for line in lines)
    assert about["metrics"]["split"] == "val"
    assert about["metrics"]["accuracy"] == pytest.approx(lines[best]["val_accuracy"])
    assert about["law"]
    said = capsys.readouterr()
    assert f"Bundle: {output}\n" in said.err
    assert all(re.match("epoch [1-4]/4|Kept|On val|Bundle", line) for line in said.err.splitlines())  # none is broken
    assert said.out == ""


def test_a_val_split_that_is_all_right_leaves_probabilities_as_they_are(tmp_path: Path) -> None:
    """The likelihood has no best temperature there: the lower, the better, until all is 0 or 1."""
    shards = write_shards(tmp_path / "shards", {"train": [70, 70, 70], "val": [4, 4, 4]})
    output = tmp_path / "out"
    assert train(shards, output, flags=SMALL_CNN) == 0
    assert card(output)["metrics"]["accuracy"] == 1
    assert card(output)["temperature"] == 1
    probabilities = load_bundle(output).predict_proba(pictures(np.arange(30) % 3, 999))
    assert ((probabilities > 0.01) & (probabilities < 0.99)).any()


def test_without_a_val_split_the_last_epoch_is_kept(shards: Path, tmp_path: Path) -> None:
    assert train(shards, tmp_path / "out", "--val-split", "", flags=SMALL_CNN) == 0
    assert card(tmp_path / "out")["training"]["best_epoch"] == 3
    assert card(tmp_path / "out")["metrics"] == {}
    assert "val_accuracy" not in history(tmp_path / "out")[0]
    assert accuracy(tmp_path / "out") > 0.95


def test_a_config_file_gives_defaults_and_flags_win(shards: Path, tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(f'shards = "{shards}"\n[training]\nepochs = 1\nseed = 5\nlabel_smoothing = 0.25\n')
    flags = [word for word in SMALL_CNN if word not in ("--epochs", "4")]
    output = tmp_path / "out"
    arguments = [
        "train",
        "--output",
        str(output),
        *flags,
        "--config",
        str(file),
        "--label-smoothing",
        "0.2",
        "--augment",
    ]
    assert cli.main(arguments) == 0
    used = card(output)["training"]
    assert (used["train"]["epochs"], used["read"]["seed"], used["train"]["label_smoothing"]) == (1, 5, 0.2)
    assert card(output)["views"] == "flip"


def test_the_seed_decides_everything(shards: Path, tmp_path: Path, model: Path) -> None:
    assert train(shards, tmp_path / "same", "--read-workers", "3", flags=SMALL_CNN) == 0
    assert train(shards, tmp_path / "other", "--seed", "1", flags=SMALL_CNN) == 0
    first = (model / "weights.safetensors").read_bytes()
    assert (tmp_path / "same" / "weights.safetensors").read_bytes() == first
    assert (tmp_path / "other" / "weights.safetensors").read_bytes() != first


# --- usage


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "--help"])
    assert ended.value.code == 0
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    for phrase in (
        "fer-spark train --shards shards/ --output model/",
        "torchrun --nproc-per-node 2 -m fer_spark train",
        "the test split is never looked at",
        "4 stopped by --max-minutes or a signal: start again",
        "--sampler {natural,balanced,sqrt,undersample,oversample,augment}",
        "--distill BUNDLE",
        "(default: 30)",
    ):
        assert phrase in said


@pytest.mark.parametrize(
    ("more", "phrases"),
    [
        (["--epoch", "3"], ["--epoch", "did you mean --epochs"]),
        (["--epochs", "0"], ["epochs: 0, expected 1 or more"]),
        (["--sampler", "balance"], ["--sampler", "balanced"]),
        (["--learning-rate", "-1"], ["--learning-rate: -1.0, expected 0 or more"]),
        (["--max-minutes", "nan"], ["--max-minutes: nan, expected 0 or more"]),
        (["--threads", "-2"], ["--threads: -2, expected 0 or more"]),
        (["--flip-prob", "1.5"], ["--flip-prob: 1.5, expected 0 to 1"]),
        (["--processes", "-1"], ["--processes: -1 is negative"]),
        (["--widths", "4-8-16"], ["--widths 4-8-16 and --blocks 1-1 differ"]),
        (["--train-split", "training"], ["no split 'training'", "there are: test, train, val"]),
        (["--val-split", "train"], ["they must differ"]),
        (["--val-split", "valid"], ["no split 'valid'", "test, train, val"]),
        (["--image-column", "image_48_gray"], ["no pixel column 'image_48_gray'", COLUMN]),
        (["--crop-px", "13"], ["--crop-px: 13", f"{SIDE} px"]),
        (["--network", "small_cnn", "--sizes", "0.5:8"], ["--sizes: small_cnn", "resnet"]),
        (["--freeze"], ["--freeze", "--init BUNDLE"]),
        (["--init", "nowhere"], ["bundle 'nowhere': no such directory"]),
        (["--distill", "nowhere"], ["bundle 'nowhere': no such directory"]),
        (["--soft-label-share", "0.5"], ["--soft-label-share: no row of split 'train'", "soft labels"]),
        (["--va-head"], ["--va-head: no row of split 'train'", "valence"]),
        (["--batch-size", "500", "--last-batch", "drop"], ["--last-batch drop leaves nothing", "210 rows"]),
        (["--device", "gpu"], ["'gpu' is none that torch knows"]),
        (["--config", "nowhere.toml"], ["nowhere.toml"]),
    ],
    ids=lambda value: " ".join(value) if value and value[0].startswith("--") else "",
)
def test_wrong_usage_ends_with_2_and_a_hint(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], phrases: list[str]
) -> None:
    said = refusal(capsys, shards, tmp_path / "out", *more)
    for phrase in phrases:
        assert phrase in said
    assert not (tmp_path / "out").exists()


def test_shards_and_output_must_be_named_and_be_there(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", "--output", str(tmp_path / "out")]) == 2
    assert "--shards is missing" in capsys.readouterr().err
    assert cli.main(["train", "--shards", str(shards)]) == 2
    assert "--output is missing" in capsys.readouterr().err
    assert "give the output directory of build-shards" in refusal(capsys, tmp_path / "[none]", tmp_path / "out")
    assert str(tmp_path / "[none]") in refusal(capsys, tmp_path / "[none]", tmp_path / "out")


def test_shards_that_give_nothing_to_learn_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = write_shards(tmp_path / "one", {"train": [9], "val": [3]}, names=["angry"])
    assert "its only class is angry" in refusal(capsys, one, tmp_path / "out")
    # nothing in train when they were built: no mean, no deviation
    shards = write_shards(tmp_path / "shards", {"val": [9, 9, 9], "test": [3, 3, 3]})
    manifest = json.loads((shards / NAME).read_text())
    manifest["images"][COLUMN] |= {"mean": [0.0], "std": [0.0]}
    (shards / NAME).write_text(json.dumps(manifest))
    said = refusal(capsys, shards, tmp_path / "out", "--train-split", "val", "--val-split", "test")
    assert "pixels without deviation" in said
    assert "--init" in said


def test_a_split_without_labels_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shards = write_shards(tmp_path / "shards", {"train": [9, 9, 9], "val": [0, 0, 5]}, label=lambda label: None)
    content = json.loads((shards / "_manifest.json").read_text())
    content["counts"]["per_label"]["val"] = {}
    (shards / "_manifest.json").write_text(json.dumps(content))
    assert "no row of split 'val' has a label to choose the epoch by" in refusal(capsys, shards, tmp_path / "out")


def test_a_finished_bundle_is_kept_unless_told_otherwise(
    shards: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    shutil.copytree(model, output)
    before = (output / "weights.safetensors").read_bytes()
    assert "--overwrite" in refusal(capsys, shards, output, flags=SMALL_CNN)
    assert "nowhere" in refusal(capsys, shards, output, "--overwrite", "--distill", "nowhere", flags=SMALL_CNN)
    assert load_bundle(output).card.metrics["split"] == "val"
    assert (output / "weights.safetensors").read_bytes() == before
    (output / "MODEL_CARD.md").write_text("what fer-spark evaluate --record wrote of the old one")
    assert train(shards, output, "--overwrite", "--init", str(output), "--epochs", "1", flags=SMALL_CNN) == 0
    assert not (output / "MODEL_CARD.md").exists()
    assert card(output)["training"]["train"]["init"] == "out"  # folders of this machine are nobody's business
    assert len(history(output)) == 1
    assert card(output)["training"]["started_from"]["digest"] == load_bundle(model).digest


def test_a_shard_that_turns_out_damaged_is_a_failure_that_names_it(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "shards"
    shutil.copytree(shards, broken)
    spoil(broken / "split=train" / "part-1.parquet")
    capsys.readouterr()
    assert train(broken, tmp_path / "out", flags=SMALL_CNN) == 1
    said = capsys.readouterr().err
    assert "fer-spark train failed:" in said
    assert "split=train/part-1.parquet" in said


def spoil(file: Path) -> None:
    """Flip bytes of the pixels; size and footer stay."""
    content = bytearray(file.read_bytes())
    for at in range(len(content) // 4, len(content) // 2):
        content[at] ^= 0xFF
    file.write_bytes(content)


# --- broken off and gone on


def same_history(one: Path, other: Path) -> bool:
    def figures(output: Path) -> list[dict[str, Any]]:
        drop = ("images_per_s", "train_loss")  # of the part since the last start
        return [{k: v for k, v in line.items() if k not in drop} for line in history(output)]

    return figures(one) == figures(other)


def test_a_signal_stops_with_a_checkpoint_and_the_rest_gives_the_same_bytes(
    shards: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Terminal.__call__

    def pull_the_plug(self: Terminal, event: str, figures: dict[str, Any]) -> None:
        told(self, event, figures)
        if event == "step" and figures["step"] == STEPS + 3:
            os.kill(os.getpid(), signal.SIGTERM)

    output = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(Terminal, "__call__", pull_the_plug)
        assert train(shards, output, flags=SMALL_CNN) == 4
    assert "start the same command again to go on" in capsys.readouterr().err
    assert [path.name for path in (output / "checkpoints").iterdir()] == [f"step-{STEPS + 3:09d}"]
    assert not (output / "card.json").exists()
    assert train(shards, output, "--epochs", "5", flags=SMALL_CNN) == 1
    assert "epochs: 4 there, 5 now" in capsys.readouterr().err
    assert train(shards, output, "--threads", "1", "--max-minutes", "60", flags=SMALL_CNN) == 0
    assert "going on at epoch 1, batch 3" in capsys.readouterr().err
    assert (output / "weights.safetensors").read_bytes() == (model / "weights.safetensors").read_bytes()
    assert same_history(output, model)
    assert not (output / "checkpoints").exists()


def test_the_time_limit_stops_and_any_number_of_stops_changes_nothing(
    shards: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    assert train(shards, output, "--max-minutes", "1e-9", "--overwrite", flags=SMALL_CNN) == 4
    assert "without --overwrite" in capsys.readouterr().err
    stops = 1
    while train(shards, output, "--max-minutes", "1e-9", flags=SMALL_CNN) == 4:
        stops += 1
        assert stops < 100
    assert stops == 4 * STEPS - 1  # after every step but the last
    assert (output / "weights.safetensors").read_bytes() == (model / "weights.safetensors").read_bytes()
    assert same_history(output, model)


@pytest.mark.slow
def test_a_process_killed_again_and_again_ends_with_the_same_bytes(shards: Path, model: Path, tmp_path: Path) -> None:
    """Killed with SIGKILL as soon as a checkpoint newer than the last one lies there: in mid-epoch, mostly."""
    output, kills, newest = tmp_path / "out", 0, ""
    arguments = words(shards, output, "--checkpoint-minutes", "0", flags=SMALL_CNN)
    for _ in range(20):
        process = start(arguments)
        deadline = time.monotonic() + 240
        while process.poll() is None and time.monotonic() < deadline:
            found = sorted(path.name for path in (output / "checkpoints").glob("step-*"))
            if kills < 4 and found and found[-1] > newest:
                newest = found[-1]
                process.kill()
                kills += 1
                break
            time.sleep(0.002)
        said, _ = process.communicate(timeout=240)
        if process.returncode != -signal.SIGKILL:
            assert process.returncode == 0, said
            break
    assert kills >= 2
    assert (output / "weights.safetensors").read_bytes() == (model / "weights.safetensors").read_bytes()
    assert same_history(output, model)


# --- from bundles


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


def test_teachers_are_asked_in_the_pupils_label_order(shards: Path, model: Path, tmp_path: Path) -> None:
    """The labels of these shards are wrong by one; teachers that know better, in two label orders, outweigh them."""
    names = ["sad", "angry", "happy"]
    wrong = write_shards(tmp_path / "shards", COUNTS, names)  # class 0 looks `angry` to the teachers, and is called sad
    reordered = write_shards(tmp_path / "reordered", COUNTS, ["happy", "sad", "angry"], label=turned)
    assert train(reordered, tmp_path / "second", flags=SMALL_CNN) == 0
    assert accuracy(tmp_path / "second") > 0.95
    for number, teachers in enumerate(([model], [model, tmp_path / "second"])):
        asked = [word for teacher in teachers for word in ("--distill", str(teacher))]
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


# --- imbalance


@pytest.fixture(scope="module")
def skewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """95:5, the rare class in few pictures."""
    counts = {"train": [190, 10, 0], "val": [20, 20, 0]}
    return write_shards(tmp_path_factory.mktemp("skewed") / "shards", counts)


@pytest.mark.parametrize(
    ("flags", "steps"),
    [
        ([], 7),  # 200 rows in batches of 32
        (["--sampler", "undersample"], 1),  # 2 * 10
        (["--sampler", "undersample", "--undersample-to", "60"], 3),  # 60 + 10
        (["--sampler", "oversample"], 12),  # 2 * 190
        (["--sampler", "augment", "--augment-to", "100"], 10),  # 190 + 100
        (["--sampler", "balanced"], 7),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_sampler_decides_how_many_rows_an_epoch_draws(
    skewed: Path, tmp_path: Path, heard: list[tuple[str, dict[str, Any]]], flags: list[str], steps: int
) -> None:
    assert train(skewed, tmp_path / "out", "--epochs", "2", *flags, flags=SMALL_CNN) == 0
    taken = [figures for event, figures in heard if event == "step"]
    assert len(taken) == 2 * steps
    assert taken[-1]["steps"] == 2 * steps


def test_balanced_sampling_lifts_the_recall_of_the_rare_class(skewed: Path, tmp_path: Path) -> None:
    recall = {}
    for sampler in ("natural", "balanced"):
        output = tmp_path / sampler
        flags = ["--sampler", sampler, "--learning-rate", "0.02", "--val-split", ""]
        assert train(skewed, output, *flags, flags=SMALL_CNN) == 0
        said = load_bundle(output).predict_proba(pictures(np.ones(40, np.int64), 999)).argmax(1)
        recall[sampler] = float((said == 1).mean())
    assert recall["balanced"] > recall["natural"] + 0.5


def test_the_loss_is_the_one_asked_for(skewed: Path, tmp_path: Path) -> None:
    """At a rate of nearly nothing the loss is that of the untrained network, so that formulas can be compared."""
    first = {}
    for name, flags in {
        "plain": [],
        "half": ["--loss", "focal", "--focal-gamma", "0", "--focal-alpha", "0.5"],
        "focal": ["--loss", "focal"],
        "adjusted": ["--loss", "logit_adjusted"],
        "unadjusted": ["--loss", "logit_adjusted", "--logit-tau", "0"],
        "weighted": ["--class-weights", "inverse"],
        "soft": ["--loss", "soft_f1"],
    }.items():
        still = ["--epochs", "1", "--learning-rate", "1e-12", "--label-smoothing", "0", *flags]
        assert train(skewed, tmp_path / name, *still, flags=SMALL_CNN) == 0
        first[name] = history(tmp_path / name)[0]["train_loss"]
    assert first["half"] == pytest.approx(first["plain"] / 2, rel=1e-5)
    assert first["unadjusted"] == pytest.approx(first["plain"], rel=1e-5)
    assert first["focal"] < 0.7 * first["plain"]  # (1 - 1/3)² of it for a network that knows nothing
    assert first["adjusted"] < 0.5 * first["plain"]  # the prior alone explains 95 % of the rows
    assert first["weighted"] != pytest.approx(first["plain"], rel=1e-3)
    assert 0 < first["soft"] < 1
