"""What a person reads at the end of evaluate: the same figures as metrics.json."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fer_spark.metrics import Evaluation
from fer_spark.pipelines.evaluate.report import Measured
from fer_spark.reports.evaluation import PAGE
from fer_spark.reports.pages import number

_ROWS: list[tuple[str, Callable[[Evaluation], str]]] = [
    ("pictures", lambda scores: f"{scores.rows:,}"),
    ("accuracy", lambda scores: _interval(scores, "accuracy", 100, " %")),
    ("balanced accuracy", lambda scores: _interval(scores, "balanced_accuracy", 100, " %")),
    ("macro-F1", lambda scores: _interval(scores, "macro_f1", 1, "")),
    ("log loss", lambda scores: number(scores.log_loss)),
    ("calibration error", lambda scores: number(scores.calibration.ece)),
    ("by chance", lambda scores: number(scores.calibration.by_chance)),
]


def print_summary(measured: Measured, output: Path) -> None:
    """Figures of every variant, F1 by class, what was left out, where it is."""
    console, settings, counts = Console(), measured.settings, measured.left_out
    name = measured.matched.bundle.card.name or settings.bundle
    variants = measured.scored.variants
    table = Table(title=f"{escape(name)}: split {escape(settings.split)}", title_justify="left", show_edge=False)
    table.add_column("")
    for views, pictures in variants:
        table.add_column(f"{views}\n{pictures}", justify="right")
    for heading, cell_of in _ROWS:
        table.add_row(heading, *(cell_of(scores) for scores in variants.values()))
    console.print(table)
    per_class = ", ".join(f"{label.name} {number(label.f1, 2)}" for label in next(iter(variants.values())).per_class)
    lines = [f"F1 by class: {per_class}."]
    lines += [
        f"{name}: CCC {number(agreement.ccc)}, RMSE {number(agreement.rmse)}, {agreement.rows:,} pictures."
        for name, agreement in measured.scored.agreement.items()
    ]
    lines.append(
        f"Of {counts['in_split']:,} pictures {counts['without_label']:,} have no label, "
        f"{counts['class_unknown_to_bundle']:,} a class that the bundle does not know; {counts['also_in_train']:,} are "
        f"also in train, {counts['repeated_in_split']:,} are repetitions."
    )
    lines += [f"Forced past a difference in preparation: {line}" for line in measured.matched.differing]
    if settings.split == "test":
        lines.append("A test split: quote these figures, choose nothing by them.")
    elif _chose_the_epoch(measured):
        lines.append(
            f"{settings.split.capitalize()} chose the model's epoch, which flatters it: when all is chosen, "
            "--split test measures it on pictures that had no part in that."
        )
    lines.append(f"Perceived expressions, not what a person feels. Report: {output / PAGE}")
    console.print("\n" + "\n".join(lines), highlight=False, soft_wrap=True, markup=False)


def _chose_the_epoch(measured: Measured) -> bool:
    """Whether the model was trained on these shards with this split to choose by, and a test split is there too."""
    trained_on, manifest = measured.matched.bundle.card.data, measured.matched.manifest
    of_these = (
        trained_on.get("checksum") == manifest.checksum and trained_on.get("val_split") == measured.settings.split
    )
    return of_these and bool(manifest.counts.per_split.get("test"))


def _interval(scores: Evaluation, key: str, scale: int, unit: str) -> str:
    found, digits = scores.intervals[key], 1 if scale == 100 else 3
    if not math.isfinite(found.value):
        return "–"
    value, low, high = (f"{scale * figure:.{digits}f}" for figure in (found.value, found.low, found.high))
    return f"{value}{unit}\n{low} – {high}"
