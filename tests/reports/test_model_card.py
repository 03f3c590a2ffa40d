"""What a bundle's page says of who taught it."""

from __future__ import annotations

from typing import Any

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


def test_without_teachers_none_is_named() -> None:
    assert "taught by" not in page(teachers=[], train={"distill_weight": 0.7, "distill_temperature": 2.0})
    assert "taught by" not in page()
