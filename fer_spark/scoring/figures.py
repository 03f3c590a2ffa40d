"""Counts of a run of scoring, or of one commit of it, that can be added up: pictures, faces, labels, confidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fer_spark.rows import NOT_BAD

_FINE = NOT_BAD | {"already_known"}
BINS = 10
"""Of the confidence histogram: [0, 0.1), [0.1, 0.2) … [0.9, 1]."""


@dataclass(frozen=True)
class Figures:
    """`pictures` = `scored_pictures` + the sum of `not_scored`, which counts by status.

    `labels` counts faces by label, `confidence_sums` sums their confidence; `confidence_bins` has BINS counts.
    """

    pictures: int = 0
    scored_pictures: int = 0
    faces: int = 0
    abstained: int = 0
    not_scored: dict[str, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    confidence_sums: dict[str, float] = field(default_factory=dict)
    confidence_bins: list[int] = field(default_factory=lambda: [0] * BINS)

    def check(self) -> None:
        """Raise RuntimeError if the counts do not add up."""
        total = self.scored_pictures + sum(self.not_scored.values())
        if total != self.pictures or sum(self.labels.values()) != self.faces:
            raise RuntimeError(
                f"rows do not add up: {self.pictures:,} pictures in, {self.scored_pictures:,} scored and "
                f"{sum(self.not_scored.values()):,} not; {self.faces:,} faces, {sum(self.labels.values()):,} labels"
            )

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.pictures + other.pictures,
            self.scored_pictures + other.scored_pictures,
            self.faces + other.faces,
            self.abstained + other.abstained,
            _added(self.not_scored, other.not_scored),
            _added(self.labels, other.labels),
            {
                name: self.confidence_sums.get(name, 0.0) + other.confidence_sums.get(name, 0.0)
                for name in sorted(self.confidence_sums.keys() | other.confidence_sums.keys())
            },
            [a + b for a, b in zip(self.confidence_bins, other.confidence_bins, strict=True)],
        )

    @property
    def bad_fraction(self) -> float:
        """Pictures that should have given a face and did not, as a share of all: see rows.NOT_BAD."""
        bad = sum(count for status, count in self.not_scored.items() if status not in _FINE)
        return bad / self.pictures if self.pictures else 0.0

    @property
    def mean_confidence(self) -> float | None:
        """Over all faces; None without any."""
        return sum(self.confidence_sums.values()) / self.faces if self.faces else None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Figures:
        """Raises TypeError for fields that are none of these."""
        return cls(**content)


def _added(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    return {name: first.get(name, 0) + second.get(name, 0) for name in sorted(first.keys() | second.keys())}
