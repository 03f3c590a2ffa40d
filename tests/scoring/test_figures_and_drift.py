"""Counts that add up, and the population stability index by hand."""

from __future__ import annotations

import math

import pytest

from fer_spark.scoring.drift import LEAST_FACES, drift, psi
from fer_spark.scoring.figures import Figures


def figures(**labels: int) -> Figures:
    faces = sum(labels.values())
    bins = [0] * 9 + [faces]
    return Figures(faces, faces, faces, labels=labels, confidence_sums={}, confidence_bins=bins)


def test_psi_of_two_bins_by_hand() -> None:
    # shares 0.6, 0.4 against 0.5, 0.5: 0.1 ln 1.2 - 0.1 ln 0.8 = 0.1 ln 1.5
    assert psi([60, 40], [5, 5]) == pytest.approx(0.1 * math.log(1.5))
    assert psi([5, 5], [60, 40]) == pytest.approx(psi([60, 40], [5, 5]))
    assert psi([3, 9, 6], [1, 3, 2]) == pytest.approx(0)


def test_a_class_that_was_never_there_counts_as_one_in_ten_thousand() -> None:
    assert psi([100, 0], [50, 50]) == pytest.approx(0.5 * math.log(2) + 0.4999 * math.log(5000))


@pytest.mark.parametrize(("now", "then"), [([1], [1, 2]), ([0, 0], [1, 2]), ([1, 2], [0, 0])])
def test_psi_of_nothing_is_refused(now: list[float], then: list[float]) -> None:
    with pytest.raises(ValueError, match="psi"):
        psi(now, then)


def test_drift_is_flagged_against_what_changed_and_not_against_what_did_not() -> None:
    now, earlier = figures(happy=600, sad=400), figures(happy=590, sad=410)
    shifts = drift(now, earlier, {"happy": 1000, "sad": 9000}, ["happy", "sad"], 0.2)
    assert [(s.what, s.against, s.flagged) for s in shifts] == [
        ("labels", "earlier runs", False),
        ("confidence", "earlier runs", False),
        ("labels", "training data", True),
    ]
    assert shifts[2].psi == pytest.approx(0.5 * math.log(6) - 0.5 * math.log(4 / 9))
    assert shifts[2].chance == pytest.approx(1 / 1000 + 1 / 10000)
    told = shifts[2].as_dict()
    assert told["bins"] == {"happy": (600, 1000), "sad": (400, 9000)}
    # 0.5 ln 6 = 0.90 for happy, 0.5 ln 2.25 = 0.41 for sad
    assert told["moved"] == [{"bin": "happy", "now": 0.6, "then": 0.1}, {"bin": "sad", "now": 0.4, "then": 0.9}]


def test_what_did_not_move_is_not_named() -> None:
    now, then = figures(happy=100, sad=300, angry=100), figures(happy=100, sad=100, angry=300)
    (labels, *_) = drift(now, then, {}, ["angry", "happy", "sad", "fear"], 0.2)
    assert [one["bin"] for one in labels.moved] == ["angry", "sad"]


def test_too_few_faces_flag_nothing() -> None:
    few = drift(figures(happy=LEAST_FACES - 1), Figures(), {"happy": 10, "sad": 10_000}, ["happy", "sad"], 0.2)
    assert [s.flagged for s in few] == [False]
    assert [s.as_dict()["few"] for s in few] == [True]
    enough = drift(figures(happy=LEAST_FACES), Figures(), {"happy": 10, "sad": 10_000}, ["happy", "sad"], 0.2)
    assert [s.flagged for s in enough] == [True]
    assert [s.as_dict()["few"] for s in enough] == [False]


def test_a_first_run_on_an_unknown_training_set_is_compared_with_nothing() -> None:
    assert drift(figures(happy=500), Figures(), {}, ["happy", "sad"], 0.2) == []


def test_figures_add_up_by_hand() -> None:
    one = Figures(5, 3, 4, 1, {"no_face": 2}, {"sad": 4}, {"sad": 2.0}, [0, 0, 0, 0, 2, 2, 0, 0, 0, 0])
    two = Figures(3, 1, 1, 0, {"unreadable": 1, "no_face": 1}, {"happy": 1}, {"happy": 0.9}, [0] * 9 + [1])
    both = one + two
    both.check()
    assert (both.pictures, both.scored_pictures, both.faces, both.abstained) == (8, 4, 5, 1)
    assert both.not_scored == {"no_face": 3, "unreadable": 1}
    assert both.labels == {"happy": 1, "sad": 4}
    assert both.mean_confidence == pytest.approx(2.9 / 5)
    assert both.confidence_bins == [0, 0, 0, 0, 2, 2, 0, 0, 0, 1]
    assert both.bad_fraction == pytest.approx(0.5)
    assert Figures.from_dict(both.as_dict()) == both


def test_pictures_that_are_known_already_are_not_bad() -> None:
    assert Figures(4, 1, 1, 0, {"already_known": 2, "empty": 1}, {"sad": 1}).bad_fraction == pytest.approx(0.25)


def test_figures_that_lose_a_picture_are_refused() -> None:
    with pytest.raises(RuntimeError, match="5 pictures in, 3 scored and 1 not"):
        Figures(5, 3, 3, 0, {"no_face": 1}, {"sad": 3}).check()
