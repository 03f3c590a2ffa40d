"""Broken off and gone on: the same weights, to the byte."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from fer_spark.training.listeners import Terminal
from tests.pipelines.train.trainings import SMALL_CNN, STEPS, history, start, train, words


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
    assert "run the same command again to resume" in capsys.readouterr().err
    assert [path.name for path in (output / "checkpoints").iterdir()] == [f"step-{STEPS + 3:09d}"]
    assert not (output / "card.json").exists()
    assert train(shards, output, "--epochs", "5", flags=SMALL_CNN) == 1
    assert "epochs: 4 there, 5 now" in capsys.readouterr().err
    assert train(shards, output, "--threads", "1", "--max-minutes", "60", flags=SMALL_CNN) == 0
    assert "resuming at epoch 1, batch 3" in capsys.readouterr().err
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


@pytest.mark.job
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
