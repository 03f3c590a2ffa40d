"""How often an epoch draws each row: under- and oversampling, balanced and square-root samplers, exact to the row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fer_spark.batches import Resample
from fer_spark.training.imbalance.settings import ImbalanceSettings

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def make_resample(settings: ImbalanceSettings, class_counts: Integers, seed: int) -> Resample | None:
    """The sampler that the settings name; None for `natural`, where each row is drawn once.

    class_counts  (K,) rows of each class in the split that will be sampled, in label order
    seed          ≥ 0; the repeats are a pure function of (labels, seed, epoch)

    What it returns takes labels (R,) in -1 … K-1 and an epoch ≥ 0. Rows without a label (-1) are drawn once by every
    sampler: they belong to no class. It raises ValueError if the labels do not have `class_counts` rows per class.

    undersample         min(n_c, N) rows of class c, each once; the same rows in every epoch unless `undersample_fresh`
    oversample          max(n_c, N) draws of class c: every row N // n_c times, and N % n_c of them once more
    augment             draws as oversample does. The draws do not say which is the first of a row and which a repeat,
                        so that the trainer's random augmentation falls on all of them alike and no two are equal.
                        `fer-spark augment-shards` writes marked copies instead
    balanced            N / K draws of each of the K classes that have rows, N in all (Kang et al., Decoupling
                        Representation and Classifier for Long-Tailed Recognition, 2020, eq. 1 with q = 0)
    sqrt                N · sqrt(n_c) / sum_j sqrt(n_j) draws of class c, N in all (q = 1/2; Mahajan et al., 2018)

    Where a class's number of draws is not whole, it is rounded up or down anew each epoch, right on average, and the
    total stays exact. Within a class no row is drawn more than once oftener than another; who, is drawn each epoch.
    """
    settings.check()
    if settings.sampler == "natural":
        return None
    counts = _checked(class_counts)
    if seed < 0:
        raise ValueError(f"sampler: seed {seed} is negative")
    expected = drawn_counts(settings, counts)
    fixed = settings.sampler == "undersample" and not settings.undersample_fresh

    def resample(labels: Integers, epoch: int) -> Integers:
        found = np.bincount(np.asarray(labels) + 1, minlength=counts.size + 1)[1:]
        if not np.array_equal(found, counts):
            raise ValueError(
                f"sampler: built for {counts.tolist()} rows per class, but the split has {found.tolist()}; "
                "build it from the class counts of the split that it samples"
            )
        random = np.random.default_rng([seed, 0 if fixed else epoch])
        return _repeats(labels, _whole(expected, random), random)

    return resample


def drawn_counts(settings: ImbalanceSettings, class_counts: Integers) -> Floats:
    """Draws of each class in an epoch, (K,): exact for under- and oversampling, on average for balanced and sqrt.

    This is what the loss gets to see, and what weights and priors must be made from.
    """
    counts = _checked(class_counts)
    present = counts > 0
    draws = counts.astype(np.float64)
    if settings.sampler == "undersample":
        draws = np.minimum(draws, settings.undersample_to or counts[present].min())
    elif settings.sampler in ("oversample", "augment"):
        least = settings.oversample_to if settings.sampler == "oversample" else settings.augment_to
        draws = np.where(present, np.maximum(draws, least or counts.max()), 0.0)
    elif settings.sampler in ("balanced", "sqrt"):
        share = present.astype(np.float64) if settings.sampler == "balanced" else np.sqrt(draws)
        draws = counts.sum() * share / share.sum()
    elif settings.sampler != "natural":
        raise ValueError(f"sampler: no draws for {settings.sampler!r}")
    return draws


def _checked(class_counts: Integers) -> Integers:
    counts = np.asarray(class_counts)
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or not counts.size or (counts < 0).any() or not counts.any():
        raise ValueError(f"class counts: expected (K,) whole rows per class, 0 or more, not all 0; got {class_counts}")
    return counts.astype(np.int64)


def _whole(expected: Floats, random: np.random.Generator) -> Integers:
    """Each number rounded up or down with its own as the mean, and their sum kept: one random offset for the running
    sums (systematic sampling, Madow 1949)."""
    whole = np.zeros(expected.size, np.int64)
    present = np.flatnonzero(expected)
    running = np.concatenate([[0.0], np.cumsum(expected[present])])
    near = np.rint(running)
    running = np.where(np.isclose(running, near, rtol=1e-12, atol=1e-6), near, running)  # a float's last digits
    whole[present] = np.diff(np.floor(running + random.random()).astype(np.int64))
    return whole


def _repeats(labels: Integers, draws: Integers, random: np.random.Generator) -> Integers:
    """(R,) draws of each row: those of its class spread as evenly as can be, the remainder on rows drawn at random."""
    repeats = np.ones(labels.shape, np.int64)
    for label, count in enumerate(draws.tolist()):
        rows = np.flatnonzero(labels == label)
        if not rows.size:
            continue
        each, extra = divmod(count, rows.size)
        repeats[rows] = each
        if extra:
            keys = random.random(rows.size)
            repeats[rows[np.argpartition(keys, extra - 1)[:extra]]] += 1
    return repeats
