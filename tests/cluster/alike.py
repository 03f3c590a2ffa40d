"""How far what a cluster gave is from what one process gave: rows, tables and weights of two outputs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from safetensors.numpy import load_file

from tests.pipelines.build.builds import manifest, quarantine, shards
from tests.pipelines.score.worlds import scores

TOLERANCE = 1e-4
"""Of floats: networks add up in another order in batches of other sizes."""


@dataclass(frozen=True)
class Likeness:
    """`rows`: of the cluster's output. `gap`: the largest difference of two floats; infinite where anything else
    differs, rows are missing, or there is nothing to compare."""

    rows: int
    gap: float

    @property
    def equal(self) -> bool:
        return self.gap <= TOLERANCE

    @property
    def described(self) -> str:
        if not self.equal:
            return "NO"
        return "yes" if self.gap == 0 else f"yes, to {self.gap:.0e}"


def gap(left: Any, right: Any) -> float:
    """The largest difference of two floats that lie at the same place of two nested values; infinite where anything
    but a float differs."""
    if isinstance(left, float) and isinstance(right, float):
        if math.isnan(left) or math.isnan(right):
            return 0.0 if math.isnan(left) and math.isnan(right) else math.inf
        return 0.0 if left == right else abs(left - right)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return gap(list(left.values()), list(right.values())) if list(left) == list(right) else math.inf
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):  # a map of Arrow's is a list of tuples
        if len(left) != len(right):
            return math.inf
        return max((gap(*pair) for pair in zip(left, right, strict=True)), default=0.0)
    return 0.0 if left == right else math.inf


def rows(there: Sequence[Any], here: Sequence[Any]) -> Likeness:
    """Of rows in the same order; nothing is like nothing."""
    return Likeness(len(there), gap(list(there), list(here)) if there else math.inf)


def faces(there: Path, here: Path) -> Likeness:
    """Shards, every column byte by byte, their checksums, and what was quarantined."""
    same = manifest(there)["checksum"] == manifest(here)["checksum"] and shards(there).equals(shards(here))
    same = same and quarantine(there) == quarantine(here)
    return Likeness(shards(there).num_rows, 0.0 if same else math.inf)


def scored(there: Path, here: Path) -> Likeness:
    """Rows of scores, by picture and face."""
    return rows(scores(there), scores(here))


def explained(there: Path, here: Path) -> Likeness:
    """LIME explanations below `_explanations/` or `explanations/`, by face."""
    return rows(_explanations(there), _explanations(here))


def explored(there: Path, here: Path) -> Likeness:
    """The tables of an exploration, character by character."""
    left, right = (
        {path.name: path.read_text(encoding="utf-8").splitlines() for path in sorted((root / "tables").glob("*.csv"))}
        for root in (there, here)
    )
    return Likeness(sum(len(lines) - 1 for lines in left.values()), gap(left, right) if left else math.inf)


def weighed(there: Path, here: Path) -> Likeness:
    """Weights of two bundles; a row is a tensor."""
    left, right = (load_file(root / "weights.safetensors") for root in (there, here))
    return Likeness(len(left), max(map(_distance, left.values(), right.values())) if [*left] == [*right] else math.inf)


def _distance(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> float:
    if left.shape != right.shape or np.isnan(left - right).any():
        return math.inf
    return float(np.abs(left - right).max(initial=0.0))


def _explanations(root: Path) -> list[dict[str, Any]]:
    folder = next(root.glob("*explanations"))
    found = [row for path in folder.glob("*.parquet") for row in pq.read_table(path, partitioning=None).to_pylist()]
    return sorted(found, key=lambda row: str(row["face_id"]))
