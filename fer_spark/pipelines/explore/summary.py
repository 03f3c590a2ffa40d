"""What a person reads at the end of explore: rows by label and split, what is wrong, what to do."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fer_spark.exploration import ALL, Exploration

_STYLES = {"problem": "red", "warning": "yellow", "note": ""}


def print_summary(exploration: Exploration, where: str, total_s: float, console: Console | None = None) -> None:
    """Facts, labels by split, violations, advice with its figure, and where the report is."""
    console = console or Console()
    for name, text in exploration.facts:
        console.print(f"{name + ':':<11}{escape(text)}", highlight=False, soft_wrap=True)
    _labels(console, exploration)
    _violations(console, exploration)
    if exploration.advice:
        console.print("\nAdvice", style="italic")
    for advice in exploration.advice:
        style = _STYLES[advice.level]
        head = f"[{style}]{advice.level}[/]" if style else advice.level
        console.print(f"{head}: {escape(advice.text)} ({escape(advice.figure)})", highlight=False, soft_wrap=True)
    console.print(f"\n{where}   {total_s:,.1f} s", highlight=False, soft_wrap=True, markup=False)


def _labels(console: Console, exploration: Exploration) -> None:
    categories = exploration.table("categories")
    if categories is None:
        return
    splits = list(dict.fromkeys(str(value) for value in categories.column("split")))
    table = Table(title="\nRows by label", title_justify="left", show_edge=False)
    table.add_column("", no_wrap=True)
    for split in splits:
        table.add_column(split or "no split", justify="right")
    counts = {(row["label"], row["split"]): row["count"] for row in categories.records()}
    for label in dict.fromkeys(str(value) for value in categories.column("label")):
        table.add_row(escape(label) or "(no label)", *(f"{counts[label, split]:,}" for split in splits))
    summary = exploration.table("categories_summary")
    if summary is not None:
        ratios = {row["split"]: row["imbalance_ratio"] for row in summary.records()}
        table.add_section()
        shown = (ratios.get(split) for split in splits)
        table.add_row("largest : smallest", *("–" if ratio is None else f"{ratio:.1f} : 1" for ratio in shown))
    console.print(table)


def _violations(console: Console, exploration: Exploration) -> None:
    values = exploration.table("sanity_values")
    found = [row for row in values.where(split=ALL) if row["count"]] if values is not None else []
    if not found:
        return
    table = Table(title="\nChecks that failed", title_justify="left", show_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("in", no_wrap=True)
    table.add_column("rows", justify="right")
    table.add_column("for example", overflow="fold")
    for row in found:
        table.add_row(str(row["check"]), str(row["column"]), f"{row['count']:,}", escape(str(row["examples"])))
    console.print(table)
