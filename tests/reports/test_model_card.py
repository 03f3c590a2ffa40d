"""What a bundle's page says of who taught it, and of what its confidence is worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from fer_spark.metrics import evaluate
from fer_spark.reports.model_card import model_card
from tests.networks.cards import tiny


def page(**training: Any) -> str:
    return model_card(tiny(training=training)[1].to_dict())


def test_teachers_are_named_with_their_share_and_temperature() -> None:
    teachers = [{"name": "large", "digest": "ab" * 32}, {"name": "wide", "digest": "cd" * 32}]
    settings = {"distill_weight": 0.7, "distill_temperature": 2.0}
    expected = "- taught by: large (abababababababab), wide (cdcdcdcdcdcdcdcd), {}: 70% of the loss, at temperature 2\n"
    assert expected.format("for each augmented picture") in page(teachers=teachers, train=settings)
    assert expected.format("once per row") in page(teachers=teachers, train={**settings, "distill_once": True})
    of_versions = expected.format("once for each of 8 augmented versions of a picture")
    assert of_versions in page(teachers=teachers, train={**settings, "distill_versions": 8})


def test_without_teachers_none_is_named() -> None:
    assert "taught by" not in page(teachers=[], train={"distill_weight": 0.7, "distill_temperature": 2.0})
    assert "taught by" not in page()


def test_a_page_says_what_a_confidence_is_worth_and_older_figures_do_without() -> None:
    sure = np.array([0.95, 0.95, 0.95, 0.95, 0.8, 0.6])
    probabilities = np.stack([sure, 1 - sure], axis=1)
    scores = evaluate(np.array([0, 0, 0, 1, 0, 1]), probabilities, ["calm", "glad"]).to_dict()
    shown = model_card(tiny(metrics={"split": "val", "views": "single", **scores})[1].to_dict())
    assert "| predicted as | 0.0 to 0.5 | 0.5 to 0.7 | 0.7 to 0.9 | 0.9 to 1.0 |" in shown
    assert "| calm | – | 0% (1) | 100% (1) | 75% (4) |" in shown
    assert "| glad | – | – | – | – |" in shown
    assert f"{scores['calibration']['ece']:.3f} ({scores['calibration']['by_chance']:.3f})" in shown
    for label in scores["per_class"]:
        del label["by_confidence"]
    for key in ("by_chance", "by_chance_95"):
        del scores["calibration"][key]
    older = model_card(tiny(metrics={"split": "val", "views": "single", **scores})[1].to_dict())
    assert "predicted as" not in older
    assert f"| {scores['calibration']['ece']:.3f} |" in older
