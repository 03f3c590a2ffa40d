"""A search's output: the best bundle, its settings, a table of all trials, and the hyperparameter importance."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fer_spark import __version__
from fer_spark.artifacts import replace_directory, replace_file
from fer_spark.networks.card import plain
from fer_spark.pipelines.tune.space import GROUPS, Space, apply, plain_space, run_of_trials
from fer_spark.pipelines.tune.trial import COMPLETE, FAILED, Trial, directory
from fer_spark.reports.tuning import importances_picture

if TYPE_CHECKING:
    from fer_spark.pipelines.train.run import AllSettings

BEST, BEST_TOML, TRIALS_CSV, TUNING, PICTURE = "best", "best.toml", "trials.csv", "tuning.json", "importances.png"
_TOP = 10
_FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "loss", "epoch")


@dataclass(frozen=True)
class Searched:
    """A search that has come to its end. `importances` is empty for the reason in `note`."""

    settings: AllSettings
    space: Space
    identity: dict[str, Any]
    trials: list[Trial]
    importances: dict[str, float]
    note: str

    @property
    def output(self) -> Path:
        return Path(self.settings.run.output)

    @property
    def select_on(self) -> str:
        return self.settings.train.select_on

    @property
    def ranking(self) -> list[Trial]:
        """The trials that came to an end, best first; of equal ones the first."""
        sign = 1 if self.select_on == "loss" else -1
        done = [trial for trial in self.trials if trial.outcome.state == COMPLETE]
        return sorted(done, key=lambda trial: (sign * (trial.outcome.value or 0.0), trial.number))


def publish(found: Searched) -> None:
    """Write everything; each file, and the bundle, is there whole or as it was before."""
    output = found.output
    if found.ranking:
        best = found.ranking[0]
        source = best.number if best.outcome.same_as is None else best.outcome.same_as
        replace_directory(output / BEST, lambda aside: _copy_bundle(directory(output, source), aside))
        replace_file(output / BEST_TOML, best_toml(found))
    replace_file(output / TRIALS_CSV, trials_csv(found))
    heading = f"{found.select_on.replace('_', ' ')} over {len(found.ranking)} trials"
    replace_file(output / PICTURE, importances_picture(found.importances, heading, found.note))
    text = json.dumps(plain(tuning(found)), indent=1, ensure_ascii=False, allow_nan=False)
    replace_file(output / TUNING, text)


def best_toml(found: Searched) -> str:
    """Every setting of the best trial, for `fer-spark train --config`; only --output is left to choose."""
    best = found.ranking[0]
    settings = apply(found.settings, best.parameters)
    run = {"shards": settings.run.shards, **run_of_trials(settings)}
    heading = (
        f"# Trial {best.number} of fer-spark tune: {found.select_on} {best.outcome.value:.6g}\n"
        "# fer-spark train --config best.toml --output DIR\n"
    )
    groups = {group: dataclasses.asdict(getattr(settings, group)) for group in GROUPS}
    return heading + tomli_w.dumps({"run": run, **groups})


def trials_csv(found: Searched) -> str:
    """One line per trial, in order of number."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["trial", "state", "value", *found.space, *_FIGURES, "minutes", "same_as", "reason"])
    for trial in found.trials:
        shown, outcome = plain(trial.parameters), trial.outcome
        parameters = [json.dumps(v) if isinstance(v, list) else v for v in (shown.get(name) for name in found.space)]
        figures = [outcome.figures.get(name) for name in _FIGURES]
        writer.writerow(
            [
                trial.number,
                outcome.state,
                outcome.value,
                *parameters,
                *figures,
                outcome.minutes,
                outcome.same_as,
                outcome.reason,
            ]
        )
    return table.getvalue()


def tuning(found: Searched) -> dict[str, Any]:
    """What tuning.json holds."""
    best = found.ranking[0] if found.ranking else None
    return {
        "format_version": 1,
        "package_version": __version__,
        "select_on": found.select_on,
        "direction": "minimise" if found.select_on == "loss" else "maximise",
        "protocol": "Settings and epochs were chosen on the val split, so its figures lean to the good side; "
        "measure the best bundle once on the test split.",
        "best": best
        and {"trial": best.number, "parameters": best.parameters, **best.outcome.figures}
        | {"value": best.outcome.value},
        "importances": found.importances,
        "importances_note": found.note,
        "space": plain_space(found.space),
        "search": {key: value for key, value in found.identity.items() if key != "space"},
        "trials": [
            {"trial": trial.number, "parameters": trial.parameters, **dataclasses.asdict(trial.outcome)}
            for trial in found.trials
        ],
    }


def print_summary(console: Console, found: Searched) -> None:
    """The best trials, the hyperparameter importance, and where everything is."""
    ranking, failed = found.ranking, [trial for trial in found.trials if trial.outcome.state == FAILED]
    if ranking:
        compared = f"{found.select_on.replace('_', ' ')} on {found.settings.run.val_split}"
        table = Table(title=f"Best of {len(found.trials)} trials by {compared}")
        for name in ("trial", "accuracy", "balanced", "macro-F1", "loss", "epoch"):
            table.add_column(name, justify="right")
        table.add_column("settings")
        for trial in ranking[:_TOP]:
            figures = [(trial.outcome.figures.get(name), "g" if name == "epoch" else ".4f") for name in _FIGURES]
            cells = ["–" if value is None else format(value, form) for value, form in figures]
            table.add_row(str(trial.number), *cells, escape(settings_text(trial.parameters)))
        console.print(table)
    for trial in failed[:_TOP]:
        failed_for = f"Trial {trial.number} failed: {trial.outcome.reason}"
        console.print(failed_for, highlight=False, markup=False, soft_wrap=True)
    if found.importances:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in found.importances.items())
        console.print(f"Hyperparameter importance: {shares}", highlight=False)
    else:
        console.print(f"Hyperparameter importance is unknown: {found.note}", highlight=False)
    if ranking:
        places = f"Best bundle: {found.output / BEST}; settings: {found.output / BEST_TOML}"
        console.print(places, highlight=False, markup=False, soft_wrap=True)


def settings_text(parameters: dict[str, Any]) -> str:
    """`learning_rate=0.05 sampler=sqrt`."""
    return " ".join(f"{k}={','.join(v) if isinstance(v, tuple) else v}" for k, v in parameters.items())


def _copy_bundle(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("checkpoints", ".*"), dirs_exist_ok=True)
