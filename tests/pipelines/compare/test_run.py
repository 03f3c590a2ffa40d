"""`fer-spark compare` on faces that brightness tells apart, most of them dark."""

from __future__ import annotations

import csv
import json
import shutil
import statistics
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_spark.cli.commands.compare import COMMAND, main
from fer_spark.cli.run import Given
from fer_spark.cli.training import settings_of
from fer_spark.pipelines.compare.methods import METHODS, CompareSettings, epochs_for, remedy
from fer_spark.pipelines.compare.run import _run_settings
from fer_spark.training.imbalance.settings import CLASS_WEIGHTS, LOSSES, SAMPLERS, ImbalanceSettings
from tests.pipelines.evaluate.evaluations import BRIGHT, DARK, MIDDLE, Row, write_shards

NAMES = ["angry", "happy", "sad"]
QUICK = ["--widths", "4-8", "--blocks", "1-1", "--epochs", "2", "--batch-size", "16", "--no-augment", "--threads", "1"]


def _rows(counts: tuple[int, int, int], seed: int) -> list[Row]:
    random = np.random.default_rng(seed)
    return [
        Row(name, int(gray + random.integers(-15, 16)), f"{seed}-{name}-{number}")
        for name, gray, count in zip(NAMES, (DARK, MIDDLE, BRIGHT), counts, strict=True)
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shards")
    return write_shards(root, {"train": _rows((90, 20, 10), 1), "val": _rows((9, 9, 9), 2)}, NAMES)


def test_one_table_with_means_and_deviations_and_a_second_call_trains_nothing(shards: Path, tmp_path: Path) -> None:
    command = ["--shards", str(shards), "--output", str(tmp_path), "--seeds", "0,1", *QUICK]
    methods = [word for name in ("none", "undersample", "knn") for word in ("--method", name)]
    assert main([*command, *methods]) == 0
    content = json.loads((tmp_path / "comparison.json").read_text())
    assert content["split"] == "val"
    assert content["chosen_on_it"]
    runs = {method["name"]: [run["figures"] for run in method["runs"]] for method in content["methods"]}
    assert {name: len(found) for name, found in runs.items()} == {"none": 2, "undersample": 2, "knn": 1}
    assert runs["knn"][0]["accuracy"] == 1  # brightness alone tells the faces apart
    with (tmp_path / "comparison.csv").open() as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    accuracies = [run["accuracy"] for run in runs["none"]]
    assert float(rows["none"]["accuracy"]) == pytest.approx(statistics.fmean(accuracies), abs=1e-4)
    assert float(rows["none"]["accuracy_deviation"]) == pytest.approx(statistics.stdev(accuracies), abs=1e-4)
    assert rows["knn"]["accuracy_deviation"] == ""
    assert {name for name in rows["none"] if name.startswith("f1_") and not name.endswith("_deviation")} == {
        "f1_angry",
        "f1_happy",
        "f1_sad",
    }
    assert Image.open(tmp_path / "comparison.png").width > 600
    # the budget is steps: undersampling to 10 of a class draws 30 rows of 120, so it has four times the epochs
    cards = {
        name: json.loads((tmp_path / "runs" / f"{name}-0" / "card.json").read_text())
        for name in ("none", "undersample")
    }
    assert [cards[name]["training"]["epochs_run"] for name in ("none", "undersample")] == [2, 8]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/weights.safetensors")}
    assert main([*command, *methods]) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert main([*command, *methods, "--learning-rate", "0.3"]) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "focl"], "did you mean focal"),
        (["--seeds", "0,x"], "numbers joined by commas"),
        (["--seeds", "1,1"], "different numbers"),
        (["--processes", "2"], "--processes"),
    ],
)
def test_wrong_usage_says_what_is_wrong(
    words: list[str], said: str, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--shards", str(shards), "--output", str(tmp_path), *words]) == 2
    assert said in capsys.readouterr().err


def test_nothing_is_trained_or_written_before_all_splits_are_there(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = ["--output", str(tmp_path / "out"), "--seeds", "0", "--method", "none", *QUICK]
    unlabelled = {"train": _rows((9, 9, 9), 1), "val": _rows((3, 3, 3), 2), "test": [Row(None, DARK, "x")]}
    other = write_shards(tmp_path / "other", unlabelled, NAMES)
    valless = write_shards(tmp_path / "valless", {"train": _rows((9, 9, 9), 1), "test": _rows((3, 3, 3), 2)}, NAMES)
    nameless = {split: [Row(None, DARK, f"{split}-{i}") for i in range(3)] for split in ("train", "val")}
    bare = write_shards(tmp_path / "bare", nameless, [])
    cases = [
        (["--shards", str(valless)], "--val-from train"),
        (["--shards", str(bare)], "were built without labels"),
        (["--shards", str(tmp_path / "typo")], "no _manifest.json"),
        (["--shards", str(shards), "--measure-split", "tset"], "no split 'tset'"),
        (["--shards", str(other), "--measure-split", "test"], "no row of split 'test' has a label"),
    ]
    for words, said in cases:
        assert main([*words, *rest]) == 2
        assert said in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


def test_a_run_is_reused_for_the_settings_and_shards_that_it_was_trained_with_alone(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, output = tmp_path / "shards", tmp_path / "[/out]"
    shutil.copytree(shards, here)
    command = ["--output", str(output), "--seeds", "0", *QUICK, "--epochs", "1"]
    assert main([*command, "--shards", str(here), "--method", "none", "--method", "sqrt"]) == 0
    assert "[/out]" in capsys.readouterr().err
    stale = (output / "runs" / "sqrt-0" / "card.json").read_text()
    assert main([*command, "--shards", str(here), "--method", "none", "--overwrite", "--learning-rate", "0.3"]) == 0
    assert main([*command, "--shards", str(here), "--method", "sqrt", "--learning-rate", "0.3"]) == 0
    fresh = json.loads((output / "runs" / "sqrt-0" / "card.json").read_text())
    assert fresh["training"]["train"]["learning_rate"] == 0.3 != json.loads(stale)["training"]["train"]["learning_rate"]
    moved = here.rename(tmp_path / "moved")
    assert main([*command, "--shards", str(moved), "--method", "sqrt", "--learning-rate", "0.3"]) == 0
    manifest = json.loads((moved / "_manifest.json").read_text())
    (moved / "_manifest.json").write_text(json.dumps(manifest | {"checksum": "00000000000000bb"}))
    assert main([*command, "--shards", str(moved), "--method", "sqrt", "--learning-rate", "0.3"]) == 2
    assert "shards: '00000000000000aa' there, '00000000000000bb' now" in capsys.readouterr().err


def test_each_run_has_a_tensorboard_of_its_own(shards: Path, tmp_path: Path) -> None:
    words = ["--shards", str(shards), "--output", str(tmp_path), "--tensorboard", "board"]
    settings = settings_of(Given(COMMAND.parser().parse_args(words), words))
    boards = [_run_settings(CompareSettings(), settings, "none", seed).run.tensorboard for seed in (0, 1)]
    assert boards == ["board/none-0", "board/none-1"]


def test_the_budget_gives_a_remedy_that_draws_fewer_rows_more_epochs() -> None:
    assert epochs_for(10, 1000, 250, "steps") == 40
    assert epochs_for(10, 1000, 3000, "steps") == 3
    assert epochs_for(10, 1000, 250, "epochs") == 10


def test_every_method_is_a_setting_that_holds_together() -> None:
    base = ImbalanceSettings(focal_gamma=1.5, sampler="sqrt")
    for name in METHODS:
        made = remedy(name, base)
        made.check()
        assert made.focal_gamma == 1.5
    assert remedy("none", base).sampler == "natural"
    assert len({remedy(name, base) for name in METHODS}) == len(METHODS)
    assert {remedy(name, base).loss for name in METHODS} == set(LOSSES)
    assert {remedy(name, base).sampler for name in METHODS} == set(SAMPLERS) - {"augment"}  # as oversample
    assert {remedy(name, base).class_weights for name in METHODS} == set(CLASS_WEIGHTS)
    assert "knn" in CompareSettings(method=("all",)).names
