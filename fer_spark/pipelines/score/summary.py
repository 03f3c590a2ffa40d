"""What a run came to: `_summary.json` for programs, a few lines for people."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fer_spark import __version__
from fer_spark.rows import NOT_BAD
from fer_spark.scoring.columns import ALREADY_KNOWN
from fer_spark.scoring.drift import drift
from fer_spark.scoring.figures import Figures
from fer_spark.scoring.outputs.read import SUMMARY
from fer_spark.tables.errors import OutputError
from fer_spark.telemetry import JobFigures

if TYPE_CHECKING:
    from fer_spark.pipelines.score.context import Run, Scored
    from fer_spark.scoring.outputs.output import Output
    from fer_spark.scoring.settings import ScoreSettings

SUMMARY_VERSION = 1
_NOTICE = "labels are perceived expressions: what people who look at a face would call it, not what a person feels"


def summarise(
    run: Run,
    figures: Figures,
    earlier: Figures,
    files: list[str],
    unchanged: int = 0,
    explanations: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of _summary.json. `figures` are this run's, `earlier` those of the runs before; `files` lists all
    data files that count, relative to the output. `unchanged`: pictures that were passed over by their listing.
    `explanations`: what --explain came to."""
    card, seconds = run.shipped.card, time.monotonic() - run.began
    labels = {name: figures.labels.get(name, 0) for name in card.label_names}
    shifts = drift(figures, earlier, _trained_on(card.data), card.label_names, run.settings.drift_threshold)
    return {
        "format_version": SUMMARY_VERSION,
        "package_version": __version__,
        "output": run.output.name,
        "format": run.output.scores.form,
        "input": run.input.description,
        **({"listing": run.input.lines} if run.input.lines and not run.salt else {}),
        "pictures": figures.pictures + unchanged,
        "unchanged": unchanged,
        "scored_pictures": figures.scored_pictures,
        "not_scored": figures.not_scored,
        "bad_fraction": round(figures.bad_fraction, 6),
        "faces": figures.faces,
        "abstained": figures.abstained,
        "labels": labels,
        "mean_confidence": _rounded(figures.mean_confidence),
        "mean_confidence_by_label": {
            name: _rounded(figures.confidence_sums[name] / count) for name, count in labels.items() if count
        },
        "confidence_histogram": figures.confidence_bins,
        "drift": [shift.as_dict() for shift in shifts],
        "drift_flagged": any(shift.flagged for shift in shifts),
        "model": {"name": card.name, "digest": card.digest, "labels": card.label_names},
        "preparation_digest": run.job.rows.preparation_digest,
        "settings": {**asdict(run.settings), "salt": "(hidden)" if run.salt else ""},
        "files": files,
        **({"explanations": explanations} if explanations is not None else {}),
        "figures": figures.as_dict(),
        "seconds": round(seconds, 2),
        "scoring_s": round(sum(run.passes_s), 2),
        "pictures_per_s": round(figures.pictures / seconds, 2),
        "notice": _NOTICE,
    }


def publish_summary(output: Output, summary: dict[str, Any], first: bool = False) -> None:
    """The moment from which an output counts. `first`: there was none when the run began; raises OutputError where
    another run has published one since."""
    text = json.dumps(summary, indent=1, ensure_ascii=False)
    if not first:
        output.books.publish_text(SUMMARY, text)
    elif not output.books.create_text(SUMMARY, text):
        raise OutputError(
            f"{output.name}: another run has published its scores there in the meantime, and those count: "
            "--overwrite replaces them, or choose another --output"
        )


def job_figures(done: Scored) -> JobFigures:
    """Of a run: pictures scored, unchanged since they were, or not scored by status; faces scored and explained."""
    summary, figures = done.summary, done.figures
    pictures = {"scored": figures.scored_pictures, "unchanged": summary["unchanged"]} | figures.not_scored
    explained = summary.get("explanations", {}).get("faces", 0)
    return JobFigures(
        "score",
        pictures,
        {"scored": figures.faces, "abstained": figures.abstained, "explained": explained},
        round(figures.bad_fraction * figures.pictures),
        {"scoring": summary["scoring_s"], "total": summary["seconds"]},
        summary["settings"]["incremental"] or not done.too_many_bad,
    )


def print_summary(done: Scored, settings: ScoreSettings, console: Console | None = None) -> None:
    """The same figures as the summary, for a person."""
    console, summary = console or Console(), done.summary
    if not summary["pictures"]:
        console.print("[bold yellow]No pictures in the input[/]: nothing to score.", highlight=False)
        return
    if summary["unchanged"] + summary["not_scored"].get(ALREADY_KNOWN, 0) == summary["pictures"]:
        console.print(f"Nothing new: all {summary['pictures']:,} pictures are scored already.", highlight=False)
        return
    _pictures(console, done)
    for line in summary.get("listing", []):
        console.print(f"{line[0].upper()}{line[1:]}.", highlight=False, markup=False, soft_wrap=True)
    if summary["faces"]:
        _labels(console, summary)
    for shift in summary["drift"]:
        mark = "[bold yellow]drift[/]" if shift["flagged"] else "too few faces to tell" if shift["few"] else "stable"
        console.print(
            f"{shift['what']} against {shift['against']}: PSI {shift['psi']:.3f}, {mark} "
            f"(threshold {shift['threshold']:g}, about {shift['chance']:.3f} by chance)",
            highlight=False,
        )
        if shift["flagged"]:
            moves = [f"{move['bin']} {move['then']:.1%} → {move['now']:.1%}" for move in shift["moved"]]
            console.print(f"  moved most: {', '.join(moves)}", highlight=False, markup=False)
    if done.too_many_bad:
        published = "The scores are published" if settings.incremental else "Nothing is published"
        console.print(
            f"[bold red]{summary['bad_fraction']:.1%} of the pictures are bad[/], --max-bad-fraction is "
            f"{settings.max_bad_fraction:.1%}. {published}.",
            highlight=False,
        )
    why = summary.get("explanations", {})
    if why.get("faces"):
        console.print(
            f"Faces explained by LIME: {why['faces']:,}, of which {why['explained']:,} fit a linear model well",
            highlight=False,
        )
    rate = f"{summary['pictures_per_s']:,.1f} pictures/s, {summary['seconds']:,.1f} s in all"
    where = f"Scores: {summary['output']}   model {summary['model']['digest'][:12]}"
    console.print(f"{rate}. {where}", highlight=False, markup=False, soft_wrap=True)


def _pictures(console: Console, done: Scored) -> None:
    summary, table = done.summary, Table(title="Pictures", title_justify="left", show_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("pictures", justify="right")
    table.add_column("")
    table.add_row("in", f"{summary['pictures']:,}", "")
    if summary["unchanged"]:
        table.add_row("unchanged", f"{summary['unchanged']:,}", "")
    abstained = f", {summary['abstained']:,} abstained" if summary["abstained"] else ""
    table.add_row(
        "scored",
        f"{summary['scored_pictures']:,}",
        f"{summary['faces']:,} face{'s' * (summary['faces'] != 1)}{abstained}",
    )
    for status, count in sorted(summary["not_scored"].items(), key=lambda item: -item[1]):
        fine = status in NOT_BAD | {ALREADY_KNOWN}
        table.add_row(status if fine else f"[yellow]{status}[/]", f"{count:,}", "")
    console.print(table)


def _labels(console: Console, summary: dict[str, Any]) -> None:
    table = Table(title="\nFaces", title_justify="left", show_edge=False)
    for title in ("", "faces", "share", "mean confidence"):
        table.add_column(title, justify="right" if title else "left")
    for name, count in summary["labels"].items():
        confidence = summary["mean_confidence_by_label"].get(name)
        shown = "" if confidence is None else f"{confidence:.2f}"
        table.add_row(escape(name), f"{count:,}", f"{count / summary['faces']:.1%}", shown)
    console.print(table)


def _trained_on(data: dict[str, Any]) -> dict[str, int]:
    counts = data.get("train_counts", {})
    return {str(name): int(count) for name, count in counts.items()} if isinstance(counts, dict) else {}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
