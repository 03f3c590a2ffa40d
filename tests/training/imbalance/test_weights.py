from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from fer_spark.training.imbalance.settings import CLASS_WEIGHTS, ImbalanceSettings
from fer_spark.training.imbalance.weights import class_weights, effective, inverse, sqrt_inverse


def test_inverse_by_hand_and_as_scikit_learn_has_it() -> None:
    # 10 rows, 3 classes: 10 / (3 · 1), 10 / (3 · 4), 10 / (3 · 5)
    found = inverse(np.array([1, 4, 5]))
    assert found == pytest.approx([10 / 3, 10 / 12, 10 / 15])
    labels = np.repeat([0, 1, 2], [1, 4, 5])
    assert found == pytest.approx(compute_class_weight("balanced", classes=np.arange(3), y=labels))


def test_square_root_by_hand() -> None:
    # 21 rows, roots 1 + 2 + 4 = 7: 21 / (7 · 1), 21 / (7 · 2), 21 / (7 · 4)
    assert sqrt_inverse(np.array([1, 4, 16])) == pytest.approx([3.0, 1.5, 0.75])


def test_effective_number_by_hand() -> None:
    # β = 1/2: effective numbers 1, 1 + 1/2, 1 + 1/2 + 1/4; inverses 1, 2/3, 4/7;
    # sum of rows · inverse = 1 + 4/3 + 12/7 = 85/21, to become 6 rows: times 126/85
    assert effective(np.array([1, 2, 3]), 0.5) == pytest.approx([126 / 85, 84 / 85, 72 / 85])


def test_effective_number_goes_from_none_to_inverse() -> None:
    counts = np.array([436, 3171, 7215])
    assert effective(counts, 0.0) == pytest.approx([1.0, 1.0, 1.0])
    assert effective(counts, 1 - 1e-12) == pytest.approx(inverse(counts), rel=1e-6)
    # β = 0.999: 1 - 0.999^436 = 0.353527…, and 0.958100… for 3171 rows
    one, two, _ = effective(counts, 0.999)
    assert one / two == pytest.approx((1 - 0.999**3171) / (1 - 0.999**436))
    assert one / two == pytest.approx(2.7105, abs=2e-3)


@pytest.mark.parametrize("kind", [kind for kind in CLASS_WEIGHTS if kind != "none"])
def test_the_mean_over_rows_is_one_and_an_empty_class_weighs_nothing(kind: str) -> None:
    counts = np.array([7, 0, 100, 1])
    weights = class_weights(ImbalanceSettings(class_weights=kind), counts)
    assert weights is not None
    assert weights[1] == 0
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1.0)
    assert weights[3] > weights[0] > weights[2] > 0
    assert weights[[0, 2, 3]] == pytest.approx(class_weights(ImbalanceSettings(class_weights=kind), counts[[0, 2, 3]]))


def test_none_is_no_weights_and_bad_counts_are_refused() -> None:
    assert class_weights(ImbalanceSettings(), np.array([1, 2])) is None
    for bad in ([0, 0], [-1, 2], [], [[1, 2]]):
        with pytest.raises(ValueError, match="rows per class"):
            inverse(np.array(bad))
    with pytest.raises(ValueError, match="β is 1"):
        effective(np.array([1, 2]), 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ImbalanceSettings(loss="hinge"), "--loss: 'hinge', expected one of cross_entropy"),
        (ImbalanceSettings(undersample_to=-1), "--undersample-to: -1, expected 0 or more"),
        (ImbalanceSettings(focal_gamma=float("nan")), "--focal-gamma: nan, expected 0 or more"),
        (ImbalanceSettings(focal_alpha=0), "--focal-alpha: 0, expected more than 0"),
        (ImbalanceSettings(effective_beta=1.0), "--effective-beta: 1.0, expected 0 or more and less than 1"),
        (ImbalanceSettings(loss="soft_f1", class_weights="inverse"), "--loss soft_f1"),
    ],
)
def test_settings_that_cannot_be_are_named(settings: ImbalanceSettings, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings.check()


def test_a_number_that_nothing_chosen_looks_at_is_named() -> None:
    with pytest.raises(ValueError, match="--undersample-to goes with --sampler undersample, not natural"):
        ImbalanceSettings(undersample_to=60).check_used()
    with pytest.raises(ValueError, match="--focal-gamma goes with --loss focal, not cross_entropy"):
        ImbalanceSettings(focal_gamma=0.0).check_used()
    ImbalanceSettings(sampler="undersample", undersample_to=60, loss="focal", focal_gamma=0.0).check_used()
