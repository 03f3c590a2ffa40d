"""Several trials at once, each one Spark task."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fer_spark.pipelines.tune.trial import COMPLETE, STOPPED, Outcome, SearchError, run_trial

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from fer_spark.pipelines.train.run import AllSettings

LOG = "train.log"
_STOP = ".stop"
_POLL_S = 0.5


def run_together(spark: SparkSession, trials: list[AllSettings], directory: Path, stopping: list[int]) -> list[Outcome]:
    """Train each of `trials` in a task of its own; outcomes in the same order.

    Tasks write where the driver reads: `directory` and all outputs lie on a disk that they share. A stop reaches them
    through a file there, so that each writes a checkpoint. Raises SearchError where a task ends in an error, or where
    its bundle cannot be seen here.
    """
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]

    if spark.sparkContext.getConf().get("spark.speculation", "false") == "true":
        raise ValueError("--conf spark.speculation=true: two copies of a trial would write into one directory")
    stop_file = directory / _STOP
    stop_file.unlink(missing_ok=True)
    try:
        with _passed_on(stopping, stop_file):
            tasks = spark.sparkContext.parallelize(trials, len(trials))
            found = tasks.map(partial(_run_trial, stop_file=stop_file)).collect()
    except Py4JError as error:
        if stopping:  # the signal reached the JVM too
            return [Outcome(STOPPED) for _ in trials]
        raise SearchError(_cause(f"{error}")) from error
    finally:
        stop_file.unlink(missing_ok=True)
    for settings, outcome in zip(trials, found, strict=True):
        if outcome.state == COMPLETE and not Path(settings.run.output).is_dir():
            raise SearchError(
                f"{settings.run.output}: an executor wrote its bundle there, and it is not here; --output must be on a "
                "disk that driver and executors share"
            )
    return found


def _cause(message: str) -> str:
    """The last line of the task's own traceback in what Spark reports, else Spark's own error."""
    lines = [line.strip(": \t") for line in message.splitlines()]
    named = [line for line in lines if re.match(r"[\w.]+(Error|Exception): ", line)]
    own = [line for line in named if not line.startswith(("org.", "java.", "py4j."))]
    return "a task failed: " + (own or named or lines)[0]


def _run_trial(settings: AllSettings, stop_file: Path) -> Outcome:
    """Runs on an executor; what training prints goes to train.log beside the bundle."""
    _take_own_gpu()
    output = Path(settings.run.output)
    output.mkdir(parents=True, exist_ok=True)
    with (
        (output / LOG).open("a", encoding="utf-8", buffering=1) as log,
        contextlib.redirect_stderr(log),
        _heard(stop_file) as stopping,
    ):
        return run_trial(settings, stopping)


def _take_own_gpu() -> None:
    """Where Spark hands out GPUs, `--device auto` is this task's one."""
    from pyspark import TaskContext

    context = TaskContext.get()
    gpu = context.resources().get("gpu") if context is not None else None
    if gpu is not None:
        os.environ["LOCAL_RANK"] = gpu.addresses[0]


@contextmanager
def _passed_on(stopping: list[int], stop_file: Path) -> Iterator[None]:
    """Writes `stop_file` as soon as a signal was caught."""
    with _polling(lambda: stop_file.touch() if stopping else None):
        yield


@contextmanager
def _heard(stop_file: Path) -> Iterator[list[int]]:
    """A list that is filled as soon as `stop_file` is there."""
    stopping: list[int] = []
    with _polling(lambda: stopping.append(signal.SIGTERM) if stop_file.exists() else None):
        yield stopping


@contextmanager
def _polling(look: Callable[[], None]) -> Iterator[None]:
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_POLL_S):
            look()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
