"""The FER+ rule, against cases worked by hand from its authors' description."""

from __future__ import annotations

import pytest

from fer_spark.sources.votes import CHOICES, decide


def _votes(**counts: int) -> list[int]:
    return [counts.get(choice, 0) for choice in CHOICES]


@pytest.mark.parametrize(
    ("votes", "label"),
    [
        (_votes(angry=10), "angry"),
        (_votes(happy=6, neutral=4), "happy"),
        (_votes(happy=5, neutral=5), "unknown"),  # half is not more than half
        (_votes(sad=4, neutral=3, happy=1, fear=1, angry=1), "sad"),  # single votes do not count: 4 of 7
        (_votes(sad=4, neutral=2, fear=2, angry=2), "unknown"),
        (_votes(unknown=7, neutral=3), "unknown"),
        (_votes(nonface=10), "nonface"),
        (_votes(neutral=1, happy=1, sad=1), "unknown"),
    ],
)
def test_majority(votes: list[int], label: str) -> None:
    name, shares = decide(votes, "majority")
    assert name == label
    assert shares == [1.0 if label in CHOICES[:8] and choice == label else 0.0 for choice in CHOICES[:8]]


@pytest.mark.parametrize(
    ("votes", "label", "shares"),
    [
        (_votes(happy=8, neutral=2), "happy", {"happy": 1.0}),  # 8 of 10 is already over 75 %
        (_votes(happy=6, neutral=4), "happy", {"happy": 0.6, "neutral": 0.4}),
        (_votes(sad=5, angry=3, fear=2), "sad", {"sad": 0.625, "angry": 0.375}),
        (_votes(sad=4, neutral=2, fear=2, angry=2), "unknown", {}),  # four choices are too many
        (_votes(sad=4, unknown=3, neutral=3), "sad", {"sad": 4 / 7, "neutral": 3 / 7}),
        (_votes(unknown=6, sad=4), "unknown", {}),
        (_votes(nonface=9), "nonface", {}),
        (_votes(sad=4, unknown=4, fear=2), "unknown", {}),  # 4 of 10 is not over half
    ],
)
def test_soft(votes: list[int], label: str, shares: dict[str, float]) -> None:
    name, found = decide(votes, "soft")
    assert name == label
    assert found == pytest.approx([shares.get(choice, 0.0) for choice in CHOICES[:8]])
