"""One trial: settings trained into a directory of their own, and the outcome."""

from __future__ import annotations

import dataclasses
import math
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_spark.networks.card import Card
from fer_spark.networks.places import CARD

if TYPE_CHECKING:
    from fer_spark.pipelines.train.run import AllSettings

COMPLETE, FAILED, STOPPED, RUNNING = "complete", "failed", "stopped", "running"
TRIALS = "trials"
_CHECKPOINTS = "checkpoints"
_FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "loss")


class SearchError(Exception):
    """The search cannot continue; the message says why."""


@dataclass(frozen=True)
class Outcome:
    """What came of a trial.

    state     complete; failed, for `reason`; or stopped before its end, with a checkpoint
    value     the figure that the search compares, of the epoch that was kept
    figures   of that epoch on the val split: accuracy, balanced_accuracy, macro_f1, loss, and epoch, counted from 1
    minutes   spent by this process; a trial that was broken off before spent more
    same_as   the number of the earlier trial with the same parameters whose outcome this is
    """

    state: str
    value: float | None = None
    reason: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    minutes: float = 0.0
    same_as: int | None = None


@dataclass(frozen=True)
class Trial:
    """One point of the search; `outcome.state` is RUNNING until it is reported."""

    number: int
    parameters: dict[str, Any]
    outcome: Outcome


def directory(output: Path, number: int) -> Path:
    return output / TRIALS / f"{number:04d}"


def run_trial(settings: AllSettings, stopping: list[int]) -> Outcome:
    """Train into `settings.run.output`, or resume there; a bundle that is there already is reused.

    A loss that is not finite, settings that do not go together and too little memory make a failed trial; whatever
    else goes wrong is raised, as it would befall every trial.
    """
    from torch import OutOfMemoryError

    from fer_spark.pipelines.train.run import run as train

    output, began = Path(settings.run.output), time.monotonic()
    try:
        if not (output / CARD).exists() and not train(settings, stopping):
            return Outcome(STOPPED)
        found = outcome_of(output, settings.train.select_on)
    except (FloatingPointError, ValueError, OutOfMemoryError) as error:
        found = Outcome(FAILED, reason=f"{error}" or type(error).__name__)
        shutil.rmtree(output / _CHECKPOINTS, ignore_errors=True)
    return dataclasses.replace(found, minutes=round((time.monotonic() - began) / 60, 3))


def outcome_of(output: Path, select_on: str) -> Outcome:
    """What a finished trial's card says of the epoch that was kept. Raises BundleError for a damaged card."""
    card = Card.from_json((output / CARD).read_text(encoding="utf-8"), str(output / CARD))
    kept = next(entry for entry in card.training["history"] if entry["epoch"] == card.training["best_epoch"])
    figures = {name: kept.get(f"val_{name}") for name in _FIGURES}
    value = figures[select_on]
    if value is None or not math.isfinite(value):
        return Outcome(FAILED, reason=f"the val split has no finite {select_on}")
    known = {name: float(figure) for name, figure in figures.items() if figure is not None}
    return Outcome(COMPLETE, float(value), figures={**known, "epoch": kept["epoch"] + 1})
