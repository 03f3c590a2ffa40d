"""Targets and the losses beside classification, against hand-worked cases."""

from __future__ import annotations

import math

import pytest
import torch

from fer_spark.training.averaging import AveragedNetwork
from fer_spark.training.targets import ccc_loss, distillation_loss, mixing, soften


def test_soft_labels_take_their_share_where_there_are_votes() -> None:
    votes = torch.tensor([[0.0, 0.5, 0.5], [0.0, 0.0, 0.0]])
    found = soften(torch.tensor([0, 2]), votes, 0.4, 3)
    assert torch.allclose(found, torch.tensor([[0.6, 0.2, 0.2], [0, 0, 1.0]]))
    assert torch.equal(soften(torch.tensor([1]), None, 0.4, 3), torch.tensor([[0.0, 1, 0]]))


def test_mixup_mixes_pictures_and_targets_by_one_share_and_leaves_rows_without_weight_alone() -> None:
    images = torch.arange(5.0).view(5, 1, 1, 1).expand(-1, 1, 2, 2)
    targets = torch.eye(5)
    weight = torch.tensor([1.0, 1, 0, 1, 1])
    mixes = mixing(weight, 0.4, seed=11)
    mixed, soft = mixes.mix(images), mixes.mix(targets)
    assert torch.allclose(soft.sum(1), torch.ones(5))
    assert torch.allclose(mixed[:, 0, 0, 0], soft @ torch.arange(5.0), atol=1e-5)
    assert torch.equal(soft[2], torch.eye(5)[2])
    assert not soft[[0, 1, 3, 4], 2].any()
    assert torch.equal(mixing(weight, 0.4, seed=11).mix(images), mixed)


def test_mixup_mixes_valence_with_the_pictures() -> None:
    values = torch.tensor([0.0, 0.25, 0.5, -0.75, 1.0])
    images = values.view(5, 1, 1, 1).expand(-1, 1, 2, 2)
    weight = torch.tensor([1.0, 1, 0, 1, 1])
    mixes = mixing(weight, 0.4, seed=11)
    mixed = mixes.mix(images)
    assert not torch.equal(mixed[:, 0, 0, 0], values)
    assert torch.equal(mixes.mix(values), mixed[:, 0, 0, 0])
    unknown = mixes.mix(torch.where(values == 1.0, math.nan, values))
    assert torch.equal(unknown.isnan(), mixes.mix(torch.eye(5))[:, 4] > 0)


def test_distillation_is_zero_at_the_teachers_mean_and_known_elsewhere() -> None:
    teachers = [torch.tensor([[2.0, 0.0]]), torch.tensor([[2.0, 0.0]])]
    assert distillation_loss(teachers[0], teachers, 3.0, torch.ones(1)).item() == pytest.approx(0, abs=1e-6)
    # T = 2: teacher (log 3)/… → p = (0.75, 0.25); pupil uniform: T² · Σ p log(p / 0.5) = 4 · (ln 2 - H(p))
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    found = distillation_loss(torch.zeros(1, 2), [torch.tensor([[2 * math.log(3.0), 0.0]])], 2.0, torch.ones(1))
    assert found.item() == pytest.approx(4 * (math.log(2) - entropy), rel=1e-5)


def test_rows_without_weight_do_not_teach() -> None:
    logits = torch.tensor([[0.0, 0.0], [5.0, -5.0]])
    teacher = [torch.tensor([[1.0, 0.0], [-5.0, 5.0]])]
    alone = distillation_loss(logits[:1], [teacher[0][:1]], 1.0, torch.ones(1))
    assert torch.allclose(distillation_loss(logits, teacher, 1.0, torch.tensor([1.0, 0.0])), alone)


def test_ccc_loss_against_a_case_worked_by_hand() -> None:
    # x = (1, 2, 3), y = (2, 4, 6): cov 4/3, var 2/3 and 8/3, means 2 and 4: CCC = (8/3) / (10/3 + 4) = 4/11
    found = ccc_loss(torch.tensor([1.0, 2, 3, 9]), torch.tensor([2.0, 4, 6, math.nan]), torch.ones(4))
    assert found.item() == pytest.approx(1 - 4 / 11, rel=1e-5)
    assert ccc_loss(torch.tensor([1.0, 2]), torch.tensor([math.nan, 1]), torch.ones(2)).item() == 0


def test_the_average_follows_the_weights_with_a_rising_decay() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(network.weight)
    averaged = AveragedNetwork(network, 0.9)
    torch.nn.init.ones_(network.weight)
    expected = 0.0
    for step in range(200):
        averaged.update(network, step)
        keep = min(0.9, (2 + step) / (11 + step))
        expected = keep * expected + (1 - keep)
        assert next(averaged.network.parameters()).item() == pytest.approx(expected, rel=1e-4)
