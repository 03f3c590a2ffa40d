"""The local model: weighted ridge regression in closed form, for many faces at once, equal to the lime package's.

Ribeiro, Singh & Guestrin 2016 (https://arxiv.org/abs/1602.04938). The lime package fits scikit-learn's Ridge with
alpha 1 to masks weighed by an exponential kernel over their cosine distance from the whole picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Part = tuple[npt.NDArray[Any], Floats, Floats]
"""Masks (..., M, n), targets (..., M) and weights (..., M) of a fit."""

ALPHA = 1.0
_SELECTION_ALPHA = 0.01
"""What the lime package selects features with (`highest_weights`)."""
_DIGITS = 9
"""Of a weight, in units of the largest: what further ones hold is rounding."""


@dataclass(frozen=True)
class Fit:
    """`weights` (..., n) and `intercept` (...)."""

    weights: Floats
    intercept: Floats

    def __getitem__(self, index: Any) -> Fit:
        return Fit(self.weights[index], self.intercept[index])


def kernel_weights(masks: npt.NDArray[Any], kernel_width: float) -> Floats:
    """(..., M, n) masks of 0 and 1 → (..., M): sqrt(exp(-d²/width²)), d the cosine distance to all ones.

    d = 1 - sqrt(share of segments shown), and 1 for a mask that shows nothing.
    """
    distance = 1 - np.sqrt(masks.mean(axis=-1, dtype=np.float64))
    return np.asarray(np.sqrt(np.exp(-(distance**2) / kernel_width**2)))


def fit(masks: npt.NDArray[Any], targets: Floats, weights: Floats, alpha: float = ALPHA) -> Fit:
    """Weighted ridge with an intercept that is not penalised.

    masks (..., M, n), targets (..., M), weights (..., M); leading axes broadcast. A row of weight 0 does not count, so
    that sets of different length can be stacked. All weights 0 gives all zeros.
    """
    x = np.asarray(masks, dtype=np.float64)
    total = weights.sum(axis=-1)
    share = weights / np.where(total > 0, total, 1)[..., None]
    mean_x = np.matmul(share[..., None, :], x)[..., 0, :]
    mean_y = (share * targets).sum(axis=-1)
    weighed = np.swapaxes(x, -1, -2) * weights[..., None, :]  # (..., n, M)
    gram = np.matmul(weighed, x) - total[..., None, None] * mean_x[..., :, None] * mean_x[..., None, :]
    centred_y = targets - mean_y[..., None]
    moment = np.matmul(weighed, centred_y[..., None])  # the weighted mean of centred_y is 0, so x need not be centred
    solved = np.linalg.solve(gram + alpha * np.eye(x.shape[-1]), moment)[..., 0]
    return Fit(solved, mean_y - (mean_x * solved).sum(axis=-1))


def fit_features(parts: Sequence[Part], features: int) -> Fit:
    """The sum of the `fit` of each part, on all segments (features 0) or on those of largest weight; others get 0.

    Segments are selected by a fit with alpha 0.01. With one part this is the lime package's `highest_weights`, which
    its `auto` means for more than six features. (For six and fewer `auto` means forward selection, which is not
    offered: its answer depends on the order of ties.)
    """
    count = parts[0][0].shape[-1]
    if not 0 < features < count:
        return _sum(parts, ALPHA)
    first = np.abs(_sum(parts, _SELECTION_ALPHA).weights)
    order = np.argsort(-first, axis=-1, kind="stable")
    selected = np.zeros(first.shape, dtype=bool)
    np.put_along_axis(selected, order[..., :features], True, axis=-1)
    return _sum([(masks * selected[..., None, :], targets, weights) for masks, targets, weights in parts], ALPHA)


def _sum(parts: Sequence[Part], alpha: float) -> Fit:
    fits = [fit(*part, alpha) for part in parts]
    return Fit(
        np.asarray(sum(solved.weights for solved in fits)),
        np.asarray(sum(solved.intercept for solved in fits), dtype=np.float64),
    )


def r_squared(masks: npt.NDArray[Any], targets: Floats, weights: Floats, model: Fit) -> Floats:
    """(...): weighted R² as scikit-learn's, but 0 where the targets do not vary; NaN where all weights are 0."""
    predicted = np.matmul(np.asarray(masks, np.float64), model.weights[..., None])[..., 0] + model.intercept[..., None]
    total = weights.sum(axis=-1)
    mean = (weights * targets).sum(axis=-1) / np.where(total > 0, total, 1)
    residual = (weights * (targets - predicted) ** 2).sum(axis=-1)
    spread = (weights * (targets - mean[..., None]) ** 2).sum(axis=-1)
    value = np.where(spread > 1e-18 * np.maximum(total, 1), 1 - residual / np.where(spread > 0, spread, 1), 0.0)
    return np.asarray(np.where(total > 0, value, np.nan))


def top_overlap(first: Floats, second: Floats, top: int) -> float:
    """Jaccard, 0-1, of the `top` segments of largest absolute weight of two explanations."""
    sets = [set(np.argsort(-np.abs(_rounded(weights)), kind="stable")[:top].tolist()) for weights in (first, second)]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def rank_correlation(first: Floats, second: Floats) -> float:
    """Spearman's, -1 to 1; equal weights share their rank. NaN where one of them has no two different weights."""
    a, b = (_ranks(_rounded(weights)) for weights in (first, second))
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _rounded(weights: Floats) -> Floats:
    """Weights in units of the largest, without what rounding adds: segments that all masks show or hide together have
    the same weight, and which of them came out larger would differ from batch to batch."""
    largest = np.abs(weights).max(initial=0.0)
    return np.asarray(np.round(weights / largest, _DIGITS) if largest > 0 else weights)


def _ranks(values: Floats) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)
