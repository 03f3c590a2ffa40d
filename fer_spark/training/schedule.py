"""The learning rate as a pure function of the step, so that a resumed run needs no scheduler state."""

from __future__ import annotations

import math


def rate_at(step: int, steps: int, peak: float, schedule: str, warmup_frac: float) -> float:
    """Learning rate of `step` (0-based) out of `steps`.

    one_cycle: cosine rise from peak/25 over `warmup_frac` of the steps, cosine fall to peak/250,000 (Smith 2018, with
    the shape and ends of torch's OneCycleLR); cosine: linear rise over 2 % of the steps, cosine fall to 0 (Loshchilov &
    Hutter 2017); constant: `peak`.
    """
    if schedule == "constant":
        return peak
    if schedule == "cosine":
        rise = max(1, round(0.02 * steps))
        if step < rise:
            return peak * (step + 1) / rise
        return peak * _cosine((step - rise) / max(1, steps - rise))
    start, end = peak / 25, peak / 250_000
    turn = max(1.0, warmup_frac * steps - 1)
    if step <= turn:
        return peak + (start - peak) * _cosine(step / turn)
    return end + (peak - end) * _cosine((step - turn) / max(1.0, steps - 1 - turn))


def _cosine(share: float) -> float:
    """1 at share 0, 0 at share 1."""
    return (1 + math.cos(math.pi * min(1.0, share))) / 2
