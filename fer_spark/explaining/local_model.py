"""The local models of many faces at once, each with how well it fits and how stable it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fer_spark.explaining.masks import Drawn
from fer_spark.explaining.ridge import (
    Fit,
    Floats,
    fit_features,
    kernel_weights,
    r_squared,
    rank_correlation,
    top_overlap,
)
from fer_spark.explaining.settings import LimeSettings

_HELD_OUT = 5
_LEAST_HELD_OUT = 8
"""Fewer different masks than these say nothing about how others would be fitted."""

_FLAT = 1e-7
"""Probabilities that stay within this, whatever is hidden, are float32's rounding."""


@dataclass(frozen=True)
class LocalModel:
    """weights (n,); R² on its own masks and, fitted to four fifths, on the other fifth; agreement of the halves.

    A figure that cannot be had, for want of masks, is NaN.
    """

    weights: Floats
    intercept: float
    r2: float
    r2_held_out: float
    overlap: float
    rank: float
    flat: bool

    def settled(self, settings: LimeSettings) -> bool:
        """Whether more masks would not change what is on top; also where no mask changes anything."""
        return self.flat or (self.overlap >= settings.stable_overlap and self.rank >= settings.stable_rank)


def fit_faces(faces: Sequence[tuple[Drawn, Floats]], settings: LimeSettings) -> list[LocalModel]:
    """Fit each face's masks to their targets (U,); faces with equally many segments are solved together."""
    models: dict[int, LocalModel] = {}
    for count in sorted({drawn.unique.shape[1] for drawn, _ in faces}):
        places = [i for i, (drawn, _) in enumerate(faces) if drawn.unique.shape[1] == count]
        models |= dict(zip(places, _fit_equal([faces[i] for i in places], settings), strict=True))
    return [models[i] for i in range(len(faces))]


def _fit_equal(faces: Sequence[tuple[Drawn, Floats]], settings: LimeSettings) -> list[LocalModel]:
    """B faces of n segments: shorter sets of masks are filled up with rows of weight 0."""
    rows, count = max(len(targets) for _, targets in faces), faces[0][0].unique.shape[1]
    masks = np.zeros((len(faces), rows, count))
    targets = np.zeros((len(faces), rows))
    parts = np.zeros((len(faces), 5, rows))  # weights: all masks, four fifths, the other fifth, one half, the other
    for i, (drawn, of_face) in enumerate(faces):
        used = len(of_face)
        masks[i, :used], targets[i, :used] = drawn.unique, of_face
        weights = kernel_weights(drawn.unique, settings.kernel_width) * drawn.counts
        held_out = drawn.pair % _HELD_OUT == _HELD_OUT - 1
        subsets = (np.ones(used, bool), ~held_out, held_out, drawn.half == 0, drawn.half == 1)
        parts[i, :, :used] = np.stack([weights * subset for subset in subsets])
    masks, targets = masks[:, None], targets[:, None]
    fits = fit_features(masks, targets, parts[:, [0, 1, 3, 4]], settings.features)
    fitted = r_squared(masks, targets, parts[:, [0, 2]], fits[:, :2])
    return [_judged(fits[i], fitted[i], parts[i], faces[i][1], settings) for i in range(len(faces))]


def _judged(fits: Fit, fitted: Floats, parts: Floats, targets: Floats, settings: LimeSettings) -> LocalModel:
    halves = fits.weights[2], fits.weights[3]
    divided = bool((parts[3:].sum(axis=1) > 0).all())
    return LocalModel(
        weights=fits.weights[0],
        intercept=float(fits.intercept[0]),
        r2=float(fitted[0]),
        r2_held_out=float(fitted[1]) if int((parts[2] > 0).sum()) >= _LEAST_HELD_OUT else math.nan,
        overlap=top_overlap(*halves, settings.top) if divided else math.nan,
        rank=rank_correlation(*halves) if divided else math.nan,
        flat=bool(np.ptp(targets) < _FLAT),
    )
