"""Batches of tensors: what a reader of shards yields, and a trainer or an evaluation takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch


@dataclass(frozen=True)
class Batch:
    """N rows of one split, as the shards hold them: nothing is scaled, augmented or moved to a device yet.

    images       (N, H, W) uint8 gray, or (N, H, W, 3) uint8 RGB; float32 in the same shapes from `--store float32`
    labels       (N,) int64 index into `label_names`; -1 where a row has no label
    rows         (N,) int64 position of each row within its split, in the manifest's file order, from 0
    real         (N,) bool; False on rows that only fill a batch up, so that every rank takes the same number of steps
    label_probs  (N, K) float32 soft labels, each row summing to 1; None unless requested
    valence      (N,) float32 in [-1, 1], NaN where unknown; None unless requested
    arousal      (N,) float32 in [-1, 1], NaN where unknown; None unless requested
    """

    images: torch.Tensor
    labels: torch.Tensor
    rows: torch.Tensor
    real: torch.Tensor
    label_probs: torch.Tensor | None = None
    valence: torch.Tensor | None = None
    arousal: torch.Tensor | None = None

    def __len__(self) -> int:
        return int(self.labels.shape[0])


class BatchSource(Protocol):
    """Yields the same batches for the same (seed, epoch), on every run and with any number of workers."""

    @property
    def label_names(self) -> list[str]:
        """The K classes, in label order."""
        ...

    def __len__(self) -> int:
        """Batches that `epoch` yields on this rank; the same on every rank."""
        ...

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch from number `start` (0-based) on."""
        ...


Resample = Callable[["npt.NDArray[np.int64]", int], "npt.NDArray[np.int64]"]
"""(labels (R,) of a whole split in row order, epoch) → how often each of the R rows is drawn then, (R,) ≥ 0."""
