"""The table of a comparison: on the terminal, as CSV and JSON, and as a picture."""

from __future__ import annotations

import csv
import io
import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fer_spark.artifacts import replace_file

MAIN = ("accuracy", "balanced_accuracy", "macro_f1")


@dataclass(frozen=True)
class SeedFigures:
    """The figures of one run: accuracy, balanced_accuracy, macro_f1 and f1_<class>, each in [0, 1]."""

    seed: int
    figures: dict[str, float]


@dataclass(frozen=True)
class MethodFigures:
    """One remedy and its runs, one per seed."""

    name: str
    runs: list[SeedFigures]

    def mean(self, figure: str) -> float:
        return statistics.fmean(run.figures[figure] for run in self.runs)

    def deviation(self, figure: str) -> float | None:
        """Sample standard deviation over the seeds; None with a single run."""
        values = [run.figures[figure] for run in self.runs]
        return statistics.stdev(values) if len(values) > 1 else None


def columns(methods: list[MethodFigures]) -> list[str]:
    """The three main figures, then F1 of each class in label order."""
    first = methods[0].runs[0].figures
    return [*MAIN, *(name for name in first if name.startswith("f1_"))]


def write_tables(output: Path, methods: list[MethodFigures], about: dict[str, Any]) -> None:
    """comparison.json (every run), comparison.csv (means and deviations) and comparison.png."""
    from fer_spark.reports.comparison import comparison_picture

    names = columns(methods)
    content = {**about, "methods": [asdict(method) for method in methods]}
    replace_file(output / "comparison.json", json.dumps(content, indent=1))
    replace_file(output / "comparison.csv", _csv(methods, names))
    rows = [
        {"method": method.name, "figure": name, "value": run.figures[name]}
        for method in methods
        for name in MAIN
        for run in method.runs
    ]
    replace_file(output / "comparison.png", comparison_picture(rows, about["split"]))


def _csv(methods: list[MethodFigures], names: list[str]) -> str:
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["method", "runs", *(f"{name}{kind}" for name in names for kind in ("", "_deviation"))])
    for method in methods:
        cells = [value for name in names for value in (method.mean(name), method.deviation(name))]
        shown = ["" if value is None else f"{value:.4f}" for value in cells]
        writer.writerow([method.name, len(method.runs), *shown])
    return table.getvalue()


def print_table(console: Console, methods: list[MethodFigures], about: dict[str, Any]) -> None:
    """Best mean of each column in bold; figures in per cent."""
    names = columns(methods)
    chosen = ", which also chose the epochs" if about["chosen_on_it"] else ""
    title = f"Per cent on {about['split']}{chosen}; mean ± deviation over seeds"
    table = Table(title=escape(title), title_justify="left")
    table.add_column("method")
    for name in names:
        table.add_column(escape(name.replace("_", " ")), justify="right")
    best = {name: max(method.mean(name) for method in methods) for name in names}
    for method in methods:
        cells = []
        for name in names:
            mean, deviation = method.mean(name), method.deviation(name)
            text = f"{100 * mean:.1f}" + ("" if deviation is None else f" ± {100 * deviation:.1f}")
            cells.append(f"[bold]{text}[/bold]" if mean == best[name] else text)
        table.add_row(method.name, *cells)
    if not console.is_terminal:
        console = Console(stderr=True, width=max(console.width, 30 + 14 * len(names)))
    console.print(table)
