"""Random numbers that depend on (seed, epoch, step, row) alone: the same with any batch layout, rank or resume."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def uniform(rows: npt.NDArray[np.int64], columns: int, *key: int) -> npt.NDArray[np.float32]:
    """(N, columns) float32 in [0, 1): one independent draw per row number and column, for a key of integers."""
    state = np.zeros((), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for part in key:
            state = np.asarray(mix(state + _GOLDEN + np.uint64(part)))
        per_row = mix(rows.astype(np.uint64) * _GOLDEN + state)
        streams = mix(per_row[:, None] + np.arange(1, columns + 1, dtype=np.uint64)[None, :] * _GOLDEN)
    return (streams >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
