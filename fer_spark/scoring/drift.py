"""Has what comes in changed? Label mix and confidence against earlier runs and the training data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fer_spark.scoring.figures import BINS, Figures

_LEAST_SHARE = 1e-4
_MOVED = 3
LEAST_FACES = 100
"""On both sides; fewer say too little to be flagged."""


@dataclass(frozen=True)
class Shift:
    """One comparison.

    psi         population stability index: sum of (now - then) ln(now / then) over the shares
    chance      what it would be about without any change, for samples of these sizes: (K - 1) (1/n + 1/m)
    flagged     psi is above threshold + chance, and there are LEAST_FACES on both sides
    bins        faces (now, then) by label, or by bin of confidence
    """

    what: str
    against: str
    psi: float
    chance: float
    threshold: float
    now: int
    then: int
    bins: dict[str, tuple[int, int]]

    @property
    def moved(self) -> list[dict[str, Any]]:
        """The _MOVED bins that add most to psi, most first, with their shares."""
        names, counts = list(self.bins), list(self.bins.values())
        now, then = _shares([count for count, _ in counts]), _shares([count for _, count in counts])
        terms = {name: (a - b) * math.log(a / b) for name, a, b in zip(names, now, then, strict=True)}
        most = sorted(terms, key=lambda name: -terms[name])[:_MOVED]
        return [{"bin": name, **_rounded(*self.bins[name], self.now, self.then)} for name in most if terms[name] > 0]

    @property
    def few(self) -> bool:
        """Whether there are too few faces on a side to tell."""
        return min(self.now, self.then) < LEAST_FACES

    @property
    def flagged(self) -> bool:
        return not self.few and self.psi > self.threshold + self.chance

    def as_dict(self) -> dict[str, Any]:
        rounded = {"psi": round(self.psi, 6), "chance": round(self.chance, 6)}
        return {**vars(self), **rounded, "few": self.few, "flagged": self.flagged, "moved": self.moved}


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
    mix = {label: (now.labels.get(label, 0), earlier.labels.get(label, 0)) for label in labels}
    pairs = zip(now.confidence_bins, earlier.confidence_bins, strict=True)
    confidence = {f"{number / BINS:.1f}-{(number + 1) / BINS:.1f}": pair for number, pair in enumerate(pairs)}
    trained = {label: (now.labels.get(label, 0), int(trained_on.get(label, 0))) for label in labels}
    candidates = [
        ("labels", "earlier runs", mix),
        ("confidence", "earlier runs", confidence),
        ("labels", "training data", trained),
    ]
    found = [_shift(what, against, bins, threshold) for what, against, bins in candidates]
    return [shift for shift in found if shift is not None]


def _shift(what: str, against: str, bins: dict[str, tuple[int, int]], threshold: float) -> Shift | None:
    now, then = [count for count, _ in bins.values()], [count for _, count in bins.values()]
    n, m = sum(now), sum(then)
    if not n or not m:
        return None
    used = sum(1 for pair in bins.values() if any(pair))
    return Shift(what, against, psi(now, then), (used - 1) * (1 / n + 1 / m), threshold, n, m, bins)


def _rounded(now: int, then: int, n: int, m: int) -> dict[str, float]:
    return {"now": round(now / n, 6), "then": round(then / m, 6)}


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts)
    return [max(count / total, _LEAST_SHARE) for count in counts]
