"""Figures of a scoring report, from counts alone: by hand, and as the faces themselves give them."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from fer_spark import metrics
from fer_spark.reports.scoring.figures import (
    FINE,
    Cell,
    answering,
    calibration_of,
    confusion,
    histogram,
    label_counts,
    labelled,
    mean_confidences,
)

LABELS = ["angry", "happy", "sad"]
HAND = [
    Cell("happy", "happy", False, 59, 6, 5.94),  # (0.983, 1]
    Cell("happy", "sad", False, 30, 3, 1.53),  # (0.5, 0.517]
    Cell("sad", "sad", True, 29, 1, 0.5),  # up to 0.5
    Cell("angry", None, False, 0, 2, 0.02),
    Cell("angry", "contempt", False, 44, 4, 2.96),  # a label that the model does not know
]


def test_counts_by_hand() -> None:
    assert label_counts(HAND) == {"happy": 9, "sad": 1, "angry": 6}
    assert mean_confidences(HAND) == pytest.approx({"happy": 7.47 / 9, "sad": 0.5, "angry": 2.98 / 6})
    assert confusion(HAND, LABELS).tolist() == [[0, 0, 0], [0, 6, 0], [0, 3, 1]]
    assert sum(cell.faces for cell in labelled(HAND, LABELS)) == 10


def test_the_histogram_tells_right_wrong_and_unknown_apart() -> None:
    columns = histogram(HAND)
    assert len(columns) == 20
    assert [(one.right, one.wrong, one.unknown) for one in columns if one.faces] == [
        (0, 0, 2),  # the lowest
        (1, 0, 0),  # (0.45, 0.5]
        (0, 3, 0),  # (0.5, 0.55]
        (0, 4, 0),  # (0.7, 0.75]
        (6, 0, 0),  # the highest
    ]
    assert (columns[9].lower, columns[9].upper, columns[9].faces) == (0.45, 0.5, 1)


def test_abstaining_by_hand() -> None:
    found = {one.threshold: (one.coverage, one.accuracy) for one in answering(labelled(HAND, LABELS))}
    assert found[0.0] == pytest.approx((1, 0.7))
    assert found[0.5] == pytest.approx((0.9, 6 / 9))
    assert found[0.6] == pytest.approx((0.6, 1))
    assert found[0.9] == pytest.approx((0.6, 1))
    assert list(answering([])) == []
    assert 0.9 not in {one.threshold for one in answering([Cell("a", "a", False, 10, 1, 0.2)])}


def test_calibration_from_counts_is_that_of_the_faces() -> None:
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet([0.7, 1.1, 0.4], 4000)
    given = rng.integers(0, 3, 4000)
    said, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    groups: Counter[tuple[int, int, int]] = Counter()
    sums: dict[tuple[int, int, int], float] = {}
    for key, value in zip(zip(said, given, np.ceil(sure * FINE).astype(int) - 1, strict=True), sure, strict=True):
        groups[key] += 1
        sums[key] = sums.get(key, 0.0) + value
    cells = [Cell(LABELS[a], LABELS[b], False, int(c), count, sums[a, b, c]) for (a, b, c), count in groups.items()]
    ours, theirs = calibration_of(cells), metrics.calibration(given, probabilities)
    assert ours.ece == pytest.approx(theirs.ece, abs=1e-12)
    assert ours.mce == pytest.approx(theirs.mce, abs=1e-12)
    for one, other in zip(ours.bins, theirs.bins, strict=True):
        assert (one.lower, one.upper, one.rows) == (other.lower, other.upper, other.rows)
        if one.rows:
            assert (one.confidence, one.accuracy) == pytest.approx((other.confidence, other.accuracy))


def test_no_labelled_face_has_no_calibration() -> None:
    assert math.isnan(calibration_of([]).ece)
