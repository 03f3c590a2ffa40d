"""`fer-spark tune` on pictures that tell their class by their gray, so that which settings are best is known."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from fer_spark import cli
from fer_spark.cli.commands.tune import main
from fer_spark.networks.bundle import load_bundle
from fer_spark.pipelines.train.settings import AllSettings
from fer_spark.pipelines.tune import run as tune_run
from fer_spark.pipelines.tune.output import Searched, best_toml
from fer_spark.pipelines.tune.parallel import _cause, _heard, _passed_on
from fer_spark.pipelines.tune.space import GROUPS, Choices, Space, Span
from fer_spark.pipelines.tune.study import Search
from fer_spark.pipelines.tune.trial import COMPLETE, FAILED, STOPPED, Outcome, Trial
from tests.pipelines.evaluate.evaluations import Row, write_shards
from tests.pipelines.tune.spaces import settings, space_file

NAMES = ["angry", "happy", "sad"]
CENTRES = [50, 128, 205]
QUICK = ["--widths", "4-8", "--blocks", "1-1", "--epochs", "1", "--batch-size", "16", "--ema-decay", "0"]
QUICK += ["--no-augment", "--device", "cpu", "--threads", "1", "--precision", "fp32", "--schedule", "constant"]
KNOWN_BEST = "learning_rate = [1e-9, 0.05]\n"


def rows(count: int, seed: int) -> list[Row]:
    """As many of each class; gray within 25 of its class's centre, which lie 77 apart."""
    draw = np.random.default_rng(seed)
    grays = [CENTRES[n % 3] + int(draw.integers(-25, 26)) for n in range(count)]
    return [Row(NAMES[n % 3], gray, f"{seed}-{n}") for n, gray in enumerate(grays)]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    splits = {"train": rows(240, 1), "val": rows(60, 2)}
    return write_shards(tmp_path_factory.mktemp("tune") / "shards", splits, NAMES)


def command(shards: Path, output: Path, space: Path, *more: str) -> list[str]:
    return ["--shards", str(shards), "--output", str(output), "--space", str(space), *QUICK, *more]


def tuning(output: Path) -> dict[str, Any]:
    return dict(json.loads((output / "tuning.json").read_text(encoding="utf-8")))


def test_the_known_best_is_found_and_everything_is_published(shards: Path, tmp_path: Path) -> None:
    output, space = tmp_path / "out", space_file(tmp_path, KNOWN_BEST)
    assert cli.main(["tune", *command(shards, output, space, "--trials", "4")]) == 0
    found = tuning(output)
    assert found["best"]["parameters"] == {"learning_rate": 0.05}
    values = {trial["parameters"]["learning_rate"]: trial["value"] for trial in found["trials"]}
    assert values[0.05] > 0.9
    assert values[1e-9] < 0.7
    assert found["importances"] == {"learning_rate": pytest.approx(1)}
    bundle = load_bundle(output / "best")
    assert bundle.labels == NAMES
    assert bundle.card.metrics["accuracy"] == found["best"]["value"]
    assert (output / "importances.png").read_bytes().startswith(b"\x89PNG")
    with (output / "trials.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [line["state"] for line in table] == ["complete"] * 4
    assert [float(line["value"]) for line in table] == [values[float(line["learning_rate"])] for line in table]
    # four trials of two different settings: each is trained once
    assert [line["same_as"] != "" for line in table].count(True) == 2
    assert len(list((output / "trials").iterdir())) == 2

    cards = {path: path.stat().st_mtime_ns for path in output.glob("trials/*/card.json")}
    assert main(command(shards, output, space, "--trials", "5")) == 0  # goes on; nothing is trained again
    assert cards == {path: path.stat().st_mtime_ns for path in output.glob("trials/*/card.json")}
    assert [trial["trial"] for trial in tuning(output)["trials"]] == [0, 1, 2, 3, 4]

    again = tmp_path / "again"
    assert cli.main(["train", "--config", str(output / "best.toml"), "--output", str(again)]) == 0
    assert load_bundle(again).card.metrics["accuracy"] == found["best"]["value"]


def test_a_study_of_other_settings_is_refused_unless_overwritten(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, space = tmp_path / "out", space_file(tmp_path, "learning_rate = [0.05]\n")
    assert main(command(shards, output, space, "--trials", "1")) == 0
    assert tuning(output)["importances"] == {}
    assert "1 finished trial" in tuning(output)["importances_note"]
    capsys.readouterr()
    assert main(command(shards, output, space, "--trials", "1", "--label-smoothing", "0")) == 2
    assert "fixed.label_smoothing: 0.1 there, 0.0 now" in capsys.readouterr().err
    space.write_text("learning_rate = [0.1]\n", encoding="utf-8")
    assert main(command(shards, output, space, "--trials", "1")) == 2
    assert "space.learning_rate: [0.05] there, [0.1] now" in capsys.readouterr().err
    other = write_shards(
        tmp_path / "other", {"train": rows(48, 1), "val": rows(12, 2)}, NAMES, checksum="00000000000000bb"
    )
    space.write_text("learning_rate = [0.05]\n", encoding="utf-8")
    assert main(command(other, output, space, "--trials", "1")) == 2
    assert "shards: '00000000000000aa' there, '00000000000000bb' now" in capsys.readouterr().err
    assert main(command(other, output, space, "--trials", "1", "--overwrite")) == 0
    assert tuning(output)["search"]["shards"] == "00000000000000bb"


def test_a_trial_that_diverges_is_failed_with_its_reason_and_the_search_goes_on(shards: Path, tmp_path: Path) -> None:
    output, space = tmp_path / "out", space_file(tmp_path, "learning_rate = [1e30, 0.05]\n")
    assert main(command(shards, output, space, "--trials", "4")) == 0
    found = tuning(output)
    states = {trial["parameters"]["learning_rate"]: trial["state"] for trial in found["trials"]}
    assert states == {1e30: FAILED, 0.05: COMPLETE}
    assert all("finite" in trial["reason"] for trial in found["trials"] if trial["state"] == FAILED)
    assert found["best"]["parameters"] == {"learning_rate": 0.05}


def test_answers_that_explode_after_the_only_batch_fail_the_trial_alone(shards: Path, tmp_path: Path) -> None:
    output, space = tmp_path / "100%25 [/x]", space_file(tmp_path, "learning_rate = [1e30, 0.05]\n")
    assert main([*command(shards, output, space, "--trials", "2"), "--batch-size", "240"]) == 0
    found = tuning(output)
    assert sorted(trial["state"] for trial in found["trials"]) == [COMPLETE, FAILED]
    assert found["best"]["parameters"] == {"learning_rate": 0.05}


def test_when_every_trial_fails_so_does_the_search(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, space = tmp_path / "out", space_file(tmp_path, "learning_rate = [1e30]\n")
    assert main(command(shards, output, space, "--trials", "2")) == 1
    assert tuning(output)["best"] is None
    assert not (output / "best").exists()
    assert "the loss is no longer finite" in capsys.readouterr().err


def test_a_signal_stops_the_search_and_the_same_command_goes_on_with_the_same_parameters(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = space_file(tmp_path, "learning_rate = {low = 0.001, high = 1.0, log = true}\n")
    started: list[tuple[str, float]] = []
    broken = "0001"

    def train(one: AllSettings, stopping: list[int]) -> Outcome:
        name, rate = Path(one.run.output).name, one.train.learning_rate
        started.append((name, rate))
        if name == broken and len([1 for other, _ in started if other == broken]) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
            assert stopping == [signal.SIGTERM]
            return Outcome(STOPPED)
        return Outcome(COMPLETE, value=-abs(np.log10(rate / 0.05)))

    monkeypatch.setattr(tune_run, "run_trial", train)
    monkeypatch.setattr(tune_run, "publish", lambda found: None)
    assert main(command(shards, tmp_path / "out", space, "--trials", "3")) == 4
    assert main(command(shards, tmp_path / "out", space, "--trials", "3")) == 0
    assert [name for name, _ in started] == ["0000", "0001", "0001", "0002"]
    assert started[1] == started[2]
    disturbed = [started[0], *started[2:]]
    started.clear()
    broken = "none"
    assert main(command(shards, tmp_path / "whole", space, "--trials", "3")) == 0
    assert started == disturbed


def test_what_is_asked_depends_on_seed_and_results_alone(tmp_path: Path) -> None:
    space: Space = {"rate": Span(0.001, 1.0, log=True), "size": Span(2, 8, step=2), "kind": Choices((("a", "b"), ()))}

    def asked(directory: Path, seed: int, count: int = 14, reopen: bool = False) -> list[dict[str, Any]]:
        directory.mkdir()
        search = Search(directory, space, maximise=True, seed=seed)
        for number in range(count):  # 14 is past the random start of TPE
            if reopen and number in (1, 12):
                search.ask()  # broken off: running
                search.close()
                search = Search(directory, space, maximise=True, seed=seed)
                trial = search.trials()[-1]
            else:
                trial = search.ask()
            assert trial.number == number
            search.tell(number, Outcome(COMPLETE, value=-abs(np.log(trial.parameters["rate"] / 0.1))))
        found = [trial.parameters for trial in search.trials()]
        search.close()
        return found

    once = asked(tmp_path / "a", 3)
    assert asked(tmp_path / "b", 3, reopen=True) == once
    assert asked(tmp_path / "c", 4, 1) != once[:1]
    assert {trial["size"] for trial in once} == {2, 4, 6, 8}
    assert {trial["kind"] for trial in once} == {("a", "b"), ()}
    assert all(0.001 <= trial["rate"] <= 1.0 for trial in once)
    assert len({trial["rate"] for trial in once}) == 14


def test_importances_name_what_moves_the_value_and_say_so_where_nothing_does(tmp_path: Path) -> None:
    space: Space = {"rate": Span(0.0, 1.0), "idle": Span(0.0, 1.0), "fixed": Choices((7,))}
    search = Search(tmp_path, space, maximise=False, seed=0)
    assert search.importances()[0] == {}
    for value in (1.0, 1.0):
        search.tell(search.ask().number, Outcome(COMPLETE, value=value))
    assert search.importances() == ({}, "all finished trials have the same value")
    for _ in range(18):
        trial = search.ask()
        search.tell(trial.number, Outcome(COMPLETE, value=trial.parameters["rate"]))
    shares, note = search.importances()
    search.close()
    assert note == ""
    assert list(shares) == ["rate", "idle"]
    assert shares["rate"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", ['a "b"\\\n\x7fü', "'", '"""', "# no comment"])
def test_the_best_settings_read_back_whatever_stands_in_them(name: str) -> None:
    best = Trial(
        7, {"learning_rate": 1e-9, "distill_temperature": 5e22, "distill": ("a", name)}, Outcome(COMPLETE, 0.5)
    )
    text = best_toml(Searched(settings(shards=name, output="o"), {}, {}, [best], {}, ""))
    found = tomllib.loads(text)
    assert (found["run"]["shards"], found["run"]["half_weights"]) == (name, False)
    assert (found["train"]["learning_rate"], found["train"]["distill_temperature"]) == (1e-9, 5e22)
    assert found["train"]["distill"] == ["a", name]
    assert set(found) == {"run", *GROUPS}
    assert text.startswith("# Trial 7 of fer-spark tune: ")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--trials", "0"], "--trials: 0"),
        (["--parallel", "0"], "--parallel: 0"),
        (["--val-split", ""], "--val-split is empty"),
        (["--processes", "2"], "--parallel trains several"),
        (["--image-column", "nothing"], "nothing"),
    ],
)
def test_wrong_usage_is_told(
    more: list[str], said: str, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(shards, tmp_path / "out", space_file(tmp_path, KNOWN_BEST), *more)) == 2
    assert said in capsys.readouterr().err


def test_a_second_search_in_the_same_directory_is_refused(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with tune_run._alone(tmp_path / "out"):
        assert main(command(shards, tmp_path / "out", space_file(tmp_path, KNOWN_BEST))) == 2
    assert "another fer-spark tune" in capsys.readouterr().err


@pytest.mark.job
@pytest.mark.timeout(900)
def test_killed_in_the_middle_of_a_trial_it_comes_to_the_same_end(shards: Path, tmp_path: Path) -> None:
    space = space_file(tmp_path, "learning_rate = {low = 0.001, high = 0.1, log = true}\n")
    more = ["--trials", "3", "--epochs", "6", "--checkpoint-minutes", "0"]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    for waited in ("trials/0000/checkpoints/step-*", "trials/0001/checkpoints/step-*", "trials/0001/card.json"):
        line = [sys.executable, "-m", "fer_spark", "tune", *command(shards, killed, space, *more)]
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 200
        while not list(killed.glob(waited)) and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert main(command(shards, killed, space, *more)) == 0
    assert main(command(shards, whole, space, *more)) == 0
    keep = ("parameters", "value", "state", "figures")
    ours, theirs = ([{key: one[key] for key in keep} for one in tuning(out)["trials"]] for out in (killed, whole))
    assert len(ours) == 3
    assert ours == theirs
    weights = [(out / "best" / "weights.safetensors").read_bytes() for out in (killed, whole)]
    assert weights[0] == weights[1]


def test_what_went_wrong_in_a_task_is_told_in_its_own_words() -> None:
    told = """An error occurred while calling z:org.apache.spark.api.python.PythonRDD.collectAndServe.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 0.0 failed 4 times
Traceback (most recent call last):
  File "worker.py", line 3, in main
fer_spark.training.checkpoint.CheckpointError: /out/trials/0001: damaged
\tat org.apache.spark.api.python.BasePythonRunner"""
    assert _cause(told) == "a task failed: fer_spark.training.checkpoint.CheckpointError: /out/trials/0001: damaged"
    assert "Job aborted" in _cause(told.replace("CheckpointError", "none"))


def test_a_signal_reaches_the_tasks_through_the_shared_disk(tmp_path: Path) -> None:
    caught: list[int] = []
    with _passed_on(caught, tmp_path / "stop"), _heard(tmp_path / "stop") as heard:
        time.sleep(1.2)
        assert heard == []
        caught.append(signal.SIGTERM)
        deadline = time.monotonic() + 20
        while not heard and time.monotonic() < deadline:
            time.sleep(0.05)
    assert heard


@pytest.mark.job
@pytest.mark.timeout(900)
def test_trials_on_spark_are_those_of_one_process(spark: SparkSession, shards: Path, tmp_path: Path) -> None:
    space = space_file(tmp_path, "learning_rate = [1e30, 1e-9, 0.05]\n")
    both, one = tmp_path / "both", tmp_path / "one"
    assert main(command(shards, both, space, "--trials", "4", "--parallel", "2")) == 0
    assert main(command(shards, one, space, "--trials", "4")) == 0
    found = [
        {trial["parameters"]["learning_rate"]: (trial["state"], trial["value"]) for trial in tuning(out)["trials"]}
        for out in (both, one)
    ]
    assert found[0][0.05][0] == COMPLETE
    for rate in found[0].keys() & found[1].keys():
        assert found[0][rate] == found[1][rate]
    assert len(tuning(both)["trials"]) == 4
    assert tuning(both)["best"]["parameters"] == {"learning_rate": 0.05}
    assert load_bundle(both / "best").labels == NAMES
    assert "epoch 1/1" in next(both.glob("trials/*/train.log")).read_text(encoding="utf-8")
