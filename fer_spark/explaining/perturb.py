"""Masked faces: all copies of a face as one array expression, those of many faces in one call of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_spark.explaining.masks import Masks
from fer_spark.explaining.superpixels import SegmentMap
from fer_spark.scorer import MaskScorer, Scorer

Array = npt.NDArray[Any]

CHUNK_BYTES = 16 * 2**20
_CHUNK_ROWS = 1024
"""Chunks are whole numbers of these, so that a model's own batches come out full."""

_BLUR_OF_SIDE = 1 / 12
"""Standard deviation of the blur, as a share of the face's side: 4 px of 48."""


@dataclass(frozen=True)
class Hideable:
    """A face, what it shows where it is hidden, and its segments: (S, S[, 3]), the same, (S, S)."""

    face: Array
    hidden: Array
    segments: SegmentMap

    def show(self, masks: Masks) -> Array:
        """(M, n) → (M, S, S[, 3]) of the face's type: the face where a mask is 1, what hides it where it is 0."""
        shown = np.take(masks, self.segments.ravel(), axis=1).reshape(len(masks), *self.segments.shape)
        if self.face.ndim == 3:
            shown = shown[..., None]
        if self.face.dtype == np.uint8:  # 0 or 255, bit by bit: three times as fast as choosing
            return np.asarray((shown * np.uint8(255)) & (self.face ^ self.hidden) ^ self.hidden)
        return np.where(shown.astype(bool), self.face, self.hidden)


def hide(face: Array, segments: SegmentMap, how: str, gray: Sequence[float] = (0.5,)) -> Hideable:
    """Prepare a face, uint8 or float in [0, 1], for hiding. `gray` is the data set's mean per channel in [0, 1].

    `mean` is each segment's own mean, cut to whole numbers on uint8, as the lime package does. ValueError for others.
    """
    if how == "mean":
        hidden = _segment_means(face, segments)
    elif how == "black":
        hidden = np.zeros_like(face)
    elif how == "blur":
        import cv2

        sigma = face.shape[0] * _BLUR_OF_SIDE
        hidden = np.asarray(cv2.GaussianBlur(face, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), dtype=face.dtype)
    elif how == "gray":
        means = np.asarray(gray, dtype=np.float64)
        level = np.rint(means * 255) if face.dtype == np.uint8 else means
        hidden = np.broadcast_to(level if face.ndim == 3 else level.mean(), face.shape).astype(face.dtype)
    else:
        raise ValueError(f"hide: {how!r}, expected gray, mean, blur or black")
    return Hideable(face, hidden, segments)


def score(
    jobs: Sequence[tuple[Hideable, Masks]], scorer: Scorer, views: str | None = None, chunk_bytes: int = CHUNK_BYTES
) -> list[npt.NDArray[np.float32]]:
    """Probabilities (M, K) of each job's masked faces. All faces must be of one shape and type.

    Where the scorer knows no shorter way, jobs share chunks of at most about `chunk_bytes` of pixels, so that a large
    batch is filled from several faces.
    """
    shorter = [_in_short(job, masks, scorer, views) for job, masks in jobs]
    left = [job for job, answer in zip(jobs, shorter, strict=True) if answer is None]
    whole = iter(_score_pictures(left, scorer, views, chunk_bytes))
    return [next(whole) if answer is None else answer for answer in shorter]


def _in_short(job: Hideable, masks: Masks, scorer: Scorer, views: str | None) -> npt.NDArray[np.float32] | None:
    if not isinstance(scorer, MaskScorer) or not len(masks):
        return None
    return scorer.predict_masked(job.face, job.hidden, job.segments, masks, views)


def _score_pictures(
    jobs: Sequence[tuple[Hideable, Masks]], scorer: Scorer, views: str | None, chunk_bytes: int
) -> list[npt.NDArray[np.float32]]:
    total = sum(len(masks) for _, masks in jobs)
    if total == 0:
        return [np.zeros((0, len(scorer.labels)), dtype=np.float32) for _ in jobs]
    first = jobs[0][0].face
    rows = max(chunk_bytes // first.nbytes // _CHUNK_ROWS, 1) * _CHUNK_ROWS
    chunk = np.empty((min(rows, total), *first.shape), dtype=first.dtype)
    answers, filled = [], 0
    for job, masks in jobs:
        done = 0
        while done < len(masks):
            added = min(len(chunk) - filled, len(masks) - done)
            chunk[filled : filled + added] = job.show(masks[done : done + added])
            filled, done = filled + added, done + added
            if filled == len(chunk):
                answers.append(scorer.predict_proba(chunk, None, views))
                filled = 0
    if filled:
        answers.append(scorer.predict_proba(chunk[:filled], None, views))
    ends = np.cumsum([len(masks) for _, masks in jobs])
    return np.split(np.concatenate(answers), ends[:-1])


def _segment_means(face: Array, segments: SegmentMap) -> Array:
    flat = segments.ravel()
    counts = np.bincount(flat)
    channels = face.reshape(len(flat), -1)
    means = np.stack([np.bincount(flat, channels[:, c]) / counts for c in range(channels.shape[1])], axis=1)
    return means[flat].astype(face.dtype).reshape(face.shape)
