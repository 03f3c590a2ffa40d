"""Who hears of a run's figures: a person at a terminal or reading a log, JSON lines, TensorBoard, MLflow."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Listener = Callable[[str, dict[str, Any]], None]
"""Called with ("step" | "epoch" | "note", figures), and with ("history", {"history": figures of every epoch})."""

_LOG_EVERY_S = 30.0


class Terminal:
    """A bar with the time left on a terminal, a line every half minute in a log, and a line per epoch in both."""

    def __init__(self, console: Console, epochs: int) -> None:
        self._console, self._epochs = console, epochs
        self._began: tuple[float, int] | None = None
        self._said = time.monotonic()
        self._progress: Progress | None = None

    def __call__(self, event: str, figures: dict[str, Any]) -> None:
        if event == "note":
            self._console.print(figures["text"], highlight=False)
        elif event == "epoch":
            self._console.print(epoch_line(figures, self._epochs), highlight=False)
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
        self._began = self._began or (now, figures["step"] - 1)
        if now - self._said < _LOG_EVERY_S:
            return
        self._said = now
        pace = (now - self._began[0]) / max(1, figures["step"] - self._began[1])
        left = pace * (figures["steps"] - figures["step"])
        self._console.print(
            f"epoch {figures['epoch'] + 1}/{self._epochs}, batch {figures['batch']}/{figures['batches']}; "
            f"about {left / 60:.0f} min left",
            highlight=False,
        )


def epoch_line(figures: dict[str, Any], epochs: int) -> str:
    """`epoch 3/30: loss 1.203; val accuracy 0.612, …; 1,234 pictures/s *`; the star marks the best so far."""
    said = [f"epoch {figures['epoch'] + 1}/{epochs}: loss {figures['train_loss']:.3f}"]
    val = [
        f"{name.removeprefix('val_').replace('_', ' ')} {value:.4f}"
        for name, value in figures.items()
        if name.startswith("val_")
    ]
    if val:
        said.append("val " + ", ".join(val))
    said.append(f"{figures['images_per_s']:,.0f} pictures/s" + (" *" if figures.get("best") else ""))
    return "; ".join(said)


class JsonLines:
    """One line per epoch, all of them written anew, so that a resumed run neither repeats nor loses one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, event: str, figures: dict[str, Any]) -> None:
        if event == "history":
            aside = self._path.with_name(f".{self._path.name}")
            aside.write_text("".join(json.dumps(entry) + "\n" for entry in figures["history"]), encoding="utf-8")
            os.replace(aside, self._path)


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

    def close(self) -> None:
        self._writer.close()


class MlFlow:
    """A run in MLflow: settings as parameters, figures per epoch as metrics. A path is a local store."""

    def __init__(self, store: str, name: str, settings: dict[str, Any]) -> None:
        try:
            import mlflow
        except ImportError as error:
            raise ImportError(f"--mlflow needs the package mlflow: pip install mlflow-skinny ({error})") from error
        self._mlflow = mlflow
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        mlflow.set_tracking_uri(store if "://" in store else Path(store).absolute().as_uri())
        mlflow.set_experiment("fer-spark")
        mlflow.start_run(run_name=name)
        mlflow.log_params({key: str(value)[:500] for key, value in settings.items()})

    def __call__(self, event: str, figures: dict[str, Any]) -> None:
        if event == "epoch":
            self._mlflow.log_metrics(numbers(figures), step=figures["epoch"])

    def close(self) -> None:
        self._mlflow.end_run()


def numbers(figures: dict[str, Any]) -> dict[str, float]:
    """The figures that are numbers, without the epoch."""
    return {
        name: float(value)
        for name, value in figures.items()
        if name != "epoch" and isinstance(value, (int, float)) and not isinstance(value, bool)
    }
