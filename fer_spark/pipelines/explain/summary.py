"""What a person reads at the end of explain: the same figures as the summary's file."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fer_spark.explaining.summary import ALL
from fer_spark.telemetry import JobFigures


def job_figures(content: dict[str, Any]) -> JobFigures:
    """Of a run, by its summary: faces that are explained, explained badly (no linear model fits), or not readable."""
    fine, explained = content["per_status"].get("ok", 0), content["explained"]
    faces = {"explained": explained, "not_explained": fine - explained, "unreadable": content["faces"] - fine}
    return JobFigures("explain", {}, faces, 0, {"total": content["run"]["total_s"]})


def print_summary(content: dict[str, Any], where: str, console: Console | None = None) -> None:
    """One row per explained label on the terminal: fit and agreement of two halves of the masks are medians."""
    console = console or Console()
    table = Table(title="Explanations", title_justify="left", show_edge=False)
    names = ("label", "faces", "explained", "held-out R²", "overlap", "rank", "masks")
    for name in names:
        table.add_column(name, no_wrap=True, justify="left" if name == "label" else "right")
    for label, row in content["per_label"].items():
        figures = [row["r2_held_out"], row["stability_overlap"], row["stability_rank"]]
        share = f"{row['explained']:,} ({row['explained'] / row['faces']:.0%})"
        table.add_row(escape(label), f"{row['faces']:,}", share, *map(_figure, figures), f"{row['samples'] or 0:,.0f}")
    console.print(table)
    for name, gain in content.get("fidelity", {}).get(ALL, {}).items():
        if "_gain_" in name:
            side, _, baseline = name.split("_")
            verdict = "" if gain["low"] > 0 else "   no better"
            console.print(
                f"{side} against {baseline} order: {gain['mean']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"
                f"{verdict}",
                highlight=False,
            )
    unreadable = content["faces"] - content["per_status"].get("ok", 0)
    if unreadable:
        console.print(f"{unreadable:,} faces could not be read; their rows say why", highlight=False)
    console.print(f"\n{where}", highlight=False, soft_wrap=True, markup=False)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
