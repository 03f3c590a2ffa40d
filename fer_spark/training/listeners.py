"""Reports a training's figures: to a terminal or log, as JSON lines, to TensorBoard and MLflow."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from fer_spark.artifacts import replace_file

Listener = Callable[[str, dict[str, Any]], None]
"""Called with ("step" | "epoch" | "note", figures), and with ("history", {"history": figures of every epoch})."""

_LOG_EVERY_S = 30.0


class Terminal:
    """A bar with the time left on a terminal, a line every half minute in a log, and a line per epoch in both."""

    def __init__(self, console: Console, epochs: int) -> None:
        self._console, self._epochs = console, epochs
        self._began: tuple[float, int] | None = None
        self._reported = time.monotonic()
        self._progress: Progress | None = None

    def __call__(self, event: str, figures: dict[str, Any]) -> None:
        if event == "note":
            self._print(figures["text"])
        elif event == "epoch":
            self._print(epoch_line(figures, self._epochs))
        elif event == "step" and self._console.is_terminal:
            self._bar(figures)
        elif event == "step":
            self._line(figures)

    def close(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()

    def _bar(self, figures: dict[str, Any]) -> None:
        if self._progress is None:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"))
            times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
            self._progress = Progress(*columns, *times, console=self._console, transient=True)
            self._progress.start()
            self._progress.add_task("training", total=figures["steps"])
        title = f"epoch {figures['epoch'] + 1}/{self._epochs}"
        self._progress.update(self._progress.task_ids[0], completed=figures["step"], description=title)

    def _line(self, figures: dict[str, Any]) -> None:
        now = time.monotonic()
        if self._began is None:  # the first step takes longer than others: it says nothing of the time left
            self._began, self._reported = (now, figures["step"]), now
        if now - self._reported < _LOG_EVERY_S:
            return
        self._reported = now
        pace = (now - self._began[0]) / max(1, figures["step"] - self._began[1])
        left = pace * (figures["steps"] - figures["step"])
        self._print(
            f"epoch {figures['epoch'] + 1}/{self._epochs}, batch {figures['batch']}/{figures['batches']}; "
            f"about {left / 60:.0f} min left"
        )

    def _print(self, text: str) -> None:
        """One line, however long: in a log it is cut nowhere."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


def epoch_line(figures: dict[str, Any], epochs: int) -> str:
    """`epoch 3/30: loss 1.203; val accuracy 0.612, …; 1,234 pictures/s *`; the star marks the best so far."""
    parts = [f"epoch {figures['epoch'] + 1}/{epochs}: loss {figures['train_loss']:.3f}"]
    val = [
        f"{name.removeprefix('val_').replace('_', ' ')} {value:.4f}"
        for name, value in figures.items()
        if name.startswith("val_")
    ]
    if val:
        parts.append("val " + ", ".join(val))
    parts.append(f"{figures['images_per_s']:,.0f} pictures/s" + (" *" if figures.get("best") else ""))
    return "; ".join(parts)


class JsonLines:
    """One line per epoch, all of them written anew, so that a resumed run neither repeats nor loses one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, event: str, figures: dict[str, Any]) -> None:
        if event == "history":
            lines = [json.dumps(_plain(entry), allow_nan=False) + "\n" for entry in figures["history"]]
            replace_file(self._path, "".join(lines))


def _plain(entry: dict[str, Any]) -> dict[str, Any]:
    """JSON knows neither NaN nor infinity: they become null."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in entry.items()
    }


class TensorBoard:
    """Scalars per epoch, for `tensorboard --logdir DIR`. Raises ImportError where it is not installed."""

    def __init__(self, directory: str) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError(
                f"--tensorboard needs the package tensorboard: pip install tensorboard ({error})"
            ) from error
        self._writer = SummaryWriter(directory)

    def __call__(self, event: str, figures: dict[str, Any]) -> None:
        if event == "epoch":
            for name, value in numbers(figures).items():
                self._writer.add_scalar(name, value, figures["epoch"])
            self._writer.flush()  # a kill loses nothing

    def close(self) -> None:
        self._writer.close()


class MlFlow:
    """A run in MLflow: settings as parameters, figures per epoch as metrics. A path is a local store.

    `place` is what tells this training from others in the store: one that `resumes` goes on in the run that it began.
    Raises ImportError where the package is not installed, ValueError for a store that cannot be used.
    """

    def __init__(self, store: str, name: str, settings: dict[str, Any], place: str = "", resumes: bool = False) -> None:
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        try:
            import mlflow
            from mlflow.entities import Metric, Param
            from mlflow.exceptions import MlflowException
        except ImportError as error:
            raise ImportError(f"--mlflow needs the package mlflow: pip install mlflow-skinny ({error})") from error
        self._errors, self._metric, self._status = MlflowException, Metric, "FAILED"
        self._heard = True
        uri = store if "://" in store else Path(store).absolute().as_uri()
        try:
            self._client = mlflow.MlflowClient(tracking_uri=uri)
            self._run_id, is_new = self._begin(name, hashlib.sha256(place.encode()).hexdigest()[:16], resumes)
            if is_new:
                params = [Param(key, str(value)[:500]) for key, value in settings.items()]
                for first in range(0, len(params), 100):  # as many as MLflow takes at once
                    self._client.log_batch(self._run_id, params=params[first : first + 100])
        except ImportError as error:
            raise ImportError(
                f"--mlflow {store}: this kind of store needs more: pip install mlflow ({error})"
            ) from error
        except MlflowException as error:
            raise ValueError(f"--mlflow {store}: no store that can be used ({error})") from error

    def __call__(self, event: str, figures: dict[str, Any]) -> None:
        if event == "epoch":
            now = int(time.time() * 1000)
            metrics = [self._metric(key, value, now, figures["epoch"]) for key, value in numbers(figures).items()]
            self._try(lambda: self._client.log_batch(self._run_id, metrics=metrics))

    def end(self, finished: bool) -> None:
        """Say how it ended; a run that never says so has failed."""
        self._status = "FINISHED" if finished else "KILLED"

    def close(self) -> None:
        self._try(lambda: self._client.set_terminated(self._run_id, self._status))

    def _begin(self, name: str, key: str, resumes: bool) -> tuple[str, bool]:
        """The run's id, and whether it is new."""
        title = os.environ.get("MLFLOW_EXPERIMENT_NAME", "fer-spark")
        found = self._client.get_experiment_by_name(title)
        experiment = found.experiment_id if found else self._client.create_experiment(title)
        if resumes:
            query, order = f"tags.fer_spark_run = '{key}'", ["attributes.start_time DESC"]
            for run in self._client.search_runs([experiment], query, order_by=order, max_results=1):
                if run.info.status != "FINISHED":
                    self._client.update_run(run.info.run_id, status="RUNNING")
                    return str(run.info.run_id), False
        run = self._client.create_run(experiment, run_name=name, tags={"fer_spark_run": key})
        return str(run.info.run_id), True

    def _try(self, call: Callable[[], object]) -> None:
        """A store that no longer answers does not end a training: it is told once."""
        try:
            call()
        except self._errors as error:
            if self._heard:
                warnings.warn(f"--mlflow: the store no longer accepts figures ({error})", stacklevel=2)
            self._heard = False


def numbers(figures: dict[str, Any]) -> dict[str, float]:
    """The figures that are numbers, without the epoch."""
    return {
        name: float(value)
        for name, value in figures.items()
        if name != "epoch" and isinstance(value, (int, float)) and not isinstance(value, bool)
    }
