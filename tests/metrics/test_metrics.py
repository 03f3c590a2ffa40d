"""Scores against cases worked by hand, against scikit-learn, and intervals against the binomial distribution."""

from __future__ import annotations

import json
import math

import numpy as np
import numpy.typing as npt
import pytest
from sklearn import metrics as oracle

from fer_spark import metrics
from fer_spark.metrics.probabilities import fit_across_halves

# 5 rows of a, 3 of b, 2 of c, none of d; d is predicted once, c never.
HAND_TRUE = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 2])
HAND_PREDICTED = np.array([0, 0, 0, 0, 1, 1, 1, 0, 0, 3])
HAND_COUNTS = [[4, 1, 0, 0], [1, 2, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0]]


def _one_hot(predicted: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.float64]:
    return np.eye(classes)[predicted]


def _drawn(rows: int, classes: int, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Labels with unequal classes, and probabilities that know something about them."""
    rng = np.random.default_rng(seed)
    share = np.arange(1, classes + 1) ** 2.0
    true = rng.choice(classes, size=rows, p=share / share.sum())
    logits = rng.normal(size=(rows, classes)) + 1.5 * np.eye(classes)[true]
    raised = np.exp(logits)
    return true, raised / raised.sum(axis=1, keepdims=True)


def test_scores_of_a_case_worked_by_hand() -> None:
    scores = metrics.evaluate(HAND_TRUE, _one_hot(HAND_PREDICTED, 4), ["a", "b", "c", "d"], min_support=3)
    assert scores.confusion.tolist() == HAND_COUNTS
    assert scores.accuracy == pytest.approx(0.6)
    assert scores.balanced_accuracy == pytest.approx((4 / 5 + 2 / 3 + 0) / 3)
    a, b, c, d = scores.per_class
    assert (a.precision, a.recall, a.f1) == pytest.approx((4 / 6, 4 / 5, 8 / 11))
    assert (b.precision, b.recall, b.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (c.precision, c.recall, c.f1) == (0, 0, 0)
    assert (c.support, c.predicted, d.support, d.predicted) == (2, 0, 0, 1)
    assert d.precision == 0
    assert math.isnan(d.recall)
    assert math.isnan(d.f1)
    assert scores.macro.precision == pytest.approx((4 / 6 + 2 / 3) / 3)
    assert scores.macro.f1 == pytest.approx((8 / 11 + 2 / 3) / 3)
    assert scores.weighted.f1 == pytest.approx((5 * 8 / 11 + 3 * 2 / 3) / 10)
    assert scores.weighted.recall == pytest.approx(scores.accuracy)
    assert scores.macro_f1_supported == pytest.approx((8 / 11 + 2 / 3) / 2)  # a and b have 3 rows or more


def test_row_rates_are_recalls_on_the_diagonal_and_unknown_without_support() -> None:
    rates = metrics.row_rates(np.array(HAND_COUNTS))
    assert rates[0] == pytest.approx([0.8, 0.2, 0, 0])
    assert rates[2] == pytest.approx([0.5, 0, 0, 0.5])
    assert np.isnan(rates[3]).all()


@pytest.mark.parametrize(("rows", "classes", "seed"), [(400, 2, 1), (777, 7, 2), (60, 11, 3)])
def test_scores_equal_those_of_scikit_learn(rows: int, classes: int, seed: int) -> None:
    true, probabilities = _drawn(rows, classes, seed)
    predicted = probabilities.argmax(axis=1)
    names = [f"class {k}" for k in range(classes)]
    held = sorted(set(true.tolist()))
    scores = metrics.evaluate(true, probabilities, names)
    assert scores.accuracy == pytest.approx(oracle.accuracy_score(true, predicted))
    assert scores.balanced_accuracy == pytest.approx(oracle.balanced_accuracy_score(true, predicted))
    for kind, average in (("macro", scores.macro), ("weighted", scores.weighted)):
        expected = oracle.precision_recall_fscore_support(true, predicted, labels=held, average=kind, zero_division=0)
        assert (average.precision, average.recall, average.f1) == pytest.approx(expected[:3])
    expected = oracle.precision_recall_fscore_support(true, predicted, labels=held, zero_division=0)
    got = [scores.per_class[k] for k in held]
    assert [one.precision for one in got] == pytest.approx(expected[0])
    assert [one.recall for one in got] == pytest.approx(expected[1])
    assert [one.f1 for one in got] == pytest.approx(expected[2])
    assert [one.support for one in got] == expected[3].tolist()
    every = list(range(classes))
    assert scores.confusion.tolist() == oracle.confusion_matrix(true, predicted, labels=every).tolist()
    assert scores.log_loss == pytest.approx(oracle.log_loss(true, probabilities, labels=every))
    if classes > 2:
        assert scores.top2_accuracy == pytest.approx(
            oracle.top_k_accuracy_score(true, probabilities, k=2, labels=every)
        )
    brier = oracle.brier_score_loss(true == 1, probabilities[:, 1]) if classes == 2 else None
    assert brier is None or scores.brier == pytest.approx(2 * brier)  # ours sums over both classes


def test_rare_classes_leave_the_supported_mean_alone() -> None:
    true = np.repeat([0, 1, 2], [20, 19, 30])
    predicted = np.where(true == 1, 0, true)
    scores = metrics.evaluate(true, _one_hot(predicted, 3), "abc", min_support=20)
    assert scores.macro_f1_supported == pytest.approx((40 / 59 + 1) / 2)
    assert scores.macro.f1 == pytest.approx((40 / 59 + 0 + 1) / 3)


def test_calibration_error_worked_by_hand() -> None:
    # bins of 1/15: 0.60 closes (8/15, 9/15]; 0.61 opens (9/15, 10/15]; 1.0 is in the last
    confidence = np.array([0.60, 0.60, 0.61, 1.0])
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    true = np.array([0, 1, 1, 0])
    found = metrics.calibration(true, probabilities)
    assert [(i, one.rows) for i, one in enumerate(found.bins) if one.rows] == [(8, 2), (9, 1), (14, 1)]
    assert found.ece == pytest.approx((2 * 0.10 + 1 * 0.61 + 1 * 0.0) / 4)
    assert found.mce == pytest.approx(0.61)
    assert found.bins[8].accuracy == pytest.approx(0.5)
    assert found.bins[8].confidence == pytest.approx(0.6)
    assert math.isnan(found.bins[0].confidence)


def test_calibration_error_equals_that_of_torchmetrics() -> None:
    torchmetrics = pytest.importorskip("torchmetrics.functional.classification")
    import torch

    true, probabilities = _drawn(2000, 7, 5)
    expected = torchmetrics.multiclass_calibration_error(
        torch.from_numpy(probabilities), torch.from_numpy(true), num_classes=7, n_bins=15, norm="l1"
    )
    assert metrics.calibration(true, probabilities).ece == pytest.approx(float(expected), abs=1e-5)


def _labels_of(probabilities: np.ndarray, seed: int) -> np.ndarray:
    """Labels drawn by the probabilities themselves: perfectly calibrated."""
    drawn = np.random.default_rng(seed).random((len(probabilities), 1))
    return np.minimum((probabilities.cumsum(axis=1) < drawn).sum(axis=1), probabilities.shape[1] - 1)


@pytest.mark.parametrize("rows", [200, 2000])
def test_calibration_error_by_chance_is_what_calibrated_probabilities_show(rows: int) -> None:
    _, probabilities = _drawn(rows, 7, 5)
    found = [metrics.calibration(_labels_of(probabilities, seed), probabilities) for seed in range(400)]
    errors = np.array([one.ece for one in found])
    assert found[0].by_chance == pytest.approx(errors.mean(), rel=0.06)
    assert (errors < found[0].by_chance_95).mean() == pytest.approx(0.95, abs=0.03)


def test_halves_that_fit_each_other_know_nothing_of_themselves() -> None:
    labels, probabilities = _drawn(400, 5, 3)
    logits = np.log(probabilities) * 3  # three times too sure
    across = fit_across_halves(logits, labels)
    changed = labels.copy()
    changed[::2] = (changed[::2] + 1) % 5
    others = fit_across_halves(logits, changed)
    assert np.array_equal(across[::2], others[::2]), "their temperature comes from the odd rows"
    assert not np.allclose(across[1::2], others[1::2])
    assert np.allclose(across[::2], metrics.softmax(logits[::2] / metrics.fit_temperature(logits[1::2], labels[1::2])))


def test_what_a_confidence_is_worth_worked_by_hand() -> None:
    confidence = np.array([0.55, 0.7, 0.71, 0.95, 0.95, 0.4])
    probabilities = np.stack([confidence, (1 - confidence) / 2, (1 - confidence) / 2], axis=1)
    probabilities[5] = [0.3, 0.4, 0.3]
    scores = metrics.evaluate(np.array([0, 1, 0, 0, 2, 1]), probabilities, "abc")
    first = [(one.rows, one.accuracy) for one in scores.per_class[0].by_confidence]
    assert first[1:] == [(2, 0.5), (1, 1.0), (2, 0.5)]
    assert first[0][0] == 0
    assert next((one.rows, one.confidence) for one in scores.per_class[1].by_confidence) == (1, pytest.approx(0.4))
    assert sum(one.rows for label in scores.per_class for one in label.by_confidence) == 6


def test_log_loss_brier_and_top_two_worked_by_hand() -> None:
    true = np.array([0, 2])
    probabilities = np.array([[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]])
    assert metrics.log_loss(true, probabilities) == pytest.approx(-(math.log(0.5) + math.log(0.1)) / 2)
    first, second = 0.5**2 + 0.3**2 + 0.2**2, 0.6**2 + 0.3**2 + 0.9**2
    assert metrics.brier_score(true, probabilities) == pytest.approx((first + second) / 2)
    assert metrics.top_k_accuracy(true, probabilities, 1) == 0.5
    assert metrics.top_k_accuracy(true, probabilities, 2) == 0.5
    assert metrics.top_k_accuracy(true, probabilities, 3) == 1
    assert math.isfinite(metrics.log_loss(np.array([1]), np.array([[1.0, 0.0]])))


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.5])
def test_temperature_comes_back_from_logits_that_were_scaled_by_it(temperature: float) -> None:
    rng = np.random.default_rng(11)
    logits = rng.normal(scale=2.0, size=(40_000, 5))
    honest = metrics.softmax(logits)
    labels = (rng.random(len(logits))[:, None] < honest.cumsum(axis=1)).argmax(axis=1)
    assert metrics.fit_temperature(logits * temperature, labels) == pytest.approx(temperature, rel=0.03)


def test_temperature_has_the_least_log_loss_and_keeps_the_answers() -> None:
    true, probabilities = _drawn(3000, 7, 8)
    logits = 4 * np.log(probabilities)
    best = metrics.fit_temperature(logits, true)
    losses = {t: metrics.log_loss(true, metrics.softmax(logits / t)) for t in (best, 0.98 * best, 1.02 * best, 1.0)}
    assert min(losses, key=lambda t: losses[t]) == best
    assert (metrics.softmax(logits / best).argmax(axis=1) == probabilities.argmax(axis=1)).all()


def test_interval_has_the_width_of_the_binomial() -> None:
    rows, share = 3589, 0.72
    right = round(rows * share)
    counts = np.array([[right // 2, (rows - right) // 2], [rows - right - (rows - right) // 2, right - right // 2]])
    interval = metrics.intervals(counts)["accuracy"]
    half = 1.96 * math.sqrt(share * (1 - share) / rows)
    assert half == pytest.approx(0.0147, abs=1e-4)  # the ±1.5 points of this test split
    assert interval.value == pytest.approx(share, abs=2e-4)
    assert interval.high - interval.value == pytest.approx(half, rel=0.12)
    assert interval.value - interval.low == pytest.approx(half, rel=0.12)
    assert metrics.intervals(counts)["accuracy"] == interval
    assert metrics.intervals(counts, seed=1)["accuracy"] != interval


def test_intervals_hold_the_true_accuracy_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for trial in range(300):
        right = rng.binomial(400, 0.7)
        found = metrics.intervals(np.array([[right, 400 - right], [0, 0]]), seed=trial)["accuracy"]
        held += found.low <= 0.7 <= found.high
    assert 0.91 <= held / 300 <= 0.98


def test_intervals_equal_those_of_drawing_rows_one_by_one() -> None:
    true, probabilities = _drawn(300, 4, 9)
    predicted = probabilities.argmax(axis=1)
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, 300, 300) for _ in range(1000)]
    scores = [oracle.f1_score(true[rows], predicted[rows], average="macro", zero_division=0) for rows in drawn]
    low, high = np.quantile(scores, [0.025, 0.975])
    interval = metrics.intervals(metrics.confusion_counts(true, predicted, 4), resamples=4000)["macro_f1"]
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.012)


def test_a_pair_on_the_same_rows_is_told_apart_where_each_alone_is_not() -> None:
    rows = 2000
    true = np.zeros(rows, dtype=np.int64)
    first = (np.arange(rows) < 600).astype(np.int64)  # 70.0 % right
    second = (np.arange(rows) < 560).astype(np.int64)  # 72.0 %: right on 40 rows more, wrong on none more
    apart = metrics.paired_difference(true, first, second, 2)["accuracy"]
    assert apart.value == pytest.approx(0.02)
    half = 1.96 * math.sqrt((0.02 - 0.02**2) / rows)
    assert apart.low == pytest.approx(0.02 - half, abs=0.0015)
    assert apart.high == pytest.approx(0.02 + half, abs=0.0015)
    alone = metrics.intervals(metrics.confusion_counts(true, first, 2))["accuracy"]
    assert alone.low < 0.72 < alone.high
    same = metrics.paired_difference(true, first, first, 2)["macro_f1"]
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_agreement_worked_by_hand() -> None:
    # x: mean 0, variance 2/3; y: mean 1/3, variance 2/9; covariance 1/3 → CCC = (2/3) / (2/3 + 2/9 + 1/9) = 2/3
    x, y = np.array([-1.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0])
    assert metrics.ccc(x, y) == pytest.approx(2 / 3)
    assert metrics.rmse(x, y) == pytest.approx(math.sqrt(1 / 3))
    assert metrics.pearson(x, y) == pytest.approx((1 / 3) / math.sqrt(2 / 3 * 2 / 9))
    assert metrics.ccc(x, x) == pytest.approx(1)
    assert metrics.ccc(x, -x) == pytest.approx(-1)
    assert math.isnan(metrics.ccc(np.ones(3), np.ones(3)))


def test_a_constant_has_no_correlation_whatever_its_digits() -> None:
    """The mean of three 0.1 is not 0.1: a deviation taken from it is not 0, and its quotients are noise."""
    for rows in (2, 3, 7, 100):
        same, other = np.full(rows, 0.1), np.linspace(-1, 1, rows)
        assert math.isnan(metrics.ccc(same, same))
        assert math.isnan(metrics.pearson(same, other))
        assert math.isnan(metrics.pearson(other, np.full(rows, -0.7)))
        assert metrics.ccc(same, np.full(rows, 0.3)) == 0
        assert metrics.ccc(same, other) == pytest.approx(0, abs=1e-12)


def test_rows_without_a_value_are_left_out_and_counted() -> None:
    found = metrics.agreement(np.array([-1.0, np.nan, 0.0, 1.0]), np.array([0.0, 9.0, 0.0, 1.0]))
    assert (found.rows, found.left_out) == (3, 1)
    assert found.ccc == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="1 predicted values are not finite"):
        metrics.agreement(np.array([0.0, 1.0]), np.array([0.0, np.nan]))


def test_everything_is_json_even_without_rows_or_with_classes_that_are_absent() -> None:
    for true in (HAND_TRUE, np.zeros(0, dtype=np.int64)):
        scores = metrics.evaluate(true, _one_hot(HAND_PREDICTED[: len(true)], 4), "abcd").to_dict()
        text = json.dumps(scores, allow_nan=False)
        assert json.loads(text) == scores
    assert scores["accuracy"] is None
    assert scores["rows"] == 0
    assert scores["per_class"][3]["recall"] is None


@pytest.mark.parametrize(
    ("true", "probabilities", "message"),
    [
        ([0, -1], [[0.5, 0.5]] * 2, "got -1 to 0; leave rows without a label"),
        ([0, 2], [[0.5, 0.5]] * 2, r"in \[0, 2\), got 0 to 2"),
        ([0], [[0.5, 0.5]] * 2, r"got \(1,\) and \(2, 2\)"),
        ([0, 1], [[0.5, 0.5], [np.nan, 0.5]], "1 rows of scores are not finite"),
        ([0, 1], [[0.2, 0.3, 0.5]] * 2, "3 columns of probabilities for 2 label names"),
    ],
)
def test_wrong_arguments_are_named(true: list[int], probabilities: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metrics.evaluate(np.array(true), np.array(probabilities), ["a", "b"])
