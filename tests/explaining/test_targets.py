"""What is explained: each target by its definition, and weights that are the evidence where a model's is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_spark.explaining.lime import Face, explain
from fer_spark.explaining.settings import LimeSettings
from fer_spark.explaining.superpixels import grid
from fer_spark.explaining.targets import runner_up, target_values
from fer_spark.metrics import softmax

SIDE, COUNT = 48, 36
LABELS = ["angry", "happy", "sad"]


class AdditiveScorer:
    """Its logits are a sum over segments that are shown: what LIME has to find is known."""

    labels = LABELS
    digest, preparation_digest = "model", "preparation"

    def __init__(self, evidence: np.ndarray) -> None:
        self._evidence, self._cut = evidence, grid(SIDE, COUNT)

    def predict_proba(self, faces: np.ndarray, batch: int | None = None, views: str | None = None) -> np.ndarray:
        shown = np.stack([(faces[:, self._cut == i] > 0.9).mean(axis=1) for i in range(COUNT)], axis=1)
        return softmax(shown @ self._evidence).astype(np.float32)


@given(st.lists(st.floats(1e-4, 1), min_size=3, max_size=6), st.data())
def test_each_target_is_what_its_name_says(weights: list[float], data: st.DataObject) -> None:
    row = np.array(weights) / sum(weights)
    label = data.draw(st.integers(0, len(row) - 1))
    rival = runner_up(row, label)
    assert row[rival] == max(value for place, value in enumerate(row) if place != label)
    assert target_values(row, label, rival, "probability") == pytest.approx(row[label])
    assert target_values(row, label, rival, "logodds") == pytest.approx(math.log(row[label] / (1 - row[label])))
    assert target_values(row, label, rival, "margin") == pytest.approx(math.log(row[label] / row[rival]))
    assert target_values(np.stack([row, row]), label, rival, "margin").shape == (2,)


def test_a_certain_model_gives_finite_targets_and_a_lone_label_has_no_runner_up() -> None:
    sure = np.array([1.0, 0.0])
    for target in ("logodds", "margin"):
        values = [float(target_values(sure, label, 1 - label, target)) for label in (0, 1)]
        assert values == pytest.approx([math.log(1e6), -math.log(1e6)], abs=1e-3)
    assert runner_up(np.array([1.0]), 0) == 0
    with pytest.raises(ValueError, match="expected probability, logodds, margin"):
        target_values(sure, 0, 1, "loss")


@pytest.mark.parametrize("assisted", [False, True])
def test_the_margin_to_the_runner_up_is_the_evidence_that_was_planted(assisted: bool) -> None:
    """Of a model that adds up evidence in its logits the margin is linear, so that weights are exact but for the ridge;
    its probability is not, and fits worse."""
    random = np.random.default_rng(3)
    evidence = random.normal(0, 0.5, (COUNT, 3))
    face = Face("f", np.ones((SIDE, SIDE), dtype=np.float32))
    settings = LimeSettings(hide="black", masks="balanced", keep=0.5, samples=512, assisted=assisted)
    found = {
        target: explain([face], AdditiveScorer(evidence), replace(settings, target=target))[0]
        for target in ("probability", "logodds", "margin")
    }
    one = found["margin"]
    truth = evidence[:, one.label] - evidence[:, one.rival]
    assert np.corrcoef(one.model.weights, truth)[0, 1] > 0.999
    assert one.model.weights == pytest.approx(truth, abs=0.05)
    assert one.model.r2_held_out > 0.99
    assert found["probability"].model.r2_held_out < found["logodds"].model.r2_held_out < one.model.r2_held_out
    assert one.probability == found["probability"].probability
