"""Shards → batches of tensors, through Petastorm's reader machinery.

with open_shards("shards/", "train", ReadSettings(batch_size=128)) as reader:
    for epoch in range(10):
        for batch in prefetch(reader.epoch(epoch), torch.device("cuda")):
            ...
"""

from __future__ import annotations

import weakref
from collections.abc import Generator, Iterable, Iterator
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fer_spark.batches import Batch, Resample
from fer_spark.shards import order
from fer_spark.shards.manifest import ImageColumn, Manifest
from fer_spark.shards.read.columns import Columns, label_indices
from fer_spark.shards.read.files import ShardError, ShardFiles
from fer_spark.shards.read.pool import DiskCache, Reading
from fer_spark.shards.read.settings import ReadSettings
from fer_spark.shards.read.stream import batch_map, batches

__all__ = ["ReadSettings", "ShardError", "ShardReader", "open_shards", "prefetch"]


def open_shards(
    uri: str,
    split: str,
    settings: ReadSettings,
    *,
    resample: Resample | None = None,
    rank: int = 0,
    world_size: int = 1,
) -> ShardReader:
    """Open one split of a directory of shards: a local path or any URL that fsspec reads (`s3a` is read as `s3`).

    Reads the manifest only. `resample` says how often each row is drawn in an epoch; all ranks must give the same one.
    Raises ShardError for no manifest, an unknown split or column; ValueError for settings that cannot be.
    """
    settings.check()
    if not 0 <= rank < world_size:
        raise ValueError(f"rank {rank} of {world_size}: expected 0 <= rank < world_size")
    files = ShardFiles.find(uri, split)
    name, image = files.image(settings.image_column)
    names = files.manifest.label_names
    columns = Columns(name, image, names, settings.soft_labels, settings.valence_arousal)
    cache = DiskCache(settings, files, columns) if settings.cache_dir else None
    share = order.Share(settings.batch_size, rank, world_size, settings.partition, settings.last_batch)
    return ShardReader(Reading(files, columns, cache), settings, share, resample)


class ShardReader:
    """A BatchSource (fer_spark.batches) over one split. Close it, or use it as a context manager."""

    def __init__(self, reading: Reading, settings: ReadSettings, share: order.Share, resample: Resample | None) -> None:
        self._reading = reading
        self._settings = settings
        self._share = share
        self._resample = resample
        self._labels: npt.NDArray[np.int64] | None = None
        self._running: weakref.WeakSet[Generator[Batch, None, None]] = weakref.WeakSet()
        self._closed = False

    @property
    def label_names(self) -> list[str]:
        """The K classes, in label order."""
        return list(self._reading.columns.label_names)

    @property
    def manifest(self) -> Manifest:
        """What the shards say of themselves."""
        return self._reading.files.manifest

    @property
    def image(self) -> ImageColumn:
        """The pixel column that is read: size, mode, mean and std per channel."""
        return self._reading.columns.image

    @property
    def rows(self) -> int:
        """Rows of the whole split, on all ranks together."""
        return self._reading.files.rows

    def labels(self) -> npt.NDArray[np.int64]:
        """(R,) label index of every row of the split in row order, -1 without a label; reads the label column only."""
        if self._labels is None:
            files = self._reading.files
            columns = files.read_column("label", self._settings.read_workers)
            found = [label_indices(column, self.label_names, f"{files.uri}, split {files.split}") for column in columns]
            self._labels = np.concatenate([np.empty(0, np.int64), *found])
        return self._labels.copy()

    def class_counts(self) -> npt.NDArray[np.int64]:
        """(K,) rows of each class in the split, as the manifest counts them."""
        counts = self._reading.files.manifest.counts.per_label.get(self._reading.files.split, {})
        return np.array([counts.get(name, 0) for name in self.label_names], np.int64)

    def steps(self, epoch: int) -> int:
        """Batches of one epoch on this rank, the same on every rank; differs between epochs only with `resample`."""
        draws = self._draws(epoch)
        return order.steps(self.rows if draws is None else int(draws.sum()), self._share)

    def __len__(self) -> int:
        """`steps(0)`."""
        return self.steps(0)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch from number `start` on: exactly those that an epoch read from 0 gives there.

        Raises ShardError, while iterating, for a missing, damaged or changed file. Threads end with the iterator.
        """
        if self._closed:
            raise ValueError(f"{self._reading.files.uri}: this reader was closed")
        if epoch < 0 or not 0 <= start <= self.steps(epoch):
            raise ValueError(
                f"epoch {epoch} from batch {start}: expected epoch >= 0, 0 <= start <= {self.steps(epoch)}"
            )
        running = self._batches(epoch, start)
        self._running.add(running)
        return running

    def close(self) -> None:
        """Stop what is running: epochs that are being read end here."""
        self._closed = True
        for running in list(self._running):
            running.close()
        if self._reading.cache is not None:
            self._reading.cache.close()

    def __enter__(self) -> ShardReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _batches(self, epoch: int, start: int) -> Generator[Batch, None, None]:
        mixing = order.Mixing(self._settings.shuffle, self._settings.seed, self._settings.shuffle_window)
        rows = self._reading.files.rows_per_piece
        plan = order.plan_epoch(rows, mixing, self._share, epoch, self._draws(epoch))
        yield from batches(plan, start, self._reading, self._settings)

    def _draws(self, epoch: int) -> npt.NDArray[np.int64] | None:
        if self._resample is None:
            return None
        draws = np.asarray(self._resample(self.labels(), epoch))
        if draws.shape != (self.rows,) or draws.dtype.kind not in "iu" or (draws < 0).any():
            raise ValueError(
                f"resample gave {draws.dtype} {draws.shape}, expected {self.rows:,} whole numbers of at least 0"
            )
        return draws.astype(np.int64)


def prefetch(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """The same batches on `device`, copied one ahead while the last is used; on the CPU they pass as they are."""
    if device.type == "cpu":
        yield from batches
        return
    stream: Any = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
    waiting: Batch | None = None
    for batch in batches:
        with torch.cuda.stream(stream):
            moved = batch_map(batch, lambda tensor: tensor.to(device, non_blocking=True))
        if waiting is not None:
            yield waiting
        if stream is not None:
            torch.cuda.current_stream(device).wait_stream(stream)
            for tensor in vars(moved).values():
                if tensor is not None:
                    tensor.record_stream(torch.cuda.current_stream(device))
        waiting = moved
    if waiting is not None:
        yield waiting
