"""The local models of many faces at once, each with how well it fits and how stable it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_spark.explaining.assist import Assistant, Pairs
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
from fer_spark.explaining.targets import target_values

_HELD_OUT = 5
_FITTED = [0, 1, 3, 4]
"""Of the subsets: all but the fifth that is held out."""

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


@dataclass(frozen=True)
class Scored:
    """A face's masks, the probabilities (U, K) of each different one, which label is explained, what touches, and the
    label that it is compared with where its margin is explained."""

    drawn: Drawn
    probabilities: Floats
    label: int
    pairs: Pairs = ()
    rival: int = 0

    def targets(self, target: str) -> Floats:
        """(U,)"""
        return target_values(self.probabilities, self.label, self.rival, target)


def fit_faces(faces: Sequence[Scored], settings: LimeSettings) -> list[LocalModel]:
    """Fit each face's local model; faces with equally many segments are solved together."""
    models: dict[int, LocalModel] = {}
    for count in sorted({face.drawn.unique.shape[1] for face in faces}):
        places = [i for i, face in enumerate(faces) if face.drawn.unique.shape[1] == count]
        models |= dict(zip(places, _fit_equal([faces[i] for i in places], settings), strict=True))
    return [models[i] for i in range(len(faces))]


def _fit_equal(faces: Sequence[Scored], settings: LimeSettings) -> list[LocalModel]:
    """B faces of n segments: shorter sets of masks are filled up with rows of weight 0."""
    rows, count = max(len(face.probabilities) for face in faces), faces[0].drawn.unique.shape[1]
    masks = np.zeros((len(faces), rows, count))
    targets = np.zeros((len(faces), rows))
    parts = np.zeros((len(faces), 5, rows))  # weights: all masks, four fifths, the other fifth, one half, the other
    for i, face in enumerate(faces):
        used = len(face.probabilities)
        masks[i, :used], targets[i, :used] = face.drawn.unique, face.targets(settings.target)
        weights = kernel_weights(face.drawn.unique, settings.kernel_width) * face.drawn.counts
        parts[i, :, :used] = np.stack([weights * subset for subset in _subsets(face.drawn)])
    masks, targets = masks[:, None], targets[:, None]
    if settings.assisted:
        fits = _joined([_assisted(face, settings) for face in faces])
    else:
        fits = fit_features([(masks, targets, parts[:, _FITTED])], settings.features)
    fitted = r_squared(masks, targets, parts[:, [0, 2]], fits[:, :2])
    flat = [bool(np.ptp(face.probabilities[:, face.label]) < _FLAT) for face in faces]
    return [_judged(fits[i], fitted[i], parts[i], flat[i], settings) for i in range(len(faces))]


def _subsets(drawn: Drawn) -> list[npt.NDArray[np.bool_]]:
    """(U,) each: all masks, four fifths, the other fifth, one half, the other half."""
    held_out = drawn.pair % _HELD_OUT == _HELD_OUT - 1
    return [np.ones(len(held_out), bool), ~held_out, held_out, drawn.half == 0, drawn.half == 1]


def _assisted(face: Scored, settings: LimeSettings) -> Fit:
    """The fits to the subsets _FITTED, one after the other."""
    assistant = Assistant(face.drawn.unique, face.drawn.counts, face.probabilities, face.label, face.pairs, face.rival)
    subsets = _subsets(face.drawn)
    return _joined([fit_features(assistant.parts(subsets[i], settings), settings.features) for i in _FITTED])


def _joined(fits: Sequence[Fit]) -> Fit:
    return Fit(np.stack([fit.weights for fit in fits]), np.stack([fit.intercept for fit in fits]))


def _judged(fits: Fit, fitted: Floats, parts: Floats, flat: bool, settings: LimeSettings) -> LocalModel:
    halves = fits.weights[2], fits.weights[3]
    divided = bool((parts[3:].sum(axis=1) > 0).all())
    return LocalModel(
        weights=fits.weights[0],
        intercept=float(fits.intercept[0]),
        r2=float(fitted[0]),
        r2_held_out=float(fitted[1]) if int((parts[2] > 0).sum()) >= _LEAST_HELD_OUT else math.nan,
        overlap=top_overlap(*halves, settings.top) if divided else math.nan,
        rank=rank_correlation(*halves) if divided else math.nan,
        flat=flat,
    )
