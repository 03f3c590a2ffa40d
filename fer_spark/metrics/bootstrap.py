"""Confidence intervals of a score: the percentile bootstrap (Efron & Tibshirani 1993, chapter 13).

Drawing N rows with replacement and counting a confusion matrix is the same as one multinomial draw of N over its cells.
So a resample costs one draw over at most K² cells (K³ for a pair of models), whatever N is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_spark.metrics.confusion import Counts, Floats, Labels, accuracy, balanced_accuracy, confusion_counts, macro_f1

RESAMPLES = 1000
LEVEL = 0.95
SCORES: dict[str, Callable[[Counts], Floats]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
}


@dataclass(frozen=True)
class Interval:
    """A score on the rows at hand, and the interval that holds `level` of its resampled values."""

    value: float
    low: float
    high: float
    level: float = LEVEL

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))


def intervals(counts: Counts, seed: int = 0, resamples: int = RESAMPLES) -> dict[str, Interval]:
    """95 % intervals of accuracy, balanced accuracy and macro-F1 from (K, K) counts; the same for the same seed."""
    drawn = _resample(counts.ravel(), resamples, seed).reshape(resamples, *counts.shape)
    return {name: _interval(float(score(counts)), score(drawn)) for name, score in SCORES.items()}


def paired_difference(
    true: Labels, first: Labels, second: Labels, classes: int, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, Interval]:
    """Intervals of score(second) - score(first) of two models on the same rows, both scored on the same resamples.

    true, first, second (N,) in [0, classes). A model is better at the 5 % level where the interval leaves out 0.
    """
    before, after = confusion_counts(true, first, classes), confusion_counts(true, second, classes)
    cells, counts = np.unique(
        (np.asarray(true, np.int64) * classes + np.asarray(first, np.int64)) * classes + np.asarray(second, np.int64),
        return_counts=True,
    )
    drawn = _resample(counts, resamples, seed)
    true_of, first_of, second_of = cells // classes**2, cells // classes % classes, cells % classes
    drawn_before = _gather(drawn, true_of * classes + first_of, classes)
    drawn_after = _gather(drawn, true_of * classes + second_of, classes)
    return {
        name: _interval(float(score(after) - score(before)), score(drawn_after) - score(drawn_before))
        for name, score in SCORES.items()
    }


def _resample(counts: Counts, resamples: int, seed: int) -> Counts:
    """(C,) counts of cells → (resamples, C) draws of as many rows with replacement."""
    total = int(counts.sum())
    if total == 0:
        return np.zeros((resamples, counts.size), dtype=np.int64)
    return np.random.default_rng(seed).multinomial(total, counts / total, size=resamples)


def _gather(drawn: Counts, cell: Counts, classes: int) -> Counts:
    """(R, C) draws and the confusion cell of each of the C → (R, K, K)."""
    onto = np.zeros((drawn.shape[1], classes * classes), dtype=np.int64)
    onto[np.arange(drawn.shape[1]), cell] = 1
    return np.asarray(drawn @ onto, dtype=np.int64).reshape(len(drawn), classes, classes)


def _interval(value: float, resampled: npt.NDArray[np.float64]) -> Interval:
    known = resampled[np.isfinite(resampled)]
    if not known.size:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))
