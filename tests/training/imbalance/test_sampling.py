from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_spark.batches import Resample
from fer_spark.training.imbalance.sampling import drawn_counts, make_resample
from fer_spark.training.imbalance.settings import SAMPLERS, ImbalanceSettings

Integers = npt.NDArray[np.int64]
DRAWING = [name for name in SAMPLERS if name != "natural"]


def rows_of(counts: list[int], unlabelled: int = 0, seed: int = 0) -> Integers:
    labels = np.repeat(np.arange(-1, len(counts)), [unlabelled, *counts])
    return np.random.default_rng(seed).permutation(labels).astype(np.int64)


def sampler(counts: list[int], seed: int = 5, **flags: object) -> Resample:
    made = make_resample(ImbalanceSettings(**flags), np.array(counts), seed)  # type: ignore[arg-type]
    assert made is not None
    return made


def per_class(labels: Integers, repeats: Integers, classes: int) -> list[int]:
    return [int(repeats[labels == label].sum()) for label in range(classes)]


def test_every_sampler_by_hand() -> None:
    counts = [16, 4, 0, 1]
    labels = rows_of(counts)
    expected = {
        "undersample": [1, 1, 0, 1],
        "oversample": [16, 16, 0, 16],
        "augment": [16, 16, 0, 16],
        "balanced": [7, 7, 0, 7],  # 21 rows for 3 classes that have any
        "sqrt": [12, 6, 0, 3],  # 21 rows by 4 : 2 : 1
    }
    for name, draws in expected.items():
        assert per_class(labels, sampler(counts, sampler=name)(labels, 3), 4) == draws, name
        assert drawn_counts(ImbalanceSettings(sampler=name), np.array(counts)).tolist() == draws
    for flags, draws in (
        ({"sampler": "undersample", "undersample_to": 5}, [5, 4, 0, 1]),
        ({"sampler": "oversample", "oversample_to": 6}, [16, 6, 0, 6]),
        ({"sampler": "augment", "augment_to": 40}, [40, 40, 0, 40]),
    ):
        assert per_class(labels, sampler(counts, **flags)(labels, 0), 4) == draws
    assert make_resample(ImbalanceSettings(), np.array(counts), 0) is None


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(0, 40), min_size=1, max_size=7).filter(any),
    unlabelled=st.integers(0, 5),
    name=st.sampled_from(DRAWING),
    to=st.integers(0, 60),
    seed=st.integers(0, 2**40),
    epoch=st.integers(0, 500),
)
def test_totals_are_exact_and_a_class_is_drawn_evenly(
    counts: list[int], unlabelled: int, name: str, to: int, seed: int, epoch: int
) -> None:
    labels = rows_of(counts, unlabelled, seed % 1000)
    draw = sampler(counts, seed, sampler=name, undersample_to=to, oversample_to=to, augment_to=to)
    repeats = draw(labels, epoch)
    assert repeats.shape == labels.shape
    assert repeats.dtype == np.int64
    assert (repeats[labels < 0] == 1).all()
    smallest, largest = min(n for n in counts if n), max(counts)
    found, present = per_class(labels, repeats, len(counts)), sum(n > 0 for n in counts)
    for label, (rows, drawn) in enumerate(zip(counts, found, strict=True)):
        own = repeats[labels == label]
        assert not rows or own.max() - own.min() <= 1
        if name == "undersample":
            assert drawn == min(rows, to or smallest)
        elif name in ("oversample", "augment"):
            assert drawn == (max(rows, to or largest) if rows else 0)
            assert not rows or own.min() >= 1
        else:
            share = 1 / present if name == "balanced" else rows**0.5 / sum(n**0.5 for n in counts)
            assert abs(drawn - (sum(counts) * share if rows else 0)) < 1
    if name in ("balanced", "sqrt"):
        assert sum(found) == sum(counts)
    # pure: the same again, from another object too
    assert np.array_equal(repeats, draw(labels, epoch))
    again = sampler(counts, seed, sampler=name, undersample_to=to, oversample_to=to, augment_to=to)
    assert np.array_equal(repeats, again(labels, epoch))


def test_fractions_are_right_on_average_and_rows_take_turns() -> None:
    counts = [50, 7, 3]  # 20 draws of each; then roots 7.07 : 2.65 : 1.73 of 60
    labels = rows_of(counts)
    draw = sampler(counts, sampler="sqrt")
    epochs = np.stack([draw(labels, epoch) for epoch in range(600)])
    root = np.sqrt(counts)
    expected = 60 * root / root.sum()
    assert [per_class(labels, epochs.mean(0) * 600, 3)[i] / 600 for i in range(3)] == pytest.approx(expected, abs=0.1)
    for label, rows in enumerate(counts):  # each row as often as any other of its class
        assert epochs[:, labels == label].mean(0) == pytest.approx(expected[label] / rows, abs=0.15)


def test_undersampling_leaves_the_same_rows_out_unless_told() -> None:
    counts = [100, 10]
    labels = rows_of(counts)
    fixed = sampler(counts, sampler="undersample")
    assert np.array_equal(fixed(labels, 0), fixed(labels, 7))
    other = sampler(counts, 6, sampler="undersample")
    assert not np.array_equal(fixed(labels, 0), other(labels, 0))
    fresh = sampler(counts, sampler="undersample", undersample_fresh=True)
    drawn = np.stack([fresh(labels, epoch) for epoch in range(100)])
    assert (drawn.sum(1) == 20).all()
    assert (drawn[:, labels == 0].sum(0) > 0).all(), "in 100 epochs every row has its turn"


@pytest.mark.parametrize("name", ["oversample", "augment", "balanced", "sqrt"])
def test_each_epoch_and_seed_draws_others(name: str) -> None:
    counts = [100, 30, 7]
    labels = rows_of(counts)
    one, two = sampler(counts, 0, sampler=name), sampler(counts, 1, sampler=name)
    drawn = {one(labels, 0).tobytes(), one(labels, 1).tobytes(), two(labels, 0).tobytes(), two(labels, 1).tobytes()}
    assert len(drawn) == 4


def test_what_does_not_fit_is_refused() -> None:
    draw = sampler([3, 2], sampler="balanced")
    with pytest.raises(ValueError, match=r"built for \[3, 2\] rows per class, but the split has \[2, 2\]"):
        draw(np.array([0, 0, 1, 1]), 0)
    with pytest.raises(ValueError, match=r"the split has \[3, 2, 1\]"):
        draw(np.array([0, 0, 0, 1, 1, 2]), 0)
    with pytest.raises(ValueError, match="seed -1"):
        sampler([3, 2], -1, sampler="balanced")
    with pytest.raises(ValueError, match="class counts"):
        sampler([0, 0], sampler="balanced")
