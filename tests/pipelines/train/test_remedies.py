"""The imbalance suite as flags of `fer-spark train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_spark.networks.bundle import load_bundle
from tests.pipelines.train.trainings import SMALL_CNN, history, pictures, train, write_shards


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
        (["--sampler", "augment", "--augment-to", "100", "--augment"], 10),  # 190 + 100
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


def test_varied_repeats_need_augmentation(skewed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--sampler", "augment", "--no-augment"]
    assert train(skewed, tmp_path / "out", *flags, flags=SMALL_CNN) == 2
    assert "--sampler oversample repeats them as they are" in capsys.readouterr().err
