"""The order of an epoch, without any file: properties over row counts, world sizes and batch sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_spark.shards.order import Mixing, Plan, Share, plan_epoch, steps

GROUPS = st.lists(st.integers(0, 40), min_size=1, max_size=12)
MIXINGS = st.builds(Mixing, st.booleans(), st.integers(0, 3), st.integers(1, 5))
PARTITIONS = st.sampled_from(["row_groups", "batches"])


def plans(
    groups: list[int], mixing: Mixing, size: int, world: int, partition: str, last: str, epoch: int
) -> list[Plan]:
    return [
        plan_epoch(np.array(groups), mixing, Share(size, rank, world, partition, last), epoch) for rank in range(world)
    ]


@settings(max_examples=300, deadline=None)
@given(GROUPS, MIXINGS, st.integers(1, 17), st.integers(1, 5), PARTITIONS, st.integers(0, 2))
def test_padded_every_row_is_real_once_and_ranks_take_equal_steps(
    groups: list[int], mixing: Mixing, size: int, world: int, partition: str, epoch: int
) -> None:
    made = plans(groups, mixing, size, world, partition, "pad", epoch)
    real = np.concatenate([plan.rows[plan.real] for plan in made])
    assert sorted(real.tolist()) == list(range(sum(groups)))
    assert len({len(plan.rows) for plan in made}) == 1
    count = steps(sum(groups), Share(size, 0, world, partition, "pad"))
    assert len(made[0].rows) == count * size
    if sum(groups):
        assert all(((plan.rows >= 0) & (plan.rows < sum(groups))).all() for plan in made)
        assert (count - 1) * size * world < sum(groups) <= count * size * world


@settings(max_examples=200, deadline=None)
@given(GROUPS, MIXINGS, st.integers(1, 17), st.integers(1, 5), PARTITIONS)
def test_dropped_all_rows_are_real_none_twice_and_less_than_a_batch_each_is_lost(
    groups: list[int], mixing: Mixing, size: int, world: int, partition: str
) -> None:
    made = plans(groups, mixing, size, world, partition, "drop", 1)
    assert all(plan.real.all() for plan in made)
    rows = np.concatenate([plan.rows for plan in made])
    assert len(set(rows.tolist())) == len(rows)
    assert len({len(plan.rows) for plan in made}) == 1
    assert sum(groups) - len(rows) < size * world + world


@settings(max_examples=100, deadline=None)
@given(GROUPS, MIXINGS, st.integers(1, 9), st.sampled_from([2, 3]), st.sampled_from(["pad", "drop"]))
def test_by_batches_ranks_together_see_what_one_rank_sees(
    groups: list[int], mixing: Mixing, size: int, world: int, last: str
) -> None:
    made = plans(groups, mixing, size, world, "batches", last, 4)
    one = plans(groups, mixing, size * world, 1, "row_groups", last, 4)[0]
    together = np.concatenate([plan.rows.reshape(-1, size) for plan in made], axis=1)
    assert together.reshape(-1).tolist() == one.rows.tolist()


def test_the_order_differs_by_epoch_and_seed_and_seed_0_is_a_seed() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        share = Share(10, 0, 1, "row_groups", "pad")
        return plan_epoch(np.full(20, 50), Mixing(True, seed, 4), share, epoch).rows.tolist()

    orders = [tuple(order(seed, epoch)) for seed in (0, 1, 7) for epoch in (0, 1, 2)]
    assert len(set(orders)) == 9
    assert tuple(order(0, 2)) == orders[2]


def test_rows_mix_across_the_window_and_inside_row_groups() -> None:
    groups, size = np.full(40, 100), 100
    share = Share(size, 0, 1, "row_groups", "pad")
    mixed = plan_epoch(groups, Mixing(True, 0, 8), share, 0).rows.reshape(-1, size)
    per_batch = [len(set((batch // 100).tolist())) for batch in mixed]
    assert min(per_batch) == 8, "each batch draws from all 8 groups of its window"
    follows = np.mean(np.diff(mixed.reshape(-1)) == 1)
    assert follows < 0.01
    narrow = plan_epoch(groups, Mixing(True, 0, 1), share, 0).rows.reshape(-1, size)
    assert {len(set((batch // 100).tolist())) for batch in narrow} == {1}
    assert np.mean(np.diff(narrow.reshape(-1)) == 1) < 0.05, "rows inside a group are mixed"


def test_unshuffled_is_file_order_cut_into_runs() -> None:
    first, second = plans([4, 3], Mixing(False, 0, 4), 2, 2, "row_groups", "pad", 9)
    assert first.rows.tolist() == [0, 1, 2, 0], "filled up with the last rows in turn"
    assert first.real.tolist() == [True, True, True, False]
    assert second.rows.tolist() == [3, 4, 5, 6]


def test_rows_are_drawn_as_often_as_asked() -> None:
    groups, draws = np.array([5, 1, 7]), np.array([0, 3, 1, 0, 0, 2, 9, 0, 0, 0, 1, 0, 0])
    made = [plan_epoch(groups, Mixing(True, 0, 2), Share(3, rank, 2, "row_groups", "pad"), 0, draws) for rank in (0, 1)]
    real = np.concatenate([plan.rows[plan.real] for plan in made])
    assert np.bincount(real, minlength=13).tolist() == draws.tolist()
    assert len(made[0].rows) == len(made[1].rows) == 9


def test_one_rank_more_than_rows_gets_only_filling() -> None:
    made = plans([1], Mixing(True, 0, 2), 2, 3, "row_groups", "pad", 0)
    assert [plan.real.sum() for plan in made] == [0, 0, 1]
    assert all(plan.rows.tolist() == [0, 0] for plan in made)


@pytest.mark.parametrize(("total", "world", "pad", "drop"), [(10, 1, 4, 3), (10, 2, 2, 1), (10, 3, 2, 1), (0, 2, 0, 0)])
def test_steps_by_hand(total: int, world: int, pad: int, drop: int) -> None:
    assert steps(total, Share(3, 0, world, "row_groups", "pad")) == pad
    assert steps(total, Share(3, 0, world, "row_groups", "drop")) == drop
