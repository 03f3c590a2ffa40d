"""An evaluation as pictures and one page that opens anywhere, without network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fer_spark.metrics import Agreement, Evaluation, Interval, row_rates
from fer_spark.reports.charts import classes_picture, confusion_picture, reliability_picture
from fer_spark.reports.contact_sheet import Mistake, contact_sheet
from fer_spark.reports.pages import data_uri, environment

PAGE = "report.html"
PICTURES = {
    "confusion.png": "Confusion matrix: share and number of pictures of each true class by predicted class",
    "reliability.png": "Reliability diagram: accuracy against confidence, and pictures per bin",
    "classes.png": "F1, precision and recall of each class",
    "mistakes.png": "The model's most confident mistakes: picture, true class, predicted class, probability, face id",
}
"""Files beside the page, and what each shows."""

PROTOCOL = {
    "train": "This is the train split: the model was fitted to these pictures, so its figures say nothing of others.",
    "val": "This is the validation split: settings, and the moment to stop, may have been chosen on it, "
    "so these figures lean to the good side. The test split, measured once at the end, is what to quote.",
    "test": "This is the test split. It is to be measured once, at the end: choosing a model, "
    "a setting or a threshold by these figures uses it up.",
}


@dataclass(frozen=True)
class Variant:
    """Scores of one way to look at the pictures (`views`) on one choice of them (`pictures`)."""

    views: str
    pictures: str
    scores: Evaluation


@dataclass(frozen=True)
class EvaluationReport:
    """All that the page shows. The first variant is the one that pictures and tables by class are drawn from.

    facts      what was evaluated on what: name and value, in order
    left_out   how many pictures were left out of the split, and why
    notes      what a reader must know beside the figures, e.g. a forced mismatch
    agreement  valence and arousal, where both model and data have them
    gains      differences between two ways to look at the same pictures, with intervals: heading → score → interval
    """

    title: str
    split: str
    facts: Sequence[tuple[str, str]]
    variants: Sequence[Variant]
    mistakes: Sequence[Mistake]
    left_out: Sequence[tuple[str, int]] = ()
    notes: Sequence[str] = ()
    agreement: dict[str, Agreement] = field(default_factory=dict)
    gains: dict[str, dict[str, Interval]] = field(default_factory=dict)


def write_evaluation(directory: Path, report: EvaluationReport) -> list[Path]:
    """Write the pictures and the page into an existing directory; returns their paths. ValueError without variants."""
    if not report.variants:
        raise ValueError("evaluation report: there is no variant to show")
    scores = report.variants[0].scores
    drawn = {
        "confusion.png": confusion_picture(scores),
        "reliability.png": reliability_picture(scores),
        "classes.png": classes_picture(scores),
        "mistakes.png": contact_sheet(report.mistakes),
    }
    for name, content in drawn.items():
        (directory / name).write_bytes(content)
    (directory / PAGE).write_text(page(report, drawn), encoding="utf-8")
    return [directory / name for name in (*drawn, PAGE)]


def page(report: EvaluationReport, pictures: dict[str, bytes]) -> str:
    """One HTML document with the pictures inside it; every text is escaped."""
    templates = environment()
    templates.filters["points"] = _points
    main = report.variants[0]
    return templates.get_template("evaluation.html").render(
        report=report,
        main=main,
        scores=main.scores,
        rates=row_rates(main.scores.confusion).tolist(),
        counts=main.scores.confusion.tolist(),
        protocol=PROTOCOL.get(report.split, f"This is the split “{report.split}”."),
        pictures={name: (data_uri(content), PICTURES[name]) for name, content in pictures.items()},
    )


def _points(share: float) -> str:
    points = round(100 * share, 1) if math.isfinite(share) else math.nan
    return "–" if math.isnan(points) else f"{points:+.1f}" if points else "0.0"
