"""A baseline without a network: k nearest neighbours on pixels, k chosen on the validation split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from fer_spark.batches import BatchSource

CANDIDATES = (1, 3, 5, 7, 11, 15, 21, 31, 41, 51, 71, 101, 151, 201)
_QUERY_ROWS = 1024
_BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class LabelledPixels:
    """Pictures held in memory: pixels (R, D) as stored, labels (R,) int64 in 0 … classes - 1."""

    pixels: torch.Tensor
    labels: torch.Tensor
    classes: int

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.labels.shape != self.pixels.shape[:1]:
            raise ValueError(
                f"nearest neighbours: expected pixels (R, D) and labels (R,), got {tuple(self.pixels.shape)} and "
                f"{tuple(self.labels.shape)}"
            )
        if len(self.labels) and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < self.classes:
            raise ValueError(f"nearest neighbours: labels must lie in 0 … {self.classes - 1}")

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class ChosenK:
    """The k with the highest accuracy on validation, of equals the smallest; and the accuracy of each candidate."""

    k: int
    accuracy: dict[int, float]


def gather(source: BatchSource, epoch: int = 0) -> LabelledPixels:
    """All labelled rows of one epoch in the order of their row numbers, each once: memory holds the whole split."""
    parts = []
    for batch in source.epoch(epoch):
        keep = batch.real & (batch.labels >= 0)
        parts.append((batch.rows[keep], batch.images[keep].flatten(1), batch.labels[keep]))
    if not parts or not sum(len(rows) for rows, _, _ in parts):
        raise ValueError("nearest neighbours: the split has no labelled rows")
    rows, pixels, labels = (torch.cat(column) for column in zip(*parts, strict=True))
    order = torch.argsort(rows, stable=True)
    return LabelledPixels(pixels[order], labels[order], len(source.label_names))


class NearestNeighbours:
    """Votes of the k training pictures nearest by Euclidean distance, each pixel standardised over the train split.

    Exact search by matrix products in float32, block by block: beyond the train pixels as given it takes about 0.3 GiB
    for any number of rows. Which of several equally near pictures takes the k-th place is left to the search.
    """

    def __init__(self, train: LabelledPixels, k: int, device: torch.device | None = None) -> None:
        if not 1 <= k <= len(train):
            raise ValueError(f"nearest neighbours: k is {k}, expected 1 to {len(train)}, the rows of the train split")
        self.k = k
        self._train = train
        self._device = device or torch.device("cpu")
        self._mean, self._scale = self._statistics()

    def predict_proba(self, images: torch.Tensor) -> torch.Tensor:
        """(N, …) pictures stored as the train split's are → (N, K) float32: each class's share of the k votes."""
        return self.votes(images, [self.k])[self.k]

    def votes(self, images: torch.Tensor, ks: Sequence[int]) -> dict[int, torch.Tensor]:
        """For each k the shares (N, K) float32, all from one search. ValueError for a k beyond the train split."""
        if not ks or not 1 <= min(ks) <= max(ks) <= len(self._train):
            raise ValueError(f"nearest neighbours: k of {list(ks)}, expected 1 to {len(self._train)}")
        queries = images.flatten(1)
        if queries.shape[1] != self._train.pixels.shape[1]:
            raise ValueError(
                f"nearest neighbours: pictures of {queries.shape[1]} values, the train split's have "
                f"{self._train.pixels.shape[1]}"
            )
        shares: dict[int, list[torch.Tensor]] = {k: [torch.zeros(0, self._train.classes)] for k in ks}
        for start in range(0, len(queries), _QUERY_ROWS):
            nearest = self._search(queries[start : start + _QUERY_ROWS], max(ks))
            for k in ks:
                votes = torch.zeros(len(nearest), self._train.classes)
                votes.scatter_add_(1, nearest[:, :k], torch.ones(len(nearest), k))
                shares[k].append(votes / k)
        return {k: torch.cat(parts) for k, parts in shares.items()}

    def _search(self, queries: torch.Tensor, k: int) -> torch.Tensor:
        """(Q, k) labels of the nearest train rows, nearest first."""
        points = self._standardised(queries)
        distances = torch.zeros(len(queries), 0, device=self._device)
        labels = torch.zeros(len(queries), 0, dtype=torch.int64, device=self._device)
        for start, block in self._blocks():
            # |q - t|² less |q|², which is the same for every t
            block_distances = torch.addmm(block.square().sum(1)[None], points, block.T, alpha=-2)
            nearest, at = _smallest(block_distances, k)
            block_labels = self._train.labels[start : start + len(block)].to(self._device)
            distances, labels = torch.cat([distances, nearest], 1), torch.cat([labels, block_labels[at]], 1)
            distances, at = _smallest(distances, k)
            labels = labels.gather(1, at)
        return labels.cpu()

    def _blocks(self) -> Iterator[tuple[int, torch.Tensor]]:
        """First row and standardised pixels of the train split, so that pixels and distances of a block are bounded."""
        rows = max(1, _BLOCK_BYTES // (4 * max(self._train.pixels.shape[1], _QUERY_ROWS)))
        for start in range(0, len(self._train), rows):
            yield start, self._standardised(self._train.pixels[start : start + rows])

    def _standardised(self, pixels: torch.Tensor) -> torch.Tensor:
        return (pixels.to(self._device).float() - self._mean) * self._scale

    def _statistics(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and 1 / deviation of each pixel, (D,) float32; a pixel that never changes is left on its scale."""
        total = torch.zeros(self._train.pixels.shape[1], dtype=torch.float64)
        squares = torch.zeros_like(total)
        for start in range(0, len(self._train), _QUERY_ROWS):
            part = self._train.pixels[start : start + _QUERY_ROWS].double()
            total += part.sum(0)
            squares += part.square().sum(0)
        mean = total / len(self._train)
        deviation = (squares / len(self._train) - mean.square()).clamp_min(0).sqrt()
        scale = torch.where(deviation > 1e-9, 1 / deviation, 1.0)
        return mean.float().to(self._device), scale.float().to(self._device)


def choose_k(
    train: LabelledPixels,
    val: LabelledPixels,
    candidates: Sequence[int] = CANDIDATES,
    device: torch.device | None = None,
) -> ChosenK:
    """The best of the candidates on validation, all judged from one search. Candidates beyond the train rows are left
    out; raises ValueError if none is left or validation is empty."""
    ks = sorted({k for k in candidates if k <= len(train)})
    if not ks or not len(val):
        raise ValueError(f"choose_k: {len(train)} train rows, {len(val)} val rows, candidates {list(candidates)}")
    shares = NearestNeighbours(train, max(ks), device).votes(val.pixels, ks)
    accuracy = {k: float((shares[k].argmax(1) == val.labels).double().mean()) for k in ks}
    return ChosenK(max(ks, key=lambda k: (accuracy[k], -k)), accuracy)


def _smallest(distances: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The up to k smallest of each row, smallest first, and where they are."""
    values, at = distances.topk(min(k, distances.shape[1]), largest=False, sorted=True)
    return values, at
