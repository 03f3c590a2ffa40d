"""What of a model's answer the local model explains: a probability, its log-odds, or how far it leads the runner-up.

Log-odds add up where evidence does, so that a linear model fits them better than probabilities, which saturate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

TARGETS = ("probability", "logodds", "margin")
_LEAST = 1e-6
"""Probabilities nearer to 0 or 1 than this are float32's rounding more than evidence."""


def target_values(probabilities: npt.NDArray[Any], label: int, rival: int, target: str) -> Floats:
    """(..., K) probabilities → (...): of `label`, its natural log-odds, or the log of its ratio to `rival`'s.

    Raises ValueError for another target.
    """
    own = np.asarray(probabilities[..., label], dtype=np.float64)
    if target == "probability":
        return own
    own = np.clip(own, _LEAST, 1 - _LEAST)
    if target == "logodds":
        return np.asarray(np.log(own) - np.log1p(-own))
    if target == "margin":
        return np.asarray(np.log(own) - np.log(np.clip(probabilities[..., rival], _LEAST, 1 - _LEAST)))
    raise ValueError(f"target: {target!r}, expected {', '.join(TARGETS)}")


def runner_up(probabilities: npt.NDArray[Any], label: int) -> int:
    """(K,) → the place of the highest probability but that of `label`; `label` itself where there is no other."""
    order = np.argsort(-np.asarray(probabilities, dtype=np.float64), kind="stable")
    return next((int(place) for place in order if place != label), label)
