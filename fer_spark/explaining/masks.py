"""Which segments are shown: masks whose rows depend on (seed, face id, row) alone, so on no partition and no order."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Masks = npt.NDArray[np.uint8]
"""(M, n): 1 where a segment is shown."""

_BLOCK_ROWS = 64

_LEVELS = {0.5: 2, 0.667: 3, 0.8: 5}
"""Of an orthogonal array, by the share of segments that its masks show (all levels but one), to three digits."""


def can_balance(keep: float) -> bool:
    """Whether there are balanced masks that show this share of the segments: a half, two thirds, four fifths."""
    return round(keep, 3) in _LEVELS


@dataclass(frozen=True)
class MaskSource:
    """An endless, reproducible sequence of masks of one face, whose first shows everything.

    random       each segment by a coin of chance `keep`
    antithetic   rows 2i and 2i+1 are opposites, which cancels what pairs of segments do together (of even order)
    balanced     blocks of an orthogonal array of strength 2, columns drawn and rows shuffled per block: within a block
                 any two segments are hidden together as often as by two coins, so that weights do not borrow from each
                 other. For `keep` 0.5 a Hadamard matrix and its opposite; for 0.667 and 0.8 Bose's construction modulo
                 3 and 5 (Hedayat, Sloane & Stufken, Orthogonal Arrays, 1999, chapter 3)
    """

    face_id: str
    segments: int
    kind: str = "random"
    keep: float = 0.5
    seed: int = 0

    def rows(self, start: int, stop: int) -> Masks:
        """(stop - start, segments) masks start … stop-1. The same rows, whatever the range requested."""
        if not 0 <= start <= stop:
            raise ValueError(f"rows {start} to {stop}: expected 0 <= start <= stop")
        if start == stop:
            return np.zeros((0, self.segments), dtype=np.uint8)
        size = self._block_rows
        first, last = start // size, (stop - 1) // size
        drawn = np.concatenate([self._block(block) for block in range(first, last + 1)])
        rows = drawn[start - first * size : stop - first * size]
        if start == 0:
            rows[0] = 1
        return rows

    @property
    def group_rows(self) -> int:
        """Rows that lose their balance when they are divided: a block, a pair of opposites."""
        return self._block_rows if self.kind == "balanced" else 2

    @property
    def _levels(self) -> int:
        """Raises ValueError where no balanced masks show such a share."""
        if not can_balance(self.keep):
            raise ValueError(f"balanced masks show a half, two thirds or four fifths, not {self.keep}")
        return _LEVELS[round(self.keep, 3)]

    @property
    def _block_rows(self) -> int:
        if self.kind != "balanced":
            return _BLOCK_ROWS
        levels = self._levels
        return 2 * _hadamard_side(self.segments) if levels == 2 else len(_bose(levels, self.segments))

    def _block(self, block: int) -> Masks:
        random = seeded(self.seed, self.face_id, block)
        if self.kind == "random":
            return (random.random((_BLOCK_ROWS, self.segments)) < self.keep).astype(np.uint8)
        if self.kind == "antithetic":
            half = (random.random((_BLOCK_ROWS // 2, self.segments)) < 0.5).astype(np.uint8)
        elif self.kind == "balanced" and self._levels > 2:
            return self._of_levels(random, self._levels)
        elif self.kind == "balanced":
            half = self._balanced(random)
        else:
            raise ValueError(f"masks: {self.kind!r}, expected random, antithetic or balanced")
        return np.stack([half, 1 - half], axis=1).reshape(-1, self.segments)

    def _balanced(self, random: np.random.Generator) -> Masks:
        """Segments get different columns of the matrix, each as it is or turned over; rows come in any order."""
        matrix = _hadamard(_hadamard_side(self.segments))
        columns = random.permutation(len(matrix))[: self.segments]
        turned = random.integers(0, 2, self.segments, dtype=np.uint8)
        order = random.permutation(len(matrix))
        return np.asarray(matrix[order][:, columns] ^ turned, dtype=np.uint8)

    def _of_levels(self, random: np.random.Generator, levels: int) -> Masks:
        """Segments get different columns of the array, each hidden at a level of its own; rows come in any order."""
        array = _bose(levels, self.segments)
        columns = random.permutation(array.shape[1])[: self.segments]
        hidden = random.integers(0, levels, self.segments, dtype=np.uint8)
        order = random.permutation(len(array))
        return np.asarray(array[order][:, columns] != hidden, dtype=np.uint8)


@dataclass(frozen=True)
class Drawn:
    """Masks of one face with repetitions joined: `unique` (U, n) in order of first appearance, each met `counts` times.

    `pair` (U,) numbers the pair of rows (2i, 2i+1) in which a mask first came, so that both are held out together.
    `half` (U,) is 0 or 1: groups of rows by turns, or pairs by turns where there is but one group.
    """

    unique: Masks
    counts: npt.NDArray[np.int64]
    pair: npt.NDArray[np.int64]
    half: npt.NDArray[np.int64]

    @property
    def samples(self) -> int:
        return int(self.counts.sum())


def join_repetitions(masks: Masks, group_rows: int = 2) -> Drawn:
    """(M, n) masks → different ones, in order of first appearance; the mask that shows everything stays first."""
    packed = np.ascontiguousarray(np.packbits(masks, axis=1))
    words = packed.view([("", packed.dtype)] * packed.shape[1]).ravel()
    _, first, counts = np.unique(words, return_index=True, return_counts=True)
    order = np.argsort(first)
    place = first[order].astype(np.int64)
    together = group_rows if len(masks) >= 2 * group_rows else 2
    return Drawn(masks[place], counts[order].astype(np.int64), place // 2, place // together % 2)


def seeded(seed: int, name: str, block: int = 0) -> np.random.Generator:
    """A generator that depends on these three alone; blocks of one name never overlap."""
    key = int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:16], "big")
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, block]))


def _hadamard_side(segments: int) -> int:
    """The least power of two that has a column for each segment."""
    return 1 << (segments - 1).bit_length()


@lru_cache(maxsize=8)
def _hadamard(side: int) -> Masks:
    """Sylvester's matrix with 0 and 1 for 1 and -1: entry (i, j) is the parity of the bits that i and j share."""
    shared = np.arange(side)[:, None] & np.arange(side)[None, :]
    parity = np.zeros((side, side), dtype=np.uint8)
    while shared.any():
        parity ^= (shared & 1).astype(np.uint8)
        shared >>= 1
    parity.setflags(write=False)
    return parity


@lru_cache(maxsize=8)
def _bose(levels: int, segments: int) -> Masks:
    """Bose's orthogonal array of a prime number of levels, with a column for each segment, and all that it has.

    Rows are the vectors of length m, columns those whose first number but 0 is 1, entries their products modulo levels:
    (levels^m, (levels^m - 1) / (levels - 1)). In any two columns each pair of levels is met equally often.
    """
    length = 1
    while (levels**length - 1) // (levels - 1) < segments:
        length += 1
    rows = np.array(list(itertools.product(range(levels), repeat=length)))
    leading = np.take_along_axis(rows, (rows != 0).argmax(axis=1)[:, None], axis=1)[:, 0]
    array: Masks = np.asarray(rows @ rows[leading == 1].T % levels, dtype=np.uint8)
    array.setflags(write=False)
    return array
