"""Scores of valence and arousal: numbers in [-1, 1], of which some rows may have none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Agreement:
    """`rows` with a true value, `left_out` without; ccc and pearson in [-1, 1], rmse ≥ 0. NaN where undefined."""

    rows: int
    left_out: int
    ccc: float
    rmse: float
    pearson: float

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))


def agreement(true: Floats, predicted: Floats) -> Agreement:
    """Both (N,); rows whose true value is NaN are left out and counted. ValueError for a predicted NaN."""
    true, predicted = np.asarray(true, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if true.shape != predicted.shape or true.ndim != 1:
        raise ValueError(f"agreement: expected two arrays of one shape (N,), got {true.shape} and {predicted.shape}")
    known = ~np.isnan(true)
    true, predicted = true[known], predicted[known]
    if not np.isfinite(predicted).all():
        raise ValueError(f"agreement: {int((~np.isfinite(predicted)).sum()):,} predicted values are not finite")
    return Agreement(
        rows=len(true),
        left_out=int((~known).sum()),
        ccc=ccc(true, predicted),
        rmse=rmse(true, predicted),
        pearson=pearson(true, predicted),
    )


def ccc(true: Floats, predicted: Floats) -> float:
    """2 s_xy / (s_x² + s_y² + (m_x - m_y)²), moments over N (Lin, Biometrics 45, 1989); NaN for two equal constants."""
    if not len(true):
        return float("nan")
    x, y = np.asarray(true, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if _constant(x) and _constant(y):
        return float("nan") if x[0] == y[0] else 0.0
    below = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    return float(2 * ((x - x.mean()) * (y - y.mean())).mean() / below) if below > 0 else float("nan")


def rmse(true: Floats, predicted: Floats) -> float:
    """Root of the mean squared difference."""
    difference = np.asarray(true, dtype=np.float64) - np.asarray(predicted, dtype=np.float64)
    return float(np.sqrt((difference**2).mean())) if len(difference) else float("nan")


def pearson(true: Floats, predicted: Floats) -> float:
    """Correlation; NaN where either is constant."""
    if not len(true):
        return float("nan")
    x, y = np.asarray(true, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    below = 0.0 if _constant(x) or _constant(y) else x.std() * y.std()
    return float(((x - x.mean()) * (y - y.mean())).mean() / below) if below > 0 else float("nan")


def _constant(values: npt.NDArray[np.float64]) -> bool:
    """Asked of the values: the mean of equal numbers is off by a rounding, and so their deviation is not quite 0."""
    return bool((values == values[0]).all())
