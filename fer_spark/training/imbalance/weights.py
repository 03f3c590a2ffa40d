"""How much a row of each class counts in a loss, from the rows that the classes have."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fer_spark.training.imbalance.settings import ImbalanceSettings

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[Any]


def class_weights(settings: ImbalanceSettings, class_counts: Counts) -> Floats | None:
    """The weights (K,) that `settings.class_weights` names, for (K,) rows per class; None for `none`.

    All kinds are scaled so that the mean weight over the *rows* is 1, sum(n_c · w_c) = sum(n_c): the loss, and with it
    the learning rate that suits, stay on the scale of the unweighted one. A class without rows gets weight 0: nothing
    can be learnt about it, and its weight would be infinite. Raises ValueError for counts that are negative or all 0.
    """
    match settings.class_weights:
        case "none":
            return None
        case "inverse":
            return inverse(class_counts)
        case "sqrt_inverse":
            return sqrt_inverse(class_counts)
        case "effective":
            return effective(class_counts, settings.effective_beta)
    raise ValueError(f"class weights: no formula for {settings.class_weights!r}")


def inverse(class_counts: Counts) -> Floats:
    """w_c = N / (K · n_c), N rows in K classes that have rows (King & Zeng, Logistic Regression in Rare Events Data,
    2001; scikit-learn's `balanced`). Its mean over the rows is 1 as it stands; every class weighs N / K in all."""
    counts = _checked(class_counts)
    return _per_row(_divide(1.0, counts), counts)


def sqrt_inverse(class_counts: Counts) -> Floats:
    """w_c ∝ 1 / sqrt(n_c) (Mahajan et al., Exploring the Limits of Weakly Supervised Pretraining, 2018, section 2.2,
    there as a sampler), scaled to a mean of 1 over the rows: w_c = N / (sqrt(n_c) · sum_j sqrt(n_j))."""
    counts = _checked(class_counts)
    return _per_row(_divide(1.0, np.sqrt(counts)), counts)


def effective(class_counts: Counts, beta: float) -> Floats:
    """w_c ∝ (1 - β) / (1 - β^n_c), the inverse of the effective number of rows (Cui et al., Class-Balanced Loss Based
    on Effective Number of Samples, 2019, eq. 2 and 12), 0 ≤ β < 1. The paper scales the weights to sum to K; here their
    mean over the rows is 1. Losses that divide by the sum of weights, as ours do, are the same under either."""
    if not 0 <= beta < 1:
        raise ValueError(f"effective weights: β is {beta}, expected 0 ≤ β < 1")
    counts = _checked(class_counts)
    # 1 - β^n without loss of digits where β^n is nearly 1; at β = 0 every class that has rows has effective number 1
    effective_number = -np.expm1(counts * np.log(beta)) / (1 - beta) if beta > 0 else (counts > 0).astype(np.float64)
    return _per_row(_divide(1.0, effective_number), counts)


def _checked(class_counts: Counts) -> Floats:
    counts = np.asarray(class_counts, np.float64)
    if counts.ndim != 1 or counts.size == 0 or not np.isfinite(counts).all() or (counts < 0).any() or not counts.any():
        raise ValueError(f"class counts: expected (K,) rows per class, 0 or more, not all 0; got {class_counts}")
    return counts


def _divide(numerator: float, denominator: Floats) -> Floats:
    return np.divide(numerator, denominator, out=np.zeros_like(denominator), where=denominator > 0)


def _per_row(raw: Floats, counts: Floats) -> Floats:
    """`raw` scaled to a mean of 1 over the rows."""
    return np.asarray(raw * (counts.sum() / (raw * counts).sum()), np.float64)
