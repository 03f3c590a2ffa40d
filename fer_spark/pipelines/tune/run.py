"""What `fer-spark tune` does with its settings: ask, train, tell, until there are enough trials; then publish."""

from __future__ import annotations

import dataclasses
import fcntl
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy.exc
from optuna.exceptions import OptunaError
from rich.console import Console
from rich.markup import escape

from fer_spark.pipelines.train.run import FAILURES as TRAIN_FAILURES
from fer_spark.pipelines.train.run import USAGE, AllSettings
from fer_spark.pipelines.tune.output import (
    BEST,
    BEST_TOML,
    PICTURE,
    TRIALS_CSV,
    TUNING,
    Searched,
    print_summary,
    publish,
    settings_text,
)
from fer_spark.pipelines.tune.parallel import run_together
from fer_spark.pipelines.tune.settings import TuneSettings
from fer_spark.pipelines.tune.space import GROUPS, Space, apply, plain_space, run_of_trials
from fer_spark.pipelines.tune.study import NAME, Search
from fer_spark.pipelines.tune.trial import (
    COMPLETE,
    FAILED,
    RUNNING,
    STOPPED,
    TRIALS,
    Outcome,
    SearchError,
    Trial,
    directory,
    run_trial,
)
from fer_spark.settings import changing
from fer_spark.shards.read.reader import open_shards

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


FAILURES = (*TRAIN_FAILURES, SearchError, OptunaError, sqlalchemy.exc.SQLAlchemyError)
__all__ = ["FAILURES", "USAGE", "open_session", "run"]
_LOCK = ".lock"


def open_session(tune: TuneSettings, conf: Sequence[str], master: str) -> SparkSession | None:
    """A Spark session where trials are to be trained side by side, else None."""
    if tune.parallel < 2:
        return None
    from fer_spark.spark.session import get_session

    return get_session("fer-spark tune", conf, master)


def run(
    settings: AllSettings, tune: TuneSettings, space: Space, spark: SparkSession | None, stopping: list[int]
) -> str:
    """COMPLETE with everything published, FAILED where no trial came to an end, or STOPPED: run again to resume."""
    output, console = Path(settings.run.output), Console(stderr=True)
    identity = _identity(settings, tune, space)
    with _alone(output):
        _make_room(output, settings.run.overwrite)
        with closing(Search(output, space, settings.train.select_on != "loss", tune.search_seed)) as search:
            search.belongs_to(identity)
            rounds = Rounds(settings, tune, search, spark, console)
            if not rounds.go_through(stopping):
                finished = len(rounds.finished())
                console.print(
                    f"Stopped after {finished} of {tune.trials} trials; run the same command again to resume",
                    highlight=False,
                )
                return STOPPED
            found = Searched(settings, space, identity, rounds.finished(), *search.importances())
            publish(found)
            print_summary(console, found)
            return COMPLETE if found.ranking else FAILED


class Rounds:
    """Trials of one search, in rounds of `--parallel`."""

    def __init__(
        self, settings: AllSettings, tune: TuneSettings, search: Search, spark: SparkSession | None, console: Console
    ) -> None:
        self._settings, self._tune, self._search = settings, tune, search
        self._spark, self._console = spark, console
        self._output = Path(settings.run.output)
        self._ends = time.monotonic() + (settings.train.max_minutes * 60 or float("inf"))

    def finished(self) -> list[Trial]:
        """The trials that are over, in order of number."""
        return [trial for trial in self._search.trials() if trial.outcome.state in (COMPLETE, FAILED)]

    def go_through(self, stopping: list[int]) -> bool:
        """Train until there are `--trials`; those that were interrupted go first. False when stopped on the way."""
        while True:
            left = self._tune.trials - len(self.finished())
            running = [trial for trial in self._search.trials() if trial.outcome.state == RUNNING]
            if left <= 0:
                return True
            if stopping or time.monotonic() >= self._ends:
                return False
            size = min(self._tune.parallel, left)
            trials = running[:size]
            trials += [self._search.ask() for _ in range(size - len(trials))]
            if not self._round(trials, stopping):
                return False

    def _round(self, trials: list[Trial], stopping: list[int]) -> bool:
        """Train and report the outcomes; False when any was stopped before its end."""
        finished = self.finished()
        fresh = []
        for trial in trials:
            twin = next((old for old in finished if old.parameters == trial.parameters), None)
            if twin is None:
                fresh.append(trial)
                self._print_start(trial, finished)
                continue
            first = twin.number if twin.outcome.same_as is None else twin.outcome.same_as
            self._search.tell(trial.number, dataclasses.replace(twin.outcome, same_as=first, minutes=0.0))
            self._console.print(f"Trial {trial.number}: the same settings as trial {first}", highlight=False)
        for trial, outcome in zip(fresh, self._train(fresh, stopping), strict=True):
            if outcome.state == STOPPED:
                continue
            self._search.tell(trial.number, outcome)
            if outcome.state == FAILED:
                failed = f"Trial {trial.number} failed: {outcome.reason}"
                self._console.print(failed, highlight=False, markup=False, soft_wrap=True)
        return all(trial.number in {old.number for old in self.finished()} for trial in trials)

    def _train(self, trials: list[Trial], stopping: list[int]) -> list[Outcome]:
        settings = [self._settings_of(trial) for trial in trials]
        if self._spark is None or not trials:
            return [run_trial(settings_of_trial, stopping) for settings_of_trial in settings]
        from fer_spark.spark.progress import JobProgress

        with JobProgress(self._spark.sparkContext).step(f"Training {len(trials)} trials"):
            return run_together(self._spark, settings, self._output, stopping)

    def _settings_of(self, trial: Trial) -> AllSettings:
        settings = apply(self._settings, trial.parameters)
        place, run = directory(self._output, trial.number), settings.run
        board = str(Path(run.tensorboard) / place.name) if run.tensorboard else ""
        left = max((self._ends - time.monotonic()) / 60, 1e-6)
        return dataclasses.replace(
            settings,
            run=dataclasses.replace(run, output=str(place), overwrite=False, tensorboard=board),
            train=dataclasses.replace(settings.train, max_minutes=left if settings.train.max_minutes else 0.0),
        )

    def _print_start(self, trial: Trial, finished: list[Trial]) -> None:
        sign = -1 if self._settings.train.select_on == "loss" else 1
        done = [other for other in finished if other.outcome.state == COMPLETE]
        best = max(done, key=lambda other: sign * (other.outcome.value or 0.0), default=None)
        so_far = f" (best so far: {best.outcome.value:.4f}, trial {best.number})" if best is not None else ""
        counted = f"{trial.number + 1} of {self._tune.trials}"
        self._console.print(
            f"[bold]Trial {trial.number}[/bold], {counted}: {escape(settings_text(trial.parameters))}{so_far}",
            highlight=False,
            soft_wrap=True,
        )


def _identity(settings: AllSettings, tune: TuneSettings, space: Space) -> dict[str, Any]:
    """What must be equal for a study to be resumed. Opens both splits, so that wrong shards are reported first."""
    run = settings.run
    for split in (run.train_split, run.val_split):
        with open_shards(run.shards, split, dataclasses.replace(settings.read, cache_dir="")) as reader:
            checksum = reader.manifest.checksum
    fixed: dict[str, Any] = {}
    for group in GROUPS:
        fixed |= changing(getattr(settings, group))
    fixed = {key: value for key, value in fixed.items() if key not in space} | run_of_trials(settings)
    return {"shards": checksum, "search_seed": tune.search_seed, "fixed": fixed, "space": plain_space(space)}


@contextmanager
def _alone(output: Path) -> Iterator[None]:
    """Hold the directory against a second search; the lock ends with the process, however it ends."""
    output.mkdir(parents=True, exist_ok=True)
    with (output / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(f"{output}: another fer-spark tune is at work there; wait for it, or stop it") from error
        yield


def _make_room(output: Path, overwrite: bool) -> None:
    if overwrite:
        for stale in (NAME, f"{NAME}-journal", TRIALS, BEST, BEST_TOML, TRIALS_CSV, TUNING, PICTURE):
            path = output / stale
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    if not (output / NAME).exists() and (output / TRIALS).exists():
        raise ValueError(f"{output} holds {TRIALS}/ but no {NAME}; choose another --output, or --overwrite")
