"""A BatchSource over arrays in memory, with a task whose answer is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from fer_spark.batches import Batch

NAMES = ["left", "top", "middle"]


@dataclass
class MemorySource:
    """Rows in order of a permutation seeded by the epoch; ranks take slices of the same global batches."""

    images: torch.Tensor
    labels: torch.Tensor
    batch_size: int
    shuffle: bool = True
    rank: int = 0
    world: int = 1
    label_probs: torch.Tensor | None = None
    valence: torch.Tensor | None = None
    arousal: torch.Tensor | None = None

    @property
    def label_names(self) -> list[str]:
        return NAMES

    def __len__(self) -> int:
        return -(-len(self.labels) // (self.batch_size * self.world))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        count, whole = len(self.labels), self.batch_size * self.world
        order = np.random.default_rng(epoch).permutation(count) if self.shuffle else np.arange(count)
        for step in range(start, len(self)):
            at = np.arange(step * whole + self.rank * self.batch_size, step * whole + (self.rank + 1) * self.batch_size)
            rows = torch.from_numpy(order[at % count])
            yield Batch(
                self.images[rows],
                self.labels[rows],
                rows,
                torch.from_numpy(at < count),
                *(None if one is None else one[rows] for one in (self.label_probs, self.valence, self.arousal)),
            )


def stripes(count: int, size_px: int = 12, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise pictures (count, size, size) uint8 with a bright left third, top third or middle; labels 0, 1, 2."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 120, (count, size_px, size_px)).astype(np.uint8)
    labels = random.integers(0, 3, count)
    third = size_px // 3
    places = (np.s_[:, :third], np.s_[:third, :], np.s_[third:-third, third:-third])
    for image, label in zip(images, labels, strict=True):
        image[places[label]] += 100
    return torch.from_numpy(images), torch.from_numpy(labels)
