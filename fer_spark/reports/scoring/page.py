"""A run of scores, of explanations, or of both, as one page that opens anywhere, without network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from fer_spark import metrics
from fer_spark.reports.pages import environment, script_hash
from fer_spark.reports.scoring import figures
from fer_spark.reports.scoring.faces import (
    Array,
    Face,
    Outline,
    heat_uri,
    map_uri,
    mean_picture,
    outlines,
    picture_uri,
    spread_uri,
)
from fer_spark.reports.scoring.figures import Cell
from fer_spark.rows import REASONS

_MEANINGS = {
    **REASONS,
    "ok": "scored",
    "already_known": "the same bytes are scored under another path",
}


@dataclass(frozen=True)
class Mix:
    """Faces by label somewhere: `name` is `latest run`, `earlier runs`, `training data` …"""

    name: str
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Batch:
    """One commit of an incremental run: faces by label, and their mean confidence."""

    number: int
    pictures: int
    counts: Mapping[str, int]
    mean_confidence: float | None


@dataclass(frozen=True)
class Scores:
    """What a table of scores comes to.

    statuses      pictures by status, `ok` for those that gave a face
    cells         faces, counted (fer_spark.reports.scoring.figures.Cell)
    mixes         label mixes to compare: at least that of `cells`, or of the latest run, first
    shifts        comparisons as _summary.json has them (fer_spark.scoring.drift.Shift)
    """

    statuses: Mapping[str, int]
    cells: Sequence[Cell]
    mixes: Sequence[Mix] = ()
    shifts: Sequence[Mapping[str, Any]] = ()
    batches: Sequence[Batch] = ()
    abstain_below: float = 0.0


@dataclass(frozen=True)
class Explanations:
    """What a table of explanations comes to, as `fer-spark explain` sums it up.

    per_label  label → faces, explained, r2_held_out (median), stability_overlap (median), probability,
               hidden_probability and samples (means)
    gains      fidelity: what was gained over what, the mean, and its interval
    maps       label → (S, S) mean weight of each pixel's segment, where segments mean the same on every face
    method     how faces were cut and hidden, in words
    spreads    label → (S, S) standard deviation, from face to face, of what `maps` has the mean of
    """

    per_label: Mapping[str, Mapping[str, Any]]
    gains: Sequence[tuple[str, float, float, float]] = ()
    maps: Mapping[str, Array] = field(default_factory=dict)
    method: str = ""
    spreads: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """Part of the gallery: why these faces are here, and the faces."""

    title: str
    about: str
    faces: Sequence[Face]


@dataclass(frozen=True)
class ScoringReport:
    """All that the page shows; `labels` in the bundle's order, `facts` name and value, `notes` what must be known."""

    title: str
    labels: Sequence[str]
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str] = ()
    scores: Scores | None = None
    explanations: Explanations | None = None
    gallery: Sequence[Section] = ()


def page(report: ScoringReport) -> str:
    """One HTML document with pictures, style and script inside it; every text is escaped, and nothing is fetched."""
    jinja = environment()
    faces = [face for section in report.gallery for face in section.faces]
    jinja.filters |= {"picture": picture_uri, "heat": _heat, "weight_map": map_uri, "outlines": _outlines}
    jinja.filters["spread_map"] = spread_uri
    loader = jinja.loader
    assert loader is not None
    style, script = (loader.get_source(jinja, f"scoring_{part}.html")[0] for part in ("style", "script"))
    return jinja.get_template("scoring.html").render(
        report=report,
        style=Markup(style),
        script=Markup(script),
        script_hash=script_hash(script),
        meanings=_MEANINGS,
        shown=len(faces),
        pictured=any(face.picture is not None for face in faces),
        ghost=_ghost(faces),
        by_label=_by_label(report),
        **(_score_figures(report.scores, report.labels) if report.scores else {}),
    )


def _score_figures(scores: Scores, labels: Sequence[str]) -> dict[str, Any]:
    """Everything of the scores that the template draws."""
    cells = scores.cells
    faces = sum(cell.faces for cell in cells)
    known = figures.labelled(cells, labels)
    counts = figures.confusion(cells, labels)
    means = figures.mean_confidences(cells)
    columns = figures.histogram(cells)
    return {
        "faces": faces,
        "pictures": sum(scores.statuses.values()),
        "abstained": sum(cell.faces for cell in cells if cell.abstained),
        "mean_confidence": sum(cell.confidence for cell in cells) / faces if faces else None,
        "means": means,
        "mixes": _shares(scores.mixes, labels),
        "highest_share": max((s for _, _, shares in _shares(scores.mixes, labels) for s in shares.values()), default=1),
        "columns": columns,
        "tallest": max(max(column.faces for column in columns), 1),
        "labelled": sum(cell.faces for cell in known),
        "unknown_labels": sum(cell.faces for cell in cells if cell.given is not None and cell.given not in labels),
        "counts": counts.tolist(),
        "rates": metrics.row_rates(counts).tolist(),
        "accuracy": float(metrics.accuracy(counts)),
        "balanced": float(metrics.balanced_accuracy(counts)),
        "macro_f1": float(metrics.macro_f1(counts)),
        "recalls": metrics.recall(counts).tolist(),
        "calibration": figures.calibration_of(known),
        "answering": figures.answering(known),
    }


def _shares(mixes: Sequence[Mix], labels: Sequence[str]) -> list[tuple[str, int, dict[str, float]]]:
    """Name, faces, and the share of each label, of mixes that have any face."""
    found = []
    for mix in mixes:
        total = sum(mix.counts.values())
        if total:
            found.append((mix.name, total, {label: mix.counts.get(label, 0) / total for label in labels}))
    return found


def _by_label(report: ScoringReport) -> dict[str, int]:
    """Faces of the gallery by perceived expression, in the bundle's order."""
    found = [face.label for section in report.gallery for face in section.faces]
    order = {label: i for i, label in enumerate(report.labels)}
    return {
        label: found.count(label) for label in sorted(set(found), key=lambda name: (order.get(name, len(order)), name))
    }


def _heat(face: Face) -> str:
    assert face.explanation is not None
    return heat_uri(face.explanation.segments, face.explanation.weights)


def _outlines(face: Face) -> list[Outline]:
    assert face.explanation is not None
    return outlines(face.explanation.segments, face.explanation.weights)


def _ghost(faces: Sequence[Face]) -> str:
    """The mean of the explained faces of the page, each once; empty where there are too few."""
    once = {face.source: face.picture for face in faces if face.explanation is not None and face.picture is not None}
    mean = mean_picture(list(once.values()))
    return "" if mean is None else picture_uri(mean)
