"""How faithful an explanation is: hide segments one by one, the heaviest first, and watch the probability.

Deletion and insertion of Petsiuk et al. 2018 (https://arxiv.org/abs/1806.07421), beside the same curves for random
orders and for the order from the centre outwards: an explanation that does not beat those says nothing.
Weights are taken with their sign. What hides a segment is what hid it for the explanation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_spark.explaining.masks import Masks, seeded
from fer_spark.explaining.ridge import Floats
from fer_spark.explaining.superpixels import SegmentMap

Order = npt.NDArray[np.int64]

RANDOM_ORDERS = 3
COLUMNS = (
    "deletion_auc",
    "insertion_auc",
    "deletion_random",
    "insertion_random",
    "deletion_centre",
    "insertion_centre",
)
_RESAMPLES = 1000


def orders(weights: Floats, segments: SegmentMap, face_id: str, seed: int) -> list[Order]:
    """Segments by falling weight, from the centre outwards, and in RANDOM_ORDERS random orders."""
    random = seeded(seed, f"orders:{face_id}")
    by_weight = np.argsort(-weights, kind="stable")
    centre = np.argsort(centre_distance(segments), kind="stable")
    return [by_weight, centre, *(random.permutation(len(weights)) for _ in range(RANDOM_ORDERS))]


def centre_distance(segments: SegmentMap) -> Floats:
    """(n,): how far each segment's middle lies from the picture's, px."""
    rows, columns = np.indices(segments.shape)
    flat = segments.ravel()
    counts = np.bincount(flat)
    middle = (np.array(segments.shape) - 1) / 2
    down = np.bincount(flat, rows.ravel()) / counts - middle[0]
    across = np.bincount(flat, columns.ravel()) / counts - middle[1]
    return np.asarray(np.round(np.hypot(down, across), 9))


def step_masks(order: Order) -> Masks:
    """(2 (n-1), n): the first 1 … n-1 segments of `order` hidden, then the first 1 … n-1 shown and no others."""
    count = len(order)
    place = np.empty(count, dtype=np.int64)
    place[order] = np.arange(count)
    shown = (place[None, :] < np.arange(1, count)[:, None]).astype(np.uint8)
    return np.concatenate([1 - shown, shown])


def areas(order: Order, answers: Floats, whole: float, hidden: float, segments: SegmentMap) -> tuple[float, float]:
    """Deletion and insertion area, 0-1, over the share of pixels, from the answers (2 (n-1),) to `step_masks`.

    `whole` and `hidden` are the probabilities of the whole face and of nothing shown.
    """
    steps = len(order) - 1
    share = np.concatenate([[0.0], np.cumsum(np.bincount(segments.ravel())[order])]) / segments.size
    deletion = np.concatenate([[whole], answers[:steps], [hidden]])
    insertion = np.concatenate([[hidden], answers[steps:], [whole]])
    return float(np.trapezoid(deletion, share)), float(np.trapezoid(insertion, share))


@dataclass(frozen=True)
class Measured:
    """Mean and its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float


def summarise(columns: Mapping[str, npt.ArrayLike], seed: int = 0) -> dict[str, Measured]:
    """Means over faces of COLUMNS, and of what the explanation gains on each baseline, on the same faces.

    `deletion_gain_random` is deletion_random - deletion_auc, `insertion_gain_random` is insertion_auc -
    insertion_random, and so for `centre`: above 0 is better than the baseline. Resamples faces 1,000 times; no faces
    give NaN.
    """
    values = {name: np.asarray(columns[name], dtype=np.float64) for name in COLUMNS}
    for baseline in ("random", "centre"):
        values[f"deletion_gain_{baseline}"] = values[f"deletion_{baseline}"] - values["deletion_auc"]
        values[f"insertion_gain_{baseline}"] = values["insertion_auc"] - values[f"insertion_{baseline}"]
    return {name: mean_interval(each, seed) for name, each in values.items()}


def mean_interval(values: npt.NDArray[Any], seed: int = 0) -> Measured:
    """Mean and percentile interval of (N,) values; NaN for none."""
    if len(values) == 0:
        return Measured(float("nan"), float("nan"), float("nan"))
    random = np.random.default_rng(seed)
    counts = random.multinomial(len(values), np.full(len(values), 1 / len(values)), size=_RESAMPLES)
    low, high = np.quantile(counts @ values / len(values), [0.025, 0.975])
    return Measured(float(values.mean()), float(low), float(high))
