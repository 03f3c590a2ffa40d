"""`fer-spark train` from flags to a bundle, on pictures whose classes are plain to see; and what it refuses."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from fer_spark import cli
from fer_spark.metrics import fit_temperature
from fer_spark.networks.bundle import load_bundle
from fer_spark.shards.manifest import NAME
from fer_spark.shards.read.reader import ReadSettings, open_shards
from tests.pipelines.train.trainings import (
    CHECKSUM,
    COLUMN,
    NAMES,
    SIDE,
    SMALL_CNN,
    accuracy,
    card,
    history,
    pictures,
    refusal,
    spoil,
    train,
    write_shards,
)


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
    assert about["preparation"]["sizes"] == [f"{SIDE}:gray:raw"]
    assert (about["preparation"]["detector"], about["preparation"]["margin"]) == ("none", 0.0)  # as used
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


def test_the_temperature_is_that_of_the_views_that_the_card_names(tmp_path: Path) -> None:
    """Mirror images averaged are less sure than one view: what is fitted to them differs."""
    random = np.random.default_rng(5)
    noisy = {"label": lambda label: NAMES[(label + int(random.random() < 0.3)) % 3]}
    shards = write_shards(tmp_path / "shards", {"train": [60, 60, 60], "val": [40, 40, 40]}, **noisy)
    output = tmp_path / "out"
    assert train(shards, output, "--augment", "--flip-prob", "0.5") == 0
    about, read = card(output), ReadSettings(shuffle=False, batch_size=120)
    assert about["views"] == "flip"
    with open_shards(str(shards), "val", read) as reader:
        (batch,) = reader.epoch(0)
    bundle, labels, fitted = load_bundle(output), batch.labels[batch.real].numpy(), {}
    for views in ("flip", "single"):
        fitted[views] = fit_temperature(bundle.predict_logits(batch.images[batch.real].numpy(), views=views), labels)
    assert about["temperature"] == pytest.approx(fitted["flip"], rel=1e-3)
    assert abs(fitted["single"] / fitted["flip"] - 1) > 0.01
    across = about["metrics"]["calibration_across_halves"]
    assert 0 < across["ece"] < 1
    assert across["by_chance"] < across["by_chance_95"]


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
        (["--epochs", "0"], ["--epochs: 0, expected 1 or more"]),
        (["--sampler", "balance"], ["--sampler", "balanced"]),
        (["--learning-rate", "-1"], ["--learning-rate: -1.0, expected 0 or more"]),
        (["--max-minutes", "nan"], ["--max-minutes: nan, expected 0 or more"]),
        (["--threads", "-2"], ["--threads: -2, expected 0 or more"]),
        (["--flip-prob", "1.5"], ["--flip-prob: 1.5, expected 0 to 1"]),
        (["--processes", "-1"], ["--processes: -1, expected 0 or more"]),
        (["--widths", "4-8-16"], ["--widths 4-8-16 and --blocks 1-1 differ"]),
        (["--train-split", "training"], ["no split 'training'", "there are: test, train, val"]),
        (["--val-split", "train"], ["they must differ"]),
        (["--val-split", "valid"], ["no split 'valid'", "test, train, val"]),
        (["--image-column", "image_48_gray"], ["no pixel column 'image_48_gray'", COLUMN]),
        (["--crop-px", "13"], ["--crop-px: 13", f"{SIDE} px"]),
        (["--network", "small_cnn", "--sizes", "0.5:8"], ["--sizes: small_cnn", "resnet"]),
        (["--freeze"], ["--freeze", "--init BUNDLE"]),
        (
            ["--network", "vgg", "--weights", "x.pth"],
            ["--weights: goes with --network efficientnet_b0 or efficientnet_lite0 alone, not vgg"],
        ),
        (["--network", "efficientnet_b0", "--weights", "x.pth"], ["x.pth: no such file", "--weights FILE"]),
        (["--init", "nowhere"], ["bundle 'nowhere': no such directory"]),
        (["--distill", "nowhere"], ["bundle 'nowhere': no such directory"]),
        (["--soft-label-share", "0.5"], ["--soft-label-share: no row of split 'train'", "soft labels"]),
        (["--va-head"], ["--va-head: no row of split 'train'", "valence"]),
        (["--batch-size", "500", "--last-batch", "drop"], ["--last-batch drop leaves nothing", "210 rows"]),
        (["--device", "gpu"], ["'gpu', expected auto, cpu, cuda or cuda:1"]),
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


def test_shards_without_labels_or_val_are_refused_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = write_shards(tmp_path / "bare", {"train": [3, 3], "val": [3, 3]}, NAMES[:2], label=lambda label: None)
    content = json.loads((bare / NAME).read_text(encoding="utf-8"))
    (bare / NAME).write_text(json.dumps({**content, "label_names": []}), encoding="utf-8")
    for more in ([], ["--sampler", "balanced"]):
        said = refusal(capsys, bare, tmp_path / "out", *more)
        assert "were built without labels" in said
        assert "--label-column" in said
    valless = write_shards(tmp_path / "valless", {"train": [9, 9, 9], "test": [3, 3, 3]})
    said = refusal(capsys, valless, tmp_path / "out")
    assert "no split 'val'; there are: test, train" in said
    assert "--val-from train" in said


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
