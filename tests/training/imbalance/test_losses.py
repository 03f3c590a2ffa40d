from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fer_spark.training.imbalance.losses import (
    AdjustedSurprise,
    FocalSurprise,
    MeanLoss,
    SoftF1,
    Surprise,
    make_loss,
)
from fer_spark.training.imbalance.settings import LOSSES, ImbalanceSettings

LN2 = math.log(2)
COUNTS = np.array([8, 1, 1])
# softmax of these is (1/2, 1/4, 1/4) and (1/10, 2/10, 7/10)
LOGITS = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]).log() + torch.tensor([[3.0], [-1.0]])
TARGETS = torch.tensor([0, 2])


def weights(*values: float) -> torch.Tensor:
    return torch.tensor(values)


def drawn(rows: int = 40, classes: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(3)
    return torch.randn(rows, classes, generator=random) * 2, torch.randint(0, classes, (rows,), generator=random)


def test_cross_entropy_by_hand() -> None:
    loss = MeanLoss(Surprise(), torch.ones(3))
    assert loss(LOGITS, TARGETS).item() == pytest.approx((LN2 - math.log(0.7)) / 2)
    weighted = MeanLoss(Surprise(), weights(2.0, 1.0, 1.0))  # 2 · ln 2 and 1 · -ln 0.7, over 2 + 1
    assert weighted(LOGITS, TARGETS).item() == pytest.approx((2 * LN2 - math.log(0.7)) / 3)
    # ε = 0.3 of 3 classes: 0.8 on the label, 0.1 on each other, whose probabilities are 1/4
    smooth = MeanLoss(Surprise(), torch.ones(3), label_smoothing=0.3)
    assert smooth(LOGITS[:1], TARGETS[:1]).item() == pytest.approx(0.8 * LN2 + 0.2 * 2 * LN2)
    # soft label half and half: 1/2 · ln 2 + 1/2 · 2 ln 2
    assert loss(LOGITS[:1], weights(0.5, 0.5, 0.0)[None]).item() == pytest.approx(1.5 * LN2)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("values", [(1.0, 1.0, 1.0, 1.0, 1.0), (0.2, 3.0, 1.0, 0.5, 7.0)])
def test_cross_entropy_is_that_of_torch(smoothing: float, values: tuple[float, ...]) -> None:
    logits, targets = drawn()
    expected = F.cross_entropy(logits, targets, weight=weights(*values), label_smoothing=smoothing)
    assert MeanLoss(Surprise(), weights(*values), smoothing)(logits, targets).item() == pytest.approx(expected.item())


def test_focal_by_hand() -> None:
    loss = MeanLoss(FocalSurprise(gamma=2.0, alpha=0.25), torch.ones(3))
    assert loss(LOGITS[:1], TARGETS[:1]).item() == pytest.approx(0.25 * 0.5**2 * LN2)
    # half and half: 1/2 · (1/2)² · ln 2 + 1/2 · (3/4)² · 2 ln 2, times α
    expected = 0.25 * (0.5 * 0.25 * LN2 + 0.5 * 0.5625 * 2 * LN2)
    assert loss(LOGITS[:1], weights(0.5, 0.5, 0.0)[None]).item() == pytest.approx(expected)
    # class weights are the paper's α_t: row losses 0.25 · ln 2 and 0.09 · -ln 0.7, weights 2 and 1
    weighted = MeanLoss(FocalSurprise(2.0, 1.0), weights(2.0, 1.0, 1.0))
    assert weighted(LOGITS, TARGETS).item() == pytest.approx((2 * 0.25 * LN2 - 0.09 * math.log(0.7)) / 3)


def test_focal_without_focus_is_cross_entropy_and_sure_rows_have_finite_gradients() -> None:
    logits, targets = drawn()
    plain = MeanLoss(Surprise(), weights(1, 2, 3, 4, 5), 0.1)(logits, targets)
    assert MeanLoss(FocalSurprise(0.0, 1.0), weights(1, 2, 3, 4, 5), 0.1)(logits, targets).item() == pytest.approx(
        plain.item()
    )
    for gamma in (0.0, 0.5, 2.0):
        sure = torch.tensor([[200.0, 0.0], [0.0, 1.0]], requires_grad=True)
        MeanLoss(FocalSurprise(gamma, 1.0), torch.ones(2))(sure, torch.tensor([0, 0])).backward()
        assert sure.grad is not None
        assert torch.isfinite(sure.grad).all()


def test_logit_adjustment_by_hand() -> None:
    # equal logits, priors 0.8, 0.1, 0.1: the label's share is its prior; τ = 2: 0.01 of 0.64 + 0.01 + 0.01
    for tau, share in ((1.0, 0.1), (2.0, 1 / 66), (0.0, 1 / 3)):
        loss = MeanLoss(AdjustedSurprise(COUNTS, tau), torch.ones(3))
        assert loss(torch.zeros(1, 3), torch.tensor([1])).item() == pytest.approx(-math.log(share))


def test_logit_adjustment_with_equal_priors_is_cross_entropy_and_an_empty_class_stays_finite() -> None:
    logits, targets = drawn()
    plain = MeanLoss(Surprise(), torch.ones(5), 0.1)(logits, targets)
    equal = MeanLoss(AdjustedSurprise(np.full(5, 70), 1.0), torch.ones(5), 0.1)(logits, targets)
    assert equal.item() == pytest.approx(plain.item(), rel=1e-5)
    empty = make_loss(ImbalanceSettings(loss="logit_adjusted"), np.array([50, 0, 9]), 0.1)
    assert math.isfinite(empty(torch.zeros(2, 3), torch.tensor([0, 2])).item())


def test_soft_f1_by_hand() -> None:
    # shares (0.8, 0.2) labelled 0 and (0.4, 0.6) labelled 1.
    # class 0: TP 0.8, FP 0.4, FN 0.2: 1.6 / 2.2; class 1: TP 0.6, FP 0.2, FN 0.4: 1.2 / 1.8
    logits = torch.tensor([[0.8, 0.2], [0.4, 0.6]]).log()
    expected = 1 - (1.6 / 2.2 + 1.2 / 1.8) / 2
    assert SoftF1(2)(logits, torch.tensor([0, 1])).item() == pytest.approx(expected)
    # a third class that the batch has no label of does not count
    third = torch.cat([logits, torch.full((2, 1), -1e9)], 1)
    assert SoftF1(3)(third, torch.tensor([0, 1])).item() == pytest.approx(expected)
    # the second row twice as heavy: class 0: 1.6 / (1 + 0.8 + 2 · 0.4), class 1: 2.4 / (2 + 0.2 + 2 · 0.6)
    heavy = SoftF1(2)(logits, torch.tensor([0, 1]), torch.tensor([1.0, 2.0]))
    assert heavy.item() == pytest.approx(1 - (1.6 / 2.6 + 2.4 / 3.4) / 2)


def test_soft_f1_is_zero_for_what_is_right_and_one_for_what_is_wrong() -> None:
    targets = torch.tensor([0, 1, 2, 2])
    sure = F.one_hot(targets, 3).float() * 200
    assert SoftF1(3)(sure, targets).item() == pytest.approx(0.0, abs=1e-6)
    assert SoftF1(3)(sure, (targets + 1) % 3).item() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_takes_soft_labels_padding_and_rows_without_a_label(name: str) -> None:
    kind = "none" if name == "soft_f1" else "sqrt_inverse"
    loss = make_loss(ImbalanceSettings(loss=name, class_weights=kind), np.array([40, 9, 3, 1, 20]), 0.1)
    logits, targets = drawn()
    plain = loss(logits, targets)
    assert loss(logits, F.one_hot(targets, 5).float()).item() == pytest.approx(plain.item())
    assert loss(logits, targets, torch.full((40,), 3.0)).item() == pytest.approx(plain.item(), rel=1e-5)
    # padding (weight 0, with a NaN in it) and rows without a label, hard or soft, change nothing
    more = torch.cat([logits, torch.full((1, 5), float("nan")), torch.randn(1, 5)]).requires_grad_()
    weight = torch.ones(42)
    weight[40] = 0
    padded = loss(more, torch.cat([targets, torch.tensor([2, -1])]), weight)
    assert padded.item() == pytest.approx(plain.item())
    padded.backward()
    assert more.grad is not None
    assert torch.isfinite(more.grad).all()
    assert more.grad[40:].abs().sum() == 0
    assert (more.grad[:40].abs().sum(1) > 0).all()
    soft = torch.cat([F.one_hot(targets, 5).float(), torch.full((1, 5), float("nan")), torch.zeros(1, 5)])
    assert loss(more, soft).item() == pytest.approx(plain.item())
    # nothing to count: 0, and gradients of 0
    nothing = torch.randn(3, 5, requires_grad=True)
    none = loss(nothing, torch.full((3,), -1))
    none.backward()
    assert none.item() == 0
    assert nothing.grad is not None
    assert nothing.grad.abs().sum() == 0


def test_no_loss_is_another_under_its_name() -> None:
    logits, targets = drawn()
    counts = np.array([40, 9, 3, 1, 20])
    values = [make_loss(ImbalanceSettings(loss=name), counts)(logits, targets).item() for name in LOSSES]
    assert len({round(value, 6) for value in values}) == len(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
def test_going_down_the_gradient_lowers_the_loss(name: str) -> None:
    loss = make_loss(ImbalanceSettings(loss=name), np.array([40, 9, 3, 1, 20]))
    logits, targets = drawn()
    logits.requires_grad_()
    before = loss(logits, targets)
    before.backward()
    assert logits.grad is not None
    assert loss(logits - 0.5 * logits.grad / logits.grad.abs().max(), targets) < before


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "logit_adjusted"])
def test_ranks_scaled_by_their_weight_agree_with_one_rank(name: str) -> None:
    loss = make_loss(ImbalanceSettings(loss=name, class_weights="inverse"), np.array([40, 9, 3, 1, 20]))
    logits, targets = drawn()
    halves = [(logits[:11], targets[:11]), (logits[11:], targets[11:])]
    totals = torch.stack([loss.total_weight(t) for _, t in halves])
    scaled = [loss(x, t) * total * 2 / totals.sum() for (x, t), total in zip(halves, totals, strict=True)]
    assert (sum(scaled) / 2).item() == pytest.approx(loss(logits, targets).item())


def test_weights_and_priors_are_those_of_the_rows_as_drawn() -> None:
    counts = np.array([90, 10])
    logits, targets = torch.tensor([[0.3, -0.2], [1.0, 0.5]]), torch.tensor([1, 0])
    plain = F.cross_entropy(logits, targets).item()
    for extra in ({"class_weights": "inverse"}, {"loss": "logit_adjusted"}):
        balanced = make_loss(ImbalanceSettings(sampler="balanced", **extra), counts)
        assert balanced(logits, targets).item() == pytest.approx(plain)
        natural = make_loss(ImbalanceSettings(**extra), counts)
        assert natural(logits, targets).item() != pytest.approx(plain, rel=1e-3)
    # undersampled to 30: 30 and 10 rows, weights 40 / (2 · 30) and 40 / (2 · 10)
    under = make_loss(ImbalanceSettings(sampler="undersample", undersample_to=30, class_weights="inverse"), counts)
    assert under.class_weights.tolist() == pytest.approx([2 / 3, 2.0])


def test_wrong_shapes_and_settings_are_refused() -> None:
    loss = make_loss(ImbalanceSettings(), np.array([4, 5]))
    with pytest.raises(ValueError, match=r"expected logits \(N, 2\) and N targets, got logits \(3, 4\)"):
        loss(torch.zeros(3, 4), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(ValueError, match="label smoothing: 1"):
        make_loss(ImbalanceSettings(), np.array([4, 5]), 1.0)
    with pytest.raises(RuntimeError):
        loss(torch.zeros(1, 2), torch.tensor([2]))
