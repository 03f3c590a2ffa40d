from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fer_spark.explaining.fidelity import COLUMNS, areas, centre_distance, mean_interval, orders, step_masks, summarise
from fer_spark.explaining.lime import Face, explain
from fer_spark.explaining.settings import LimeSettings
from fer_spark.explaining.superpixels import grid
from tests.explaining.scorers import RegionScorer, noise

CORNER = (0, 8, 40, 48)  # segment 5: far from the centre


def test_steps_hide_one_more_segment_each_in_the_order_given() -> None:
    masks = step_masks(np.array([2, 0, 3, 1]))
    assert masks[:3].tolist() == [[1, 1, 0, 1], [0, 1, 0, 1], [0, 1, 0, 0]]
    assert masks[3:].tolist() == [[0, 0, 1, 0], [1, 0, 1, 0], [1, 0, 1, 1]]


def test_areas_by_hand() -> None:
    """Four equal segments; the first alone holds all of the probability."""
    segments = grid(4, 4)
    deletion, insertion = areas(np.arange(4), np.array([0.0, 0, 0, 1, 1, 1]), 1.0, 0.0, segments)
    assert deletion == pytest.approx(0.125)
    assert insertion == pytest.approx(0.875)
    uneven = np.array([[0, 0, 0, 1]])
    assert areas(np.array([1, 0]), np.array([0.0, 1.0]), 1.0, 0.0, uneven) == pytest.approx((0.125, 0.875))


def test_orders_are_by_falling_weight_and_outwards_and_reproducible() -> None:
    segments = grid(6, 9)
    weights = np.array([0.1, -5, 0.3, 0, 0, 0.2, 0, 0, 0.9])
    by_weight, centre, *random = orders(weights, segments, "a", 1)
    assert by_weight[:4].tolist() == [8, 2, 5, 0]
    assert by_weight[-1] == 1  # with its sign
    assert centre[0] == 4
    assert sorted(centre[1:5].tolist()) == [1, 3, 5, 7]
    assert centre_distance(segments)[4] == 0
    again = orders(weights, segments, "a", 1)
    assert all((a == b).all() for a, b in zip(random, again[2:], strict=True))
    assert len({tuple(one.tolist()) for one in random}) == 3


def test_a_right_explanation_beats_random_orders_and_the_centre() -> None:
    scorer = RegionScorer((CORNER,), (0.9,))
    settings = LimeSettings(samples=200, hide="black", label="happy", fidelity=True, target="probability", keep=0.5)
    (found,) = explain([Face("a", noise())], scorer, settings)
    area = found.fidelity
    assert tuple(area) == COLUMNS
    whole, hidden, cell = found.probability, found.hidden_probability, 1 / 36
    assert area["deletion_auc"] == pytest.approx(hidden + (whole - hidden) * cell / 2, abs=1e-5)
    assert area["insertion_auc"] == pytest.approx(whole - (whole - hidden) * cell / 2, abs=1e-5)
    assert area["deletion_random"] > area["deletion_auc"]
    assert area["insertion_random"] < area["insertion_auc"]
    assert area["deletion_centre"] > hidden + 0.8 * (whole - hidden)
    assert not explain([Face("a", noise())], scorer, replace(settings, fidelity=False))[0].fidelity


def test_summary_has_gains_over_the_baselines_on_the_same_faces_with_intervals() -> None:
    random = np.random.default_rng(0)
    base = random.random(400)
    columns = dict.fromkeys(COLUMNS, base) | {"deletion_random": base + 0.2 + random.normal(0, 0.1, 400)}
    found = summarise(columns)
    gain = found["deletion_gain_random"]
    assert gain.low < 0.2 < gain.high
    assert gain.high - gain.low == pytest.approx(2 * 1.96 * 0.1 / 20, rel=0.2)
    assert found["insertion_gain_centre"].mean == 0
    assert np.isnan(mean_interval(np.zeros(0)).mean)
