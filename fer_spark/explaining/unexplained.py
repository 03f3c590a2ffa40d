"""Why a face stays unexplained: no mask changes the answer, hardly one does, or parts count only together."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from fer_spark.explaining.assist import pair_features, pair_ridge
from fer_spark.explaining.local_model import LocalModel, Scored

FLAT, FEW_MASKS, SATURATED, INTERACTING = "flat", "few_masks", "saturated", "interacting"

_NEAR = 0.01
"""Probabilities nearer to 0 or 1 than this hardly say how much evidence there is."""

_MOSTLY = 0.5
_MOST_SEGMENTS = 64
"""Of more segments there are too many pairs to look at, but for those that touch."""


@dataclass(frozen=True)
class Unexplained:
    """`reason`: one of FLAT, FEW_MASKS, SATURATED, INTERACTING; `together`: with the last, the two segments that
    interact most."""

    reason: str
    together: tuple[int, int] | None = None


def why_unexplained(scored: Scored, model: LocalModel, target: str) -> Unexplained:
    """Of a face whose local model does not fit. `target`: what the model was fitted to."""
    if model.flat:
        return Unexplained(FLAT)
    if math.isnan(model.r2_held_out):
        return Unexplained(FEW_MASKS)
    own, counts = scored.probabilities[:, scored.label], scored.drawn.counts
    near = (own > 1 - _NEAR) | (own < _NEAR)
    if counts[near].sum() > _MOSTLY * counts.sum():
        return Unexplained(SATURATED)
    return Unexplained(INTERACTING, _strongest_pair(scored, target))


def _strongest_pair(scored: Scored, target: str) -> tuple[int, int] | None:
    """The pair with the largest weight beside those of the segments alone, in a ridge regression on both."""
    count = scored.drawn.unique.shape[1]
    pairs = tuple(itertools.combinations(range(count), 2)) if count <= _MOST_SEGMENTS else scored.pairs
    if not pairs:
        return None
    features = pair_features(scored.drawn.unique, pairs)
    solved = pair_ridge(features, scored.targets(target), scored.drawn.counts)
    strongest = int(np.abs(solved[1 + count :]).argmax())
    return pairs[strongest]
