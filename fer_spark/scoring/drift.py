"""Has what comes in changed? Label mix and confidence against earlier runs and the training data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fer_spark.scoring.figures import Figures

_LEAST_SHARE = 1e-4
LEAST_FACES = 100
"""On both sides; fewer say too little to be flagged."""


@dataclass(frozen=True)
class Shift:
    """One comparison.

    psi         population stability index: sum of (now - then) ln(now / then) over the shares
    chance      what it would be about without any change, for samples of these sizes: (K - 1) (1/n + 1/m)
    flagged     psi is above threshold + chance, and there are LEAST_FACES on both sides
    """

    what: str
    against: str
    psi: float
    chance: float
    threshold: float
    now: int
    then: int

    @property
    def flagged(self) -> bool:
        return min(self.now, self.then) >= LEAST_FACES and self.psi > self.threshold + self.chance

    def as_dict(self) -> dict[str, Any]:
        rounded = {"psi": round(self.psi, 6), "chance": round(self.chance, 6)}
        return {**vars(self), **rounded, "flagged": self.flagged}


def psi(now: Sequence[float], then: Sequence[float]) -> float:
    """Population stability index of two histograms over the same K bins; 0 for equal shares, symmetric.

    Shares below 1e-4 count as that. Raises ValueError for different lengths or an empty histogram.
    Under 0.1 is usually called stable, over 0.25 a shift (Siddiqi, Credit Risk Scorecards, 2006).
    """
    if len(now) != len(then) or not (sum(now) > 0 and sum(then) > 0):
        raise ValueError(f"psi: two histograms of equal length and some counts, got {list(now)} and {list(then)}")
    pairs = zip(_shares(now), _shares(then), strict=True)
    return math.fsum((a - b) * math.log(a / b) for a, b in pairs)


def drift(
    now: Figures, earlier: Figures, trained_on: Mapping[str, int], labels: Sequence[str], threshold: float
) -> list[Shift]:
    """Compare this run's faces with those of earlier runs, and its label mix with the training split's.

    What has no counts on either side is left out.
    """
    mix = [now.labels.get(label, 0) for label in labels]
    candidates = [
        ("labels", "earlier runs", mix, [earlier.labels.get(label, 0) for label in labels]),
        ("confidence", "earlier runs", now.confidence_bins, earlier.confidence_bins),
        ("labels", "training data", mix, [int(trained_on.get(label, 0)) for label in labels]),
    ]
    return [
        _shift(what, against, ours, theirs, threshold)
        for what, against, ours, theirs in candidates
        if sum(ours) and sum(theirs)
    ]


def _shift(what: str, against: str, now: Sequence[int], then: Sequence[int], threshold: float) -> Shift:
    n, m = sum(now), sum(then)
    bins = sum(1 for a, b in zip(now, then, strict=True) if a or b)
    return Shift(what, against, psi(now, then), (bins - 1) * (1 / n + 1 / m), threshold, n, m)


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts)
    return [max(count / total, _LEAST_SHARE) for count in counts]
