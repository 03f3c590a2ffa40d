"""Divergences and evenness against figures worked by hand."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from fer_spark.exploring.divergence import divergence, effective_classes, entropy_bits

NOTEBOOK_DATA = Path(__file__).parents[2] / "notebooks" / "data"


def test_kl_and_js_by_hand() -> None:
    # p = (1/2, 1/2), q = (1/4, 3/4): KL = 1/2·log2 2 + 1/2·log2 2/3; the mixture is (3/8, 5/8)
    found = divergence([5, 5], [10, 30])
    back = divergence([10, 30], [5, 5])
    assert found is not None
    assert back is not None
    assert found.kl_bits == pytest.approx(0.5 - 0.5 * 0.5849625007)
    assert back.kl_bits == pytest.approx(0.25 * -1 + 0.75 * 0.5849625007)
    assert found.kl_nats == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))
    assert found.js_bits == pytest.approx(0.5 * (0.0465546 + 0.0510352), abs=1e-6)
    assert found.js_bits == back.js_bits
    assert found.absolutely_continuous


def test_the_published_counts_of_affectnet_give_the_published_divergences() -> None:
    """The published notebook on AffectNet's 8-label release prints 0.60107 and 0.72895 nats."""
    with (NOTEBOOK_DATA / "affectnet_category_counts.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:8]  # the rest are no expressions
    train, val = ([int(row[f"affectnet8_{split}"]) for row in rows] for split in ("train", "val"))
    found, back = divergence(train, val), divergence(val, train)
    assert found is not None
    assert back is not None
    assert (round(found.kl_nats, 5), round(back.kl_nats, 5)) == (0.60107, 0.72895)
    assert (round(found.kl_bits, 5), round(back.kl_bits, 5)) == (0.86716, 1.05165)


def test_terms_without_p_drop_out_and_terms_without_q_make_it_infinite() -> None:
    found, back = divergence([1, 0], [1, 1]), divergence([1, 1], [1, 0])
    assert found is not None
    assert back is not None
    assert (found.kl_bits, found.absolutely_continuous, found.dropped_terms) == (1.0, True, 0)
    assert (back.kl_bits, back.absolutely_continuous, back.dropped_terms) == (math.inf, False, 1)
    # JS: 1/2·log2(1/(3/4)) + 1/2·(1/2·log2((1/2)/(3/4)) + 1/2·log2((1/2)/(1/4)))
    assert found.js_bits == back.js_bits == pytest.approx(0.5 * 0.4150375 + 0.5 * (0.5 * -0.5849625 + 0.5), abs=1e-6)


def test_equal_distributions_are_not_apart_and_disjoint_ones_a_whole_bit() -> None:
    same, apart = divergence([2, 6], [1, 3]), divergence([4, 0], [0, 9])
    assert same is not None
    assert apart is not None
    assert (same.kl_bits, same.js_bits) == (0.0, 0.0)
    assert apart.js_bits == 1.0


def test_nothing_can_be_said_of_an_empty_split() -> None:
    assert divergence([0, 0], [1, 1]) is None
    with pytest.raises(ValueError, match="2 counts against 1"):
        divergence([1, 2], [1])


def test_evenness_by_hand() -> None:
    assert entropy_bits([1, 1, 1, 1]) == 2.0
    assert effective_classes([7, 7, 7, 0]) == pytest.approx(3.0)
    assert entropy_bits([3, 1]) == pytest.approx(2 - 0.75 * math.log2(3))
    assert (entropy_bits([9]), effective_classes([9]), entropy_bits([])) == (0.0, 1.0, 0.0)
