"""Every score of one set of predictions in one object: what metrics.json holds and the report shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_spark.metrics.bootstrap import RESAMPLES, Interval, intervals
from fer_spark.metrics.confusion import (
    Counts,
    Floats,
    Labels,
    accuracy,
    balanced_accuracy,
    confusion_counts,
    f1,
    macro_f1,
    mean_over,
    precision,
    recall,
    row_rates,
)
from fer_spark.metrics.probabilities import (
    Bin,
    Calibration,
    brier_score,
    calibration,
    checked,
    log_loss,
    reliability,
    top_k_accuracy,
)

MIN_SUPPORT = 20
CONFIDENCES = (0.0, 0.5, 0.7, 0.9, 1.0)
"""Edges of the bins in which it is told per predicted class what a confidence is worth."""


@dataclass(frozen=True)
class ClassScores:
    """One class: `support` rows have it, `predicted` were predicted as it.

    precision is 0 for a class with support that is never predicted. Without support, recall and F1 are NaN (null in
    JSON), and the class enters no average. `by_confidence`: how often the rows predicted as it were right, in bins of
    the confidence (CONFIDENCES).
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int
    by_confidence: tuple[Bin, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "by_confidence": [dict(vars(found)) for found in self.by_confidence]}


@dataclass(frozen=True)
class Average:
    """Precision, recall and F1 over the classes that have support: unweighted (macro) or by support (weighted)."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Evaluation:
    """Scores over `rows` rows in [0, 1] (log loss and Brier apart); `to_dict` is JSON, NaN as null.

    `macro_f1_supported` is the mean F1 over classes with at least `min_support` rows: rarer ones say little.
    """

    label_names: tuple[str, ...]
    rows: int
    accuracy: float
    balanced_accuracy: float
    macro: Average
    weighted: Average
    min_support: int
    macro_f1_supported: float
    top2_accuracy: float
    log_loss: float
    brier: float
    calibration: Calibration
    intervals: dict[str, Interval]
    per_class: tuple[ClassScores, ...]
    confusion: Counts

    def to_dict(self) -> dict[str, Any]:
        plain = {name: value for name, value in vars(self).items() if isinstance(value, int | float)}
        content = plain | {
            "label_names": list(self.label_names),
            "macro": dict(vars(self.macro)),
            "weighted": dict(vars(self.weighted)),
            "calibration": self.calibration.to_dict(),
            "intervals": {name: interval.to_dict() for name, interval in self.intervals.items()},
            "per_class": [scores.to_dict() for scores in self.per_class],
            "confusion": {"counts": self.confusion.tolist(), "rates": row_rates(self.confusion).tolist()},
        }
        return dict(without_nan(content))


def evaluate(
    true: Labels,
    probabilities: npt.NDArray[np.floating],
    label_names: Sequence[str],
    seed: int = 0,
    resamples: int = RESAMPLES,
    min_support: int = MIN_SUPPORT,
) -> Evaluation:
    """true (N,) in [0, K), probabilities (N, K) with columns in the order of `label_names`.

    The predicted class is the most probable one, the first of equals. ValueError for other shapes, classes or NaN.
    """
    true, probabilities = checked(true, probabilities)
    if probabilities.shape[1] != len(label_names):
        raise ValueError(f"{probabilities.shape[1]} columns of probabilities for {len(label_names)} label names")
    predicted = probabilities.argmax(axis=1) if len(true) else np.zeros(0, dtype=np.int64)
    counts = confusion_counts(true, predicted, len(label_names))
    support = counts.sum(axis=1)
    return Evaluation(
        label_names=tuple(label_names),
        rows=len(true),
        accuracy=float(accuracy(counts)),
        balanced_accuracy=float(balanced_accuracy(counts)),
        macro=_average(counts, (support > 0).astype(np.float64)),
        weighted=_average(counts, support.astype(np.float64)),
        min_support=min_support,
        macro_f1_supported=float(macro_f1(counts, support >= min_support)),
        top2_accuracy=top_k_accuracy(true, probabilities, 2),
        log_loss=log_loss(true, probabilities),
        brier=brier_score(true, probabilities),
        calibration=calibration(true, probabilities),
        intervals=intervals(counts, seed, resamples),
        per_class=_per_class(counts, label_names, _by_confidence(true, probabilities, predicted)),
        confusion=counts,
    )


def without_nan(value: Any) -> Any:
    """The same lists and dicts with None for every NaN and infinity, which JSON has no words for."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _average(counts: Counts, weights: Floats) -> Average:
    kept = counts.sum(axis=1) > 0
    scale = weights / weights.sum() * kept.sum() if kept.any() else weights
    means = [float(mean_over(score(counts) * scale, kept)) for score in (precision, recall, f1)]
    return Average(*means)


def _by_confidence(
    true: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64], predicted: npt.NDArray[np.int64]
) -> list[tuple[Bin, ...]]:
    """For each class, bins of the rows predicted as it."""
    confidence = probabilities[np.arange(len(true)), predicted]
    edges = np.array(CONFIDENCES)
    return [
        reliability(confidence[predicted == label], true[predicted == label] == label, edges)
        for label in range(probabilities.shape[1])
    ]


def _per_class(
    counts: Counts, label_names: Sequence[str], by_confidence: Sequence[tuple[Bin, ...]]
) -> tuple[ClassScores, ...]:
    columns = zip(precision(counts), recall(counts), f1(counts), counts.sum(axis=1), counts.sum(axis=0), strict=True)
    return tuple(
        ClassScores(name, float(p), float(r), float(f), int(support), int(found), bins)
        for name, (p, r, f, support, found), bins in zip(label_names, columns, by_confidence, strict=True)
    )
