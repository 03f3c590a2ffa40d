"""A plan of rows → batches: row groups are read ahead, joined into windows, and batches put together ahead of use."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch

from fer_spark.batches import Batch
from fer_spark.shards.order import Plan, Rows
from fer_spark.shards.read.columns import Draw, join, to_batch
from fer_spark.shards.read.columns import Rows as Loaded
from fer_spark.shards.read.pool import Reading, RowGroups
from fer_spark.shards.read.settings import ReadSettings

_EXTRA_BATCHES = 1


class _Needed:
    """Which row groups some slots need, in which order, and where in their windows the slots' rows lie.

    order     row groups by first use; `width` of them in turn make a window
    window    (slots,) number of the window, and `index` the row's place in it
    highest   (batches,) last window that a batch needs
    last_use  (windows,) last batch that needs a window
    """

    def __init__(self, rows: Rows, reading: Reading, width: int, batch_size: int) -> None:
        starts = reading.files.starts
        group = np.searchsorted(starts, rows, "right") - 1
        groups, first = np.unique(group, return_index=True)
        self.order = groups[np.argsort(first)]
        self.width = width
        place = np.empty(len(starts), np.int64)
        place[self.order] = np.arange(len(self.order))
        sizes = reading.files.rows_per_piece[self.order]
        before = np.cumsum(sizes) - sizes
        before -= before[np.arange(len(sizes)) // width * width]
        self.window = place[group] // width
        self.index = before[place[group]] + rows - starts[group]
        self.highest = self.window.reshape(-1, batch_size).max(axis=1)
        self.last_use = np.zeros(int(self.highest.max()) + 1, np.int64)
        np.maximum.at(self.last_use, self.window, np.repeat(np.arange(len(self.highest)), batch_size))


class _Stream:
    """Row groups, the windows joined from them, and the batches under way; `close` stops and joins every thread."""

    def __init__(self, plan: Plan, reading: Reading, settings: ReadSettings) -> None:
        self._plan, self._reading, self._settings = plan, reading, settings
        width = settings.shuffle_window if settings.shuffle else 1
        self._needed = _Needed(plan.rows, reading, width, settings.batch_size)
        ahead = width + settings.read_workers + 1
        self._threads = ThreadPoolExecutor(settings.read_workers, thread_name_prefix="fer-spark-batch")
        self._groups = RowGroups(reading, self._needed.order.tolist(), settings.read_workers, ahead)
        self._stop = weakref.finalize(self, _stop, self._threads, self._groups)  # at exit, too, while threads can run
        self._windows: dict[int, Future[Loaded]] = {}
        self._joined = 0

    def submit(self, number: int) -> Future[Batch]:
        """Have batch `number` put together; waits for the row groups that it needs. In order of number."""
        needed, size = self._needed, self._settings.batch_size
        while self._joined <= needed.highest[number]:
            first = self._joined * needed.width
            members = range(first, min(first + needed.width, len(needed.order)))
            loaded = [self._groups.take(member) for member in members]
            self._windows[self._joined] = self._threads.submit(join, loaded)
            self._joined += 1
        slots = slice(number * size, (number + 1) * size)
        parts = {int(which): self._windows[int(which)] for which in np.unique(needed.window[slots])}
        for which in [which for which in self._windows if needed.last_use[which] <= number]:
            del self._windows[which]
        return self._threads.submit(self._put_together, slots, parts)

    def close(self) -> None:
        self._stop()

    def _put_together(self, slots: slice, parts: dict[int, Future[Loaded]]) -> Batch:
        window, index = self._needed.window[slots], self._needed.index[slots]
        draws = []
        for number, part in parts.items():
            at = np.flatnonzero(window == number)
            draws.append(Draw(part.result(), at, index[at]))
        rows, real = self._plan.rows[slots].copy(), self._plan.real[slots].copy()
        batch = to_batch(draws, self._reading.columns, rows, real, self._reading.files.place)
        return batch_map(batch, torch.Tensor.pin_memory) if self._pins else batch

    @property
    def _pins(self) -> bool:
        return self._settings.pin_memory and torch.cuda.is_available()


def _stop(threads: ThreadPoolExecutor, groups: RowGroups) -> None:
    threads.shutdown(wait=False, cancel_futures=True)
    groups.close()
    threads.shutdown(wait=True)


def batches(plan: Plan, start: int, reading: Reading, settings: ReadSettings) -> Generator[Batch, None, None]:
    """The batches of `plan` from number `start` on. Only row groups that these need are read; only their rows decoded.

    Ending it early, by `close` or an error, stops and joins every thread.
    """
    skipped = start * settings.batch_size
    rest = Plan(plan.rows[skipped:], plan.real[skipped:])
    if not len(rest.rows):
        return
    stream = _Stream(rest, reading, settings)
    ready: deque[Future[Batch]] = deque()
    try:
        for number in range(len(rest.rows) // settings.batch_size):
            ready.append(stream.submit(number))
            if len(ready) > settings.read_workers + _EXTRA_BATCHES:
                yield ready.popleft().result()
        while ready:
            yield ready.popleft().result()
    finally:
        stream.close()


def batch_map(batch: Batch, change: Callable[[torch.Tensor], torch.Tensor]) -> Batch:
    """The batch with `change` applied to every tensor that it has."""
    return replace(batch, **{name: change(value) for name, value in vars(batch).items() if value is not None})
