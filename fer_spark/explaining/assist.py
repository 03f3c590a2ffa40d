"""Steadier weights of LIME: a second model predicts what the masks that were not scored would give.

It is a linear model of the log-probabilities of all classes, on segments and on pairs of segments that touch, fitted to
the masks that were scored. The local model is then fitted to what it says of PANEL other masks, and to what is left of
the scored ones when it is taken off; the two add up. In survey sampling that is the difference estimator (Särndal,
Swensson & Wretman, Model Assisted Survey Sampling, 1992, chapter 6): with many masks it aims at what plain LIME aims at
however poor the second model is, and depends the less on the masks drawn the better it is. With few, weights come out
somewhat small, as the second model fits the very masks that it is corrected by (of 384 masks on FER-2013: by 2 %).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_spark.explaining.masks import MaskSource, can_balance
from fer_spark.explaining.ridge import Floats, Part, kernel_weights
from fer_spark.explaining.settings import LimeSettings
from fer_spark.explaining.superpixels import SegmentMap
from fer_spark.explaining.targets import target_values
from fer_spark.metrics import softmax

PANEL = 4096
_ALPHA = 20.0
"""Ridge penalty of the second model; between 5 and 60, and with all pairs, weights were as stable to 0.01."""

_LEAST_PROBABILITY = 1e-7
Pairs = tuple[tuple[int, int], ...]


def touching(segments: SegmentMap) -> Pairs:
    """Pairs (a, b), a < b, of segments that share a side or a corner of a pixel, in order."""
    height, width = segments.shape
    found: set[tuple[int, int]] = set()
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = segments[: height - down, max(-right, 0) : width - max(right, 0)]
        there = segments[down:, max(right, 0) : width + min(right, 0)]
        both = np.stack([np.minimum(here, there)[here != there], np.maximum(here, there)[here != there]], axis=1)
        found |= {(int(a), int(b)) for a, b in np.unique(both, axis=0)}
    return tuple(sorted(found))


@dataclass(frozen=True)
class Assistant:
    """The second model of one face: `masks` (U, n) that were scored, how often each was drawn, and what came of them.

    counts (U,); probabilities (U, K), of which column `label` is explained, where its margin is, against `rival`.
    """

    masks: npt.NDArray[np.uint8]
    counts: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]
    label: int
    pairs: Pairs
    rival: int = 0

    @cached_property
    def _features(self) -> Floats:
        return pair_features(self.masks, self.pairs)

    @cached_property
    def _scores(self) -> Floats:
        return _centred_logs(self.probabilities)

    def parts(self, subset: npt.NDArray[np.bool_], settings: LimeSettings) -> list[Part]:
        """What the local model is fitted to: the panel, and what is left of the scored masks in `subset` (U,).

        Each part counts as much as `settings.samples` masks.
        """
        panel, panel_features, kernel = _panel(self.masks.shape[1], settings.keep, self.pairs, settings.kernel_width)
        rows = self.counts * subset
        coefficients = pair_ridge(self._features, self._scores, rows)
        predicted = self._targets(softmax(panel_features @ coefficients), settings)
        answered, expected = self.probabilities, softmax(self._features @ coefficients)
        left = self._targets(answered, settings) - self._targets(expected, settings)
        weights = kernel_weights(self.masks, settings.kernel_width) * rows * (settings.samples / max(rows.sum(), 1))
        return [(panel, predicted, kernel * (settings.samples / len(panel))), (self.masks, left, weights)]

    def _targets(self, probabilities: Floats, settings: LimeSettings) -> Floats:
        return target_values(probabilities, self.label, self.rival, settings.target)


def pair_features(masks: npt.NDArray[Any], pairs: Pairs) -> Floats:
    """(M, n) → (M, 1 + n + P): one, ±1 for a segment shown or hidden, and their products for pairs."""
    signs = masks * 2.0 - 1
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return np.concatenate([np.ones((len(masks), 1)), signs, signs[:, first] * signs[:, second]], axis=1)


@lru_cache(maxsize=8)
def _panel(segments: int, keep: float, pairs: Pairs, kernel_width: float) -> tuple[Floats, Floats, Floats]:
    """Masks (PANEL, n), the same for every face, with their features and kernel weights."""
    source = MaskSource("panel", segments, "balanced" if can_balance(keep) else "random", keep)
    skipped = source.group_rows  # the first mask of all shows everything
    masks = source.rows(skipped, skipped + PANEL)
    return masks.astype(np.float64), pair_features(masks, pairs), kernel_weights(masks, kernel_width)


def _centred_logs(probabilities: Floats) -> Floats:
    """(U, K) logits, but for what is added to a whole row: their softmax is the probabilities."""
    logs = np.log(np.maximum(probabilities, _LEAST_PROBABILITY))
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))


def pair_ridge(features: Floats, targets: Floats, rows: npt.NDArray[Any]) -> Floats:
    """(F, K) coefficients of targets (U, K), or (F,) of (U,); the first is not penalised. `rows` (U,) weighs them."""
    weighed = features.T * rows
    penalty = np.full(features.shape[1], _ALPHA)
    penalty[0] = 1e-9
    return np.asarray(np.linalg.solve(weighed @ features + np.diag(penalty), weighed @ targets))
