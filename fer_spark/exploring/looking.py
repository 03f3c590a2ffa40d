"""Measures pictures on the executors; keeps pixel sums and a few small pictures for mean faces and sheets."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fer_spark.pixels.cells import rows_of
from fer_spark.rows import LOOKED

Pixels = npt.NDArray[np.uint8]
MEAN_PX, SMALL_PX = 48, 96
PICTURE, SMALL, SUMS = "picture", "small", "sums"
_BATCH_ROWS = 2048


@dataclass(frozen=True)
class Look:
    """What one picture is. `measures` by column of LOOKED, from image_id to perceptual_hash.

    pixels: (H, W) or (H, W, 3) RGB as decoded; gray: (MEAN_PX, MEAN_PX).
    """

    measures: Mapping[str, Any]
    pixels: Pixels
    gray: Pixels


@dataclass(frozen=True)
class Unseen:
    """A picture that could not be looked at, and why: one of rows.REASONS."""

    reason: str


LookAt = Callable[[Mapping[str, Any]], Look | Unseen]
"""From a row (with path, content and what else the job needs) to what its picture is."""


@dataclass(frozen=True)
class Keep:
    """What a task keeps: so many small pictures per label, the sums for mean pictures, rows of single pictures."""

    per_label: int
    mean_faces: bool
    rows: bool = True


@dataclass(frozen=True)
class _Small:
    order: int
    path: str
    split: str
    pixels: Pixels

    def __lt__(self, other: _Small) -> bool:
        return self.order < other.order


@dataclass
class _Sums:
    pictures: int = 0
    pixels: int = 0
    total: int = 0
    squares: int = 0
    mean: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((MEAN_PX, MEAN_PX), np.int64))

    def add(self, look: Look) -> None:
        self.pictures += 1
        self.pixels += look.pixels.size
        self.total += int(look.pixels.sum(dtype=np.int64))
        self.squares += round(cv2.norm(look.pixels.reshape(-1), cv2.NORM_L2SQR))
        self.mean += look.gray


def study(batches: Iterator[pa.RecordBatch], look_at: LookAt, keep: Keep) -> Iterator[pa.RecordBatch]:
    """Batches of rows (path, split, label, draw, reason, content …) → batches of LOOKED.

    A row whose `reason` is set is passed on as it is, without being looked at.
    """
    rows: list[dict[str, Any]] = []
    sums: dict[tuple[str, str], _Sums] = {}
    kept: dict[str, list[_Small]] = {}
    for batch in batches:
        for row in rows_of(batch):
            head = {name: row[name] for name in ("path", "split", "label", "draw")}
            seen = Unseen(row["reason"]) if row["reason"] is not None else look_at(row)
            if isinstance(seen, Unseen):
                rows.append({**head, "kind": PICTURE, "reason": seen.reason})
                continue
            sums.setdefault((row["split"], row["label"]), _Sums()).add(seen)
            _keep_small(kept.setdefault(row["label"], []), row, seen.pixels, keep.per_label)
            if keep.rows:
                rows.append({**head, "kind": PICTURE, **seen.measures})
            if len(rows) >= _BATCH_ROWS:
                yield _batch(rows)
                rows = []
    rows += [_small_row(label, picture) for label, few in kept.items() for picture in few]
    rows += [_sums_row(place, place_sums, keep.mean_faces) for place, place_sums in sums.items()]
    if rows:
        yield _batch(rows)


def small(pixels: Pixels) -> Pixels:
    """At most SMALL_PX on the longer side; smaller pictures stay as they are."""
    height, width = pixels.shape[:2]
    scale = SMALL_PX / max(height, width)
    if scale >= 1:
        return pixels
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _keep_small(heap: list[_Small], row: Mapping[str, Any], pixels: Pixels, most: int) -> None:
    """A heap of the least draws, the greatest of them on top. Of equal draws, any: they are the same path."""
    if len(heap) < most or (most and -row["draw"] > heap[0].order):
        push = heapq.heappush if len(heap) < most else heapq.heapreplace
        push(heap, _Small(-row["draw"], row["path"], row["split"], small(pixels)))


def _small_row(label: str, picture: _Small) -> dict[str, Any]:
    head = {"kind": SMALL, "path": picture.path, "split": picture.split, "label": label}
    return {**head, "draw": -picture.order, "content": png(picture.pixels)}


def _sums_row(place: tuple[str, str], sums: _Sums, mean_faces: bool) -> dict[str, Any]:
    return {
        "kind": SUMS,
        "split": place[0],
        "label": place[1],
        "content": sums.mean.astype("<i8").tobytes() if mean_faces else None,
        "pictures": sums.pictures,
        "pixels": sums.pixels,
        "total": sums.total,
        "squares": sums.squares,
    }


def png(pixels: Pixels) -> bytes:
    """A gray or RGB picture as a PNG file."""
    stored = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".png", stored)[1])


def _batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, LOOKED.arrow_schema)
