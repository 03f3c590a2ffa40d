from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import cosine_distances

from fer_spark.explaining.ridge import fit, fit_features, kernel_weights, r_squared, rank_correlation, top_overlap


def _problem(faces: int = 3, rows: int = 200, segments: int = 12, seed: int = 0):
    random = np.random.default_rng(seed)
    masks = random.integers(0, 2, (faces, rows, segments))
    masks[:, 0] = 1
    targets = random.random((faces, rows)) * 0.2 + masks @ random.normal(size=segments) * 0.1
    return masks, targets


def test_weights_of_masks_are_the_kernel_of_scikit_learns_cosine_distance() -> None:
    masks = _problem()[0][0]
    masks[5] = 0
    d = cosine_distances(masks, masks[:1]).ravel()
    d[5] = 1
    assert kernel_weights(masks, 0.25) == pytest.approx(np.sqrt(np.exp(-(d**2) / 0.25**2)), abs=1e-12)


def test_all_faces_at_once_equal_scikit_learns_ridge_one_by_one() -> None:
    masks, targets = _problem()
    weights = kernel_weights(masks, 0.25)
    ours = fit(masks, targets, weights)
    r2 = r_squared(masks, targets, weights, ours)
    for i in range(len(masks)):
        theirs = Ridge(alpha=1.0, fit_intercept=True).fit(masks[i], targets[i], sample_weight=weights[i])
        assert ours.weights[i] == pytest.approx(theirs.coef_, abs=1e-10)
        assert ours.intercept[i] == pytest.approx(theirs.intercept_, abs=1e-10)
        assert r2[i] == pytest.approx(theirs.score(masks[i], targets[i], sample_weight=weights[i]), abs=1e-10)


def test_rows_of_weight_zero_and_counted_repetitions_change_nothing() -> None:
    masks, targets = _problem(faces=1)
    weights = kernel_weights(masks, 0.25)
    plain = fit(masks, targets, weights)
    longer = fit(
        np.concatenate([masks, masks], axis=1),
        np.concatenate([targets, targets + 9], axis=1),
        np.concatenate([weights, 0 * weights], axis=1),
    )
    assert longer.weights == pytest.approx(plain.weights, abs=1e-12)
    twice = fit(np.repeat(masks, 2, axis=1), np.repeat(targets, 2, axis=1), np.repeat(weights, 2, axis=1))
    counted = fit(masks, targets, 2 * weights)
    assert counted.weights == pytest.approx(twice.weights, abs=1e-12)
    assert fit(masks, targets, 0 * weights).weights.tolist() == np.zeros((1, 12)).tolist()


def test_features_of_largest_weight_are_fitted_alone() -> None:
    masks, targets = _problem(faces=1)
    weights = kernel_weights(masks, 0.25)
    first = np.abs(Ridge(alpha=0.01).fit(masks[0], targets[0], sample_weight=weights[0]).coef_)
    chosen = np.argsort(-first)[:7]
    theirs = Ridge(alpha=1.0).fit(masks[0][:, chosen], targets[0], sample_weight=weights[0])
    ours = fit_features([(masks, targets, weights)], 7)
    assert ours.weights[0][chosen] == pytest.approx(theirs.coef_, abs=1e-10)
    assert np.flatnonzero(ours.weights[0]).tolist() == sorted(chosen)


def test_targets_that_do_not_vary_have_no_r_squared() -> None:
    masks, targets = _problem(faces=1)
    weights = kernel_weights(masks, 0.25)
    constant = 0 * targets + 0.3
    assert r_squared(masks, constant, weights, fit(masks, constant, weights)) == 0
    assert np.isnan(r_squared(masks, targets, 0 * weights, fit(masks, targets, weights)))


def test_agreement_of_two_explanations() -> None:
    first = np.array([5.0, -4, 3, 0, 1])
    assert top_overlap(first, np.array([0.0, 9, -8, 7, 1]), 3) == pytest.approx(2 / 4)
    assert rank_correlation(first, first**3) == pytest.approx(1)
    assert rank_correlation(first, -first) == pytest.approx(-1)
    assert rank_correlation(np.array([1.0, 1, 2, 3]), np.array([1.0, 2, 3, 4])) == pytest.approx(0.9486833)  # by hand
    assert np.isnan(rank_correlation(np.zeros(3), np.arange(3.0)))


def test_weights_that_differ_by_rounding_alone_are_equal() -> None:
    first, rounding = np.array([0.4, 0.1, 0.1, 0.1, 0.0]), np.array([0, 1e-15, 3e-15, -2e-15, -1e-16])
    other = np.array([0.1, 0.4, 0.3, 0.2, 0.0])
    assert rank_correlation(first + rounding, other) == rank_correlation(first, other)
    assert top_overlap(first + rounding, other, 2) == top_overlap(first, other, 2) == pytest.approx(1 / 3)
    assert rank_correlation(first * 1e-12 + rounding * 1e-12, other) == rank_correlation(first, other)
