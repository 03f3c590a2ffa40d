"""The confusion matrix, and every score that follows from its counts alone.

A count matrix is (K, K) int64, true class by row, predicted class by column. Every function takes leading axes too,
(..., K, K) → (...), so that a thousand resampled matrices cost one call.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer]


def confusion_counts(true: Labels, predicted: Labels, classes: int) -> Counts:
    """(N,) and (N,) indices in [0, classes) → (K, K) counts. ValueError for other shapes or indices."""
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.shape != predicted.shape or true.ndim != 1:
        raise ValueError(f"confusion: expected two arrays of one shape (N,), got {true.shape} and {predicted.shape}")
    for name, values in (("true", true), ("predicted", predicted)):
        if values.size and not (values.min() >= 0 and values.max() < classes):
            raise ValueError(
                f"confusion: {name} classes must be in [0, {classes}), got {values.min()} to {values.max()}; "
                "leave rows without a label (-1) out first"
            )
    cells = np.bincount(true.astype(np.int64) * classes + predicted, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64)


def row_rates(counts: Counts) -> Floats:
    """Each row divided by its sum: P(predicted | true), the diagonal being recall. NaN in rows without support."""
    return _ratio(counts, counts.sum(axis=-1, keepdims=True))


def accuracy(counts: Counts) -> Floats:
    """Share of rows on the diagonal; NaN without rows."""
    return _ratio(_diagonal(counts).sum(axis=-1), counts.sum(axis=(-2, -1)))


def recall(counts: Counts) -> Floats:
    """(..., K) TP / (TP + FN); NaN for a class without support."""
    return _ratio(_diagonal(counts), counts.sum(axis=-1))


def precision(counts: Counts) -> Floats:
    """(..., K) TP / (TP + FP); 0 for a class that has support and is never predicted, NaN for one with neither."""
    found, support = counts.sum(axis=-2), counts.sum(axis=-1)
    return np.where((found == 0) & (support > 0), 0.0, _ratio(_diagonal(counts), found))


def f1(counts: Counts) -> Floats:
    """(..., K) 2 TP / (2 TP + FP + FN); NaN for a class without support, whatever was predicted as it."""
    support = counts.sum(axis=-1)
    return _ratio(np.where(support > 0, 2 * _diagonal(counts), 0), np.where(support > 0, support + counts.sum(-2), 0))


def balanced_accuracy(counts: Counts) -> Floats:
    """Mean recall over the classes that have support (scikit-learn's balanced_accuracy_score)."""
    return mean_over(recall(counts), counts.sum(axis=-1) > 0)


def macro_f1(counts: Counts, classes: npt.NDArray[np.bool_] | None = None) -> Floats:
    """Mean F1 over the classes that have support, or over those of them named by `classes`, (K,) bool."""
    kept = counts.sum(axis=-1) > 0
    return mean_over(f1(counts), kept if classes is None else kept & classes)


def mean_over(values: Floats, kept: npt.NDArray[np.bool_]) -> Floats:
    """Mean along the last axis where `kept`; NaN where nothing is."""
    return _ratio(np.where(kept, values, 0.0).sum(axis=-1), kept.sum(axis=-1))


def _diagonal(counts: Counts) -> Counts:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _ratio(above: npt.ArrayLike, below: npt.ArrayLike) -> Floats:
    top, bottom = np.broadcast_arrays(np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64))
    return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0), dtype=np.float64)
