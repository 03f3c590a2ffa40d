"""Quality of predicted probabilities: log loss, Brier score, calibration error, temperature scaling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]

BINS = 15
_LEAST_PROBABILITY = 1e-12
_INVERSE_RANGE = (1e-3, 1e3)


@dataclass(frozen=True)
class Bin:
    """Rows whose top probability lies in (lower, upper]; `confidence` and `accuracy` are means, NaN without rows."""

    lower: float
    upper: float
    rows: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """Expected and maximum calibration error, [0, 1], and the bins of the reliability diagram.

    `by_chance` is the ECE that perfectly calibrated probabilities would show on as many rows, as the mean; in 95 of 100
    such samples it stays below `by_chance_95`.
    """

    ece: float
    mce: float
    bins: tuple[Bin, ...]
    by_chance: float = float("nan")
    by_chance_95: float = float("nan")

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "bins": [dict(vars(found)) for found in self.bins]}


def calibration(true: Labels, probabilities: Floats, bins: int = BINS) -> Calibration:
    """Confidence against accuracy in equal-width bins of the top probability.

    true (N,) in [0, K), probabilities (N, K). ECE = Σ_b n_b/N |accuracy_b - confidence_b|, MCE the largest such gap
    over bins that hold rows (Guo et al., On Calibration of Modern Neural Networks, ICML 2017, eq. 3 and 5). By chance a
    bin's gap is half-normal about 0 with variance Σ p (1 - p) / n_b². NaN without rows.
    """
    true, probabilities = checked(true, probabilities)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == true
    found = reliability(confidence, right, np.linspace(0.0, 1.0, bins + 1))
    held = [step for step in found if step.rows]
    if not held:
        return Calibration(float("nan"), float("nan"), found)
    shares = np.array([step.rows for step in held]) / len(true)
    gaps = np.array([abs(step.accuracy - step.confidence) for step in held])
    spreads = np.array([_spread(confidence, step) for step in held])
    mean = float((shares * spreads).sum() * math.sqrt(2 / math.pi))
    deviation = float(np.sqrt((shares**2 * spreads**2).sum() * (1 - 2 / math.pi)))
    return Calibration(float((shares * gaps).sum()), float(gaps.max()), found, mean, mean + 1.645 * deviation)


def reliability(confidence: Floats, right: npt.NDArray[np.bool_], edges: Floats) -> tuple[Bin, ...]:
    """One Bin between each two of the rising `edges`: confidence (N,) in [0, 1], right (N,) whether the row was."""
    bins = len(edges) - 1
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    rows = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = np.bincount(place, confidence, bins) / rows
        shares = np.bincount(place, right, bins) / rows
    return tuple(
        Bin(float(edges[i]), float(edges[i + 1]), int(rows[i]), float(means[i]), float(shares[i])) for i in range(bins)
    )


def _spread(confidence: Floats, found: Bin) -> float:
    """The standard deviation of a bin's accuracy, were every confidence in it true."""
    inside = confidence[(confidence > found.lower) & (confidence <= found.upper)]
    return float(np.sqrt((inside * (1 - inside)).sum()) / found.rows)


def fit_across_halves(logits: Floats, labels: Labels) -> npt.NDArray[np.float64]:
    """(N, K) probabilities of which none had a part in its own temperature: rows of even number are divided by what
    `fit_temperature` finds on the odd ones, and the other way round. ValueError with fewer than two rows.
    """
    probabilities = np.empty(np.shape(logits), dtype=np.float64)
    for ours, others in ((slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))):
        probabilities[ours] = softmax(logits[ours] / fit_temperature(logits[others], labels[others]))
    return probabilities


def log_loss(true: Labels, probabilities: Floats) -> float:
    """Mean -ln p(true class), in nats; probabilities under 1e-12 count as 1e-12. NaN without rows."""
    true, probabilities = checked(true, probabilities)
    chosen = probabilities[np.arange(len(true)), true]
    return float(-np.log(np.maximum(chosen, _LEAST_PROBABILITY)).mean()) if len(true) else float("nan")


def brier_score(true: Labels, probabilities: Floats) -> float:
    """Mean over rows of Σ_k (p_k - [k is true])², in [0, 2] (Brier 1950, as he defined it). NaN without rows."""
    true, probabilities = checked(true, probabilities)
    if not len(true):
        return float("nan")
    errors = probabilities.copy()
    errors[np.arange(len(true)), true] -= 1
    return float((errors**2).sum(axis=1).mean())


def top_k_accuracy(true: Labels, probabilities: Floats, k: int = 2) -> float:
    """Share of rows whose true class is among the k most probable; ties go to the class named first."""
    true, probabilities = checked(true, probabilities)
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return float((best == true[:, None]).any(axis=1).mean()) if len(true) else float("nan")


def fit_temperature(logits: Floats, labels: Labels) -> float:
    """The T > 0 for which softmax(logits / T) has the least log loss (Guo et al. 2017, section 4.2).

    logits (N, K), or the logarithms of probabilities; labels (N,) in [0, K), of the validation split. The loss is
    convex in 1/T, so its slope is bisected. T stays within 0.001 to 1000: where no row is wrong, the answer is 0.001.
    ValueError without rows, or for logits that are not finite.
    """
    labels, logits = checked(labels, logits)
    if not len(labels):
        raise ValueError("temperature: no rows to fit on")
    chosen = logits[np.arange(len(labels)), labels].mean()

    def slope(inverse: float) -> float:
        return float((softmax(logits * inverse) * logits).sum(axis=1).mean() - chosen)

    low, high = np.log(_INVERSE_RANGE)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(float(np.exp(middle))) < 0 else (low, middle)
    return float(np.exp(-(low + high) / 2))


def softmax(logits: Floats) -> npt.NDArray[np.float64]:
    """Along the last axis, without overflow."""
    raised = np.exp(np.asarray(logits, dtype=np.float64) - np.max(logits, axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def checked(true: Labels, scores: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """(N,) int64 in [0, K) and (N, K) float64; ValueError that says what was given instead, NaN included."""
    true, scores = np.asarray(true), np.asarray(scores)
    if true.ndim != 1 or scores.ndim != 2 or len(true) != len(scores):
        raise ValueError(f"expected labels (N,) and scores (N, K), got {true.shape} and {scores.shape}")
    if len(true) and not (true.min() >= 0 and true.max() < scores.shape[1]):
        raise ValueError(
            f"labels must be in [0, {scores.shape[1]}), got {true.min()} to {true.max()}; "
            "leave rows without a label (-1) out first"
        )
    if not np.isfinite(scores).all():
        raise ValueError(f"{int((~np.isfinite(scores)).any(axis=1).sum()):,} rows of scores are not finite")
    return np.asarray(true, dtype=np.int64), np.asarray(scores, dtype=np.float64)
