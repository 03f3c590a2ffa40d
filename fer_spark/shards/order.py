"""Where each row comes in an epoch, and on which rank: a pure function of the seed, the epoch and the row groups."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
_GROUP_ORDER, _WITHIN, _WINDOW = 0, 1, 2


@dataclass(frozen=True)
class Mixing:
    """How rows are mixed: row groups are permuted, rows inside a group, then rows across `window` groups."""

    shuffle: bool
    seed: int
    window: int


@dataclass(frozen=True)
class Share:
    """What one rank takes. `partition` is row_groups or batches, `last` is pad or drop; `batch_size` is per rank."""

    batch_size: int
    rank: int
    world_size: int
    partition: str
    last: str


@dataclass(frozen=True)
class Plan:
    """One epoch on one rank: `rows` (steps * batch_size,) in the split; `real` is False on what only fills up."""

    rows: Rows
    real: npt.NDArray[np.bool_]


def steps(total: int, share: Share) -> int:
    """Batches of every rank when `total` rows are drawn: the same number on each.

    row_groups: the drawn rows are cut into `world_size` runs whose lengths differ by at most one; the longest (pad) or
    the shortest (drop) decides. batches: batches of batch_size * world_size rows are cut from one sequence. As rounding
    by one number and then by another is rounding by their product, both come to the same.
    """
    size, world = share.batch_size, share.world_size
    if share.last == "drop":
        return total // (size * world)
    return math.ceil(total / (size * world))


def plan_epoch(group_rows: Rows, mixing: Mixing, share: Share, epoch: int, draws: Rows | None = None) -> Plan:
    """The order of one epoch.

    `group_rows` (G,) is the number of rows of each row group in file order; `draws` (sum of group_rows,) says how often
    each row is drawn, once each if None. A rank's run may begin or end inside a row group: which rows of that group
    are whose is decided by the order inside the group, which all ranks know.
    """
    rows, groups = _sequence(group_rows, mixing, epoch, draws)
    total, count = len(rows), steps(len(rows), share)
    if share.partition == "batches":
        mixed = _across(rows, groups, mixing, (epoch, _WINDOW, 0))
        whole = _filled(mixed, mixed[:1], count * share.batch_size * share.world_size, share)
        shape = (count, share.world_size, share.batch_size)
        rank = share.rank
        return Plan(whole.rows.reshape(shape)[:, rank].reshape(-1), whole.real.reshape(shape)[:, rank].reshape(-1))
    run = slice(total * share.rank // share.world_size, total * (share.rank + 1) // share.world_size)
    mixed = _across(rows[run], groups[run], mixing, (epoch, _WINDOW, share.rank))
    return _filled(mixed, rows[:1], count * share.batch_size, share)


def _sequence(group_rows: Rows, mixing: Mixing, epoch: int, draws: Rows | None) -> tuple[Rows, Rows]:
    """Every drawn row and its group: groups one after the other in the epoch's order, mixed rows inside each."""
    group_of_row = np.repeat(np.arange(len(group_rows), dtype=np.int64), group_rows)
    rows = np.arange(len(group_of_row), dtype=np.int64)
    if draws is not None:
        rows = np.repeat(rows, draws)
    groups = group_of_row[rows]
    if not mixing.shuffle:
        return rows, groups
    place = np.empty(len(group_rows), np.int64)
    place[_generator(mixing, (epoch, _GROUP_ORDER, 0)).permutation(len(group_rows))] = np.arange(len(group_rows))
    keys = _generator(mixing, (epoch, _WITHIN, 0)).random(len(rows))
    order = np.lexsort((keys, place[groups]))
    return rows[order], groups[order]


def _across(rows: Rows, groups: Rows, mixing: Mixing, purpose: tuple[int, int, int]) -> Rows:
    """Rows mixed inside each run of `window` groups of the sequence."""
    if not mixing.shuffle or mixing.window < 2 or not len(rows):
        return rows
    number = np.concatenate([[0], np.cumsum(groups[1:] != groups[:-1])])
    keys = _generator(mixing, purpose).random(len(rows))
    return rows[np.lexsort((keys, number // mixing.window))]


def _filled(mixed: Rows, spare: Rows, length: int, share: Share) -> Plan:
    """Cut to `length`, or filled up by repeating the last rows in turn (`spare` where there are none)."""
    real = np.arange(length) < len(mixed)
    missing = length - len(mixed)
    if missing <= 0:
        return Plan(mixed[:length], real)
    tail = mixed[-share.batch_size * share.world_size :] if len(mixed) else spare
    return Plan(np.concatenate([mixed, np.resize(tail, missing)]), real)


def _generator(mixing: Mixing, purpose: tuple[int, int, int]) -> np.random.Generator:
    """Independent streams for each purpose; seed 0 is a seed like any other."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([mixing.seed, *purpose])))
