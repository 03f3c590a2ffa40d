"""What a run tells of itself: lines in a log, JSON lines, TensorBoard's and MLflow's own files."""

from __future__ import annotations

import io
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fer_spark.training import listeners
from fer_spark.training.listeners import JsonLines, MlFlow, TensorBoard, Terminal, epoch_line

NAN = float("nan")
LONG = "val_a_figure_with_a_name_so_long_that_no_line_of_eighty_columns_could_ever_hold_it"


def epoch(number: int, **more: Any) -> dict[str, Any]:
    return {"epoch": number, "train_loss": 2.0 - number, "val_accuracy": 0.25 * number, "images_per_s": 1234.5, **more}


def log() -> Console:
    """A file of 80 columns, as rich takes everything that is no terminal to be."""
    return Console(file=io.StringIO(), width=80)


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_an_epoch_is_one_line_with_a_star_for_the_best() -> None:
    assert epoch_line(epoch(1, best=True), 30) == "epoch 2/30: loss 1.000; val accuracy 0.2500; 1,234 pictures/s *"
    assert (
        epoch_line({"epoch": 0, "train_loss": 1.5, "images_per_s": 10.0}, 1) == "epoch 1/1: loss 1.500; 10 pictures/s"
    )


def test_lines_in_a_log_are_neither_broken_nor_read_as_markup() -> None:
    console = log()
    terminal = Terminal(console, 2)
    terminal("epoch", epoch(0, **{LONG: 0.5}))
    terminal("note", {"text": "going on from /data/[bold]/[/x] " + 100 * "y"})
    terminal.close()
    lines = text(console).splitlines()
    assert len(lines) == 2
    assert lines[0] == epoch_line(epoch(0, **{LONG: 0.5}), 2)
    assert lines[1] == "going on from /data/[bold]/[/x] " + 100 * "y"


def test_a_log_hears_of_the_time_left_every_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of one second; 600 of them, from step 101 on, as a resumed run has it. The first takes a minute."""
    now = [1000.0]
    monkeypatch.setattr(listeners.time, "monotonic", lambda: now[0])
    console = log()
    terminal = Terminal(console, 6)
    now[0] += 60
    for step in range(101, 181):
        now[0] += 1
        terminal("step", {"epoch": 1, "batch": step - 100, "batches": 100, "step": step, "steps": 600})
    lines = text(console).splitlines()
    assert [line.split(";")[0] for line in lines] == ["epoch 2/6, batch 31/100", "epoch 2/6, batch 61/100"]
    assert [line.split(";")[1] for line in lines] == [" about 8 min left", " about 7 min left"]


def test_a_terminal_gets_a_bar_that_goes_away() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    terminal = Terminal(console, 2)
    for step in (1, 2):
        terminal("step", {"epoch": 0, "batch": step, "batches": 2, "step": step, "steps": 4})
    terminal("epoch", epoch(0))
    terminal.close()
    assert "epoch 1/2" in text(console)
    assert text(console).count("loss 2.000") == 1


def test_json_lines_are_one_per_epoch_whatever_was_there(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("left by another run\n")
    write = JsonLines(path)
    entries = [epoch(0), epoch(1, val_loss=float("inf"), val_ccc_valence=NAN, best=True)]
    write("epoch", entries[0])
    write("history", {"history": entries})
    write("history", {"history": entries})

    def refuse(word: str) -> float:
        raise AssertionError(f"{word} is not JSON")

    lines = [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]
    assert lines == [entries[0], {**entries[1], "val_loss": None, "val_ccc_valence": None}]
    assert [one.name for one in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_tensorboard_reads_what_was_written(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = TensorBoard(str(tmp_path))
    for number in range(3):
        board("epoch", epoch(number, best=True))
        board("step", {"epoch": number, "step": 7})
    found = EventAccumulator(str(tmp_path)).Reload()  # before it is closed, as a killed run leaves it
    assert set(found.Tags()["scalars"]) == {"train_loss", "val_accuracy", "images_per_s"}
    assert [(one.step, one.value) for one in found.Scalars("val_accuracy")] == [(0, 0.0), (1, 0.25), (2, 0.5)]
    board.close()
    assert capfd.readouterr().out == ""


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    return mlflow.MlflowClient(tracking_uri=(tmp_path / "store").as_uri())


def runs(client: Any) -> list[Any]:
    found = client.get_experiment_by_name("fer-spark")
    return list(client.search_runs([found.experiment_id], order_by=["attributes.start_time"]))


def test_mlflow_reads_what_was_written(tmp_path: Path, client: Any, capfd: pytest.CaptureFixture[str]) -> None:
    settings: dict[str, Any] = {"epochs": 2, "distill": ("a", "b"), **{f"more_{i}": i for i in range(150)}}
    tracked = MlFlow(str(tmp_path / "store"), "model", settings)
    for number in range(2):
        tracked("epoch", epoch(number, val_ccc_valence=NAN))
    tracked.end(True)
    tracked.close()
    assert capfd.readouterr() == ("", "")
    (run,) = runs(client)
    assert run.info.run_name == "model"
    assert run.info.status == "FINISHED"
    assert run.data.params["epochs"] == "2"
    assert len(run.data.params) == 152
    values = client.get_metric_history(run.info.run_id, "val_accuracy")
    assert [(one.step, one.value) for one in values] == [(0, 0.0), (1, 0.25)]


def test_a_training_that_goes_on_is_the_same_run_of_mlflow(tmp_path: Path, client: Any) -> None:
    store = str(tmp_path / "store")

    def part(place: str, resumes: bool, first: int, finished: bool | None) -> None:
        tracked = MlFlow(store, "model", {"threads": first}, place, resumes)
        tracked("epoch", epoch(first))
        if finished is not None:
            tracked.end(finished)
        tracked.close()

    part("/models/a", False, 0, False)
    part("/models/b", False, 0, None)
    assert [run.info.status for run in runs(client)] == ["KILLED", "FAILED"]
    part("/models/a", True, 1, True)
    assert [run.info.status for run in runs(client)] == ["FINISHED", "FAILED"]
    history = client.get_metric_history(runs(client)[0].info.run_id, "train_loss")
    assert [(one.step, one.value) for one in history] == [(0, 2.0), (1, 1.0)]
    part("/models/a", True, 0, True)  # what is finished is not gone on with
    part("/models/b", False, 0, True)  # begun anew
    assert len(runs(client)) == 4


def test_a_store_that_dies_is_told_once_and_ends_nothing(tmp_path: Path, client: Any) -> None:
    from mlflow.exceptions import MlflowException

    tracked = MlFlow(str(tmp_path / "store"), "model", {})

    def dead(*words: Any, **more: Any) -> None:
        raise MlflowException("connection refused")

    tracked._client.log_batch = dead
    with pytest.warns(UserWarning, match="connection refused"):
        tracked("epoch", epoch(0))
    with warnings.catch_warnings(action="error"):
        tracked("epoch", epoch(1))
        tracked.close()


def test_a_store_that_cannot_be_is_named(client: Any) -> None:
    with pytest.raises(ValueError, match="--mlflow nonsense://x: no store"):
        MlFlow("nonsense://x", "model", {})


def test_missing_packages_are_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torch.utils.tensorboard", "mlflow"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="pip install tensorboard"):
        TensorBoard("somewhere")
    with pytest.raises(ImportError, match="pip install mlflow-skinny"):
        MlFlow("somewhere", "model", {})
