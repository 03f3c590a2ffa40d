"""What decides is what the words name: planted causes, whatever cuts the face."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fer_spark.explaining.lime import Face, explain
from fer_spark.explaining.regions import in_words, region_weights
from fer_spark.explaining.settings import LimeSettings
from fer_spark.explaining.superpixels import REGIONS, grid, landmarks
from tests.explaining.scorers import RegionScorer, noise

PLACES = {
    "mouth": (36, 41, 20, 28),
    "left eye": (17, 21, 12, 20),
    "right eye": (17, 21, 28, 36),
    "forehead": (0, 8, 18, 30),
    "nose": (21, 30, 21, 27),
}
"""Top, bottom, left, right of a part of each, px of 48."""


@pytest.mark.parametrize("segments", ["grid", "landmarks", "slic"])
@pytest.mark.parametrize("cause", PLACES)
def test_a_planted_cause_is_named_first_and_what_is_against_it_as_such(cause: str, segments: str) -> None:
    if segments == "slic":
        pytest.importorskip("skimage")
    against = "mouth" if cause != "mouth" else "forehead"
    scorer = RegionScorer((PLACES[cause], PLACES[against]), (0.7, -0.3))
    settings = LimeSettings(
        segments=segments, segment_count=64, samples=400, hide="black", label="happy", target="probability"
    )
    [found] = explain([Face("a", noise())], scorer, settings)
    cut = found.segmentation
    words = in_words(region_weights(cut.map, found.model.weights, cut.names))
    assert words.startswith(f"{cause} ")
    assert re.search(rf"; {against}( and [a-z ]+)? against it$", words)


def test_no_weight_is_lost_between_segments_and_regions() -> None:
    random = np.random.default_rng(0)
    for count in (4, 36, 100):
        weights = random.normal(size=count)
        regions = region_weights(grid(48, count), weights)
        assert set(regions) <= set(REGIONS)
        assert sum(regions.values()) == pytest.approx(weights.sum())
    face = landmarks(48)
    weights = random.normal(size=face.count)
    assert region_weights(face.map, weights, face.names) == pytest.approx(region_weights(face.map, weights))


def test_shares_are_of_what_speaks_for_the_label_and_sides_that_agree_are_one() -> None:
    assert in_words({"eye_left": 2.0, "eye_right": 1.0, "mouth": 1.0, "nose": -2.0}) == (
        "eyes 75 %, mouth 25 %; nose against it"
    )
    assert in_words({"eye_left": 5.0, "eye_right": 1.0, "mouth": 4.0}) == "left eye 50 %, mouth 40 %, right eye 10 %"
    assert in_words({"brow_left": -1.0, "brow_right": -1.0, "chin": -4.0, "nose": 4.0}) == (
        "nose 100 %; chin and brows against it"
    )
    assert in_words({"mouth": -1.0, "nose": 0.0}) == ""
    assert in_words({}) == ""


def test_every_region_has_words() -> None:
    for region in REGIONS:
        assert re.fullmatch(r"[a-z ]+ 100 %", in_words({region: 1.0}))
