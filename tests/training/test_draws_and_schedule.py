"""What is drawn depends on (seed, epoch, step, row) alone, and the learning rate on the step alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fer_spark.training.draws import uniform
from fer_spark.training.schedule import rate_at
from fer_spark.training.settings import TrainSettings


def test_a_row_draws_the_same_wherever_it_stands_in_a_batch() -> None:
    rows = np.array([5, 900, 17, 3], dtype=np.int64)
    together = uniform(rows, 6, 1, 2, 3)
    for position, row in enumerate(rows):
        assert np.array_equal(uniform(np.array([row]), 6, 1, 2, 3)[0], together[position])


def test_every_part_of_the_key_changes_the_draws() -> None:
    rows = np.arange(50, dtype=np.int64)
    base = uniform(rows, 4, 0, 0, 0)
    for key in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
        assert not (uniform(rows, 4, *key) == base).any()
    assert not np.array_equal(uniform(rows, 4, 1, 2), uniform(rows, 4, 2, 1))


def test_draws_are_uniform_and_uncorrelated() -> None:
    draws = uniform(np.arange(20_000, dtype=np.int64), 5, 7, 0, 1).astype(np.float64)
    assert 0 <= draws.min() <= draws.max() < 1
    shares = np.stack([np.histogram(column, 10, (0, 1))[0] for column in draws.T]) / 20_000
    assert np.abs(shares - 0.1).max() < 0.01  # 4.7 standard errors
    correlation = np.corrcoef(draws.T) - np.eye(5)
    assert np.abs(correlation).max() < 0.03
    assert abs(np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]) < 0.03


def test_one_cycle_follows_torchs_own() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], 0.1, momentum=0.9)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=50, pct_start=0.3)
    for step in range(50):
        assert rate_at(step, 50, 0.2, "one_cycle", 0.3) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        if step < 49:
            theirs.step()


def test_cosine_rises_over_two_per_cent_and_ends_at_zero() -> None:
    assert [rate_at(step, 100, 1.0, "cosine", 0.2) for step in (0, 1, 2, 51, 100)] == pytest.approx([0.5, 1, 1, 0.5, 0])
    assert rate_at(3, 100, 1.0, "constant", 0.2) == 1.0


def test_pictures_grow_with_the_epochs() -> None:
    settings = TrainSettings(epochs=10, sizes="0.3:24,0.5:32")
    assert [settings.size_at(epoch, 48) for epoch in (0, 2, 3, 4, 5, 9)] == [24, 24, 32, 32, 48, 48]


@pytest.mark.parametrize("text", ["32", "0.5:x", "0.6:32,0.4:40", "1.5:32", "0.5:4"])
def test_sizes_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="sizes"):
        TrainSettings(sizes=text).check()
