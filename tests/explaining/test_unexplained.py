"""Faces that no local model fits say why, and name the parts that were planted to count together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_spark.explaining.lime import Explanation, Face, explain
from fer_spark.explaining.settings import LimeSettings
from fer_spark.explaining.superpixels import grid
from fer_spark.explaining.unexplained import Unexplained
from tests.explaining.scorers import PairScorer, RegionScorer, noise

SETTINGS = LimeSettings(hide="black", samples=400, label="happy", target="probability", keep=0.5)
COUNT = 36


class OddScorer:
    """P(happy) is high where one of two segments is hidden, and not the other: no sum of parts says that."""

    digest = preparation_digest = "odd"

    def __init__(self, first: int, second: int) -> None:
        self.labels = ["sad", "happy"]
        self._inside = [grid(48, COUNT) == segment for segment in (first, second)]

    def predict_proba(self, images: np.ndarray, batch: int | None = None, views: str | None = None) -> np.ndarray:
        shown = [(images[:, inside] > 0).mean(axis=1) > 0.5 for inside in self._inside]
        happy = np.where(shown[0] ^ shown[1], 0.8, 0.3)
        return np.stack([1 - happy, happy], axis=1).astype(np.float32)


def explained(scorer: Any, settings: LimeSettings = SETTINGS) -> Explanation:
    return explain([Face("a", noise())], scorer, settings)[0]


@settings(max_examples=10, deadline=None)
@given(
    pair=st.lists(st.integers(0, COUNT - 1), min_size=2, max_size=2, unique=True),
    target=st.sampled_from(["probability", "logodds"]),
)
def test_the_two_parts_that_count_together_are_named(pair: list[int], target: str) -> None:
    found = explained(OddScorer(*pair), replace(SETTINGS, target=target))
    assert found.unexplained == Unexplained("interacting", (min(pair), max(pair)))


def test_parts_that_are_multiplied_are_named_and_what_adds_up_is_explained() -> None:
    regions = ((8, 16, 16, 24), (32, 40, 40, 48))  # segments 8 and 29
    strict = replace(SETTINGS, explained_r2=0.9)
    assert explained(PairScorer(regions, (0.9,)), strict).unexplained == Unexplained("interacting", (8, 29))
    assert explained(RegionScorer(regions, (0.4, 0.4)), strict).unexplained is None


@pytest.mark.parametrize(
    ("scorer", "more", "reason"),
    [
        (RegionScorer(((0, 8, 0, 8),), (0.0,)), {}, "flat"),
        (RegionScorer(((0, 8, 0, 8),), (0.5,)), {"samples": 6}, "few_masks"),
        (RegionScorer(((0, 48, 0, 48),), (3.5,)), {}, "saturated"),
    ],
)
def test_each_other_reason(scorer: RegionScorer, more: dict[str, int], reason: str) -> None:
    class Bounded(RegionScorer):
        def predict_proba(self, *words: Any) -> np.ndarray:
            return np.clip(super().predict_proba(*words), 0, 1)

    bounded = Bounded(scorer.regions, scorer.strengths)
    assert explained(bounded, replace(SETTINGS, explained_r2=1.0, **more)).unexplained == Unexplained(reason)
