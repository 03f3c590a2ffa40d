"""Entropy, and Kullback–Leibler and Jensen–Shannon divergence, of tables of counts; nothing is smoothed.

KL is in nats, as the literature and SciPy (scipy.stats.entropy) print it, with bits beside it: 1 nat is 1.4427 bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

NOTE = (
    "KL(p‖q) = Σ p·ln(p/q), in nats, and the same in bits, over shares of counts without smoothing: terms with p = 0 "
    "drop out. Where q = 0 and p > 0, p is not absolutely continuous with respect to q and KL is infinite; "
    "dropped_terms counts those classes or bins. JS is the mean of KL to the half-way mixture, in bits: symmetric, "
    "finite, at most 1 (Lin, 1991)."
)


@dataclass(frozen=True)
class Divergence:
    """Of p from q. `kl_nats` is inf where some q is 0 under p > 0; `dropped_terms` counts those."""

    kl_nats: float
    js_bits: float
    absolutely_continuous: bool
    dropped_terms: int

    @property
    def kl_bits(self) -> float:
        return self.kl_nats / math.log(2)


def divergence(p: Sequence[int], q: Sequence[int]) -> Divergence | None:
    """Of two tables of counts over the same classes or bins; None where one of them is empty.

    Raises ValueError for tables of different lengths.
    """
    if len(p) != len(q):
        raise ValueError(f"{len(p)} counts against {len(q)}")
    total_p, total_q = sum(p), sum(q)
    if not total_p or not total_q:
        return None
    shares = [(a / total_p, b / total_q) for a, b in zip(p, q, strict=True)]
    lost = sum(1 for a, b in shares if a > 0 and b == 0)
    kl = math.inf if lost else _kl(shares)
    middle = 0.5 * _kl([(a, (a + b) / 2) for a, b in shares]) + 0.5 * _kl([(b, (a + b) / 2) for a, b in shares])
    return Divergence(kl, min(max(middle / math.log(2), 0.0), 1.0), lost == 0, lost)


def entropy_bits(counts: Sequence[int]) -> float:
    """Shannon entropy of the shares; 0 for one class, or none."""
    total = sum(counts)
    entropy = -math.fsum(count / total * math.log2(count / total) for count in counts if count)
    return max(entropy, 0.0)


def effective_classes(counts: Sequence[int]) -> float:
    """The number of equally frequent classes with the same entropy: exp of it in nats."""
    return float(2 ** entropy_bits(counts))


def _kl(shares: Sequence[tuple[float, float]]) -> float:
    """In nats."""
    return max(math.fsum(a * math.log(a / b) for a, b in shares if a > 0), 0.0)
