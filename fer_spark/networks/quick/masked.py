"""Many masked copies of one face: what the first layers see is computed once for each way it can be masked.

A residual network's stem and first block look 3 px around. A tile of 4 px thus depends on 10 px, on which at most four
of 36 equal segments lie: 16 ways, where a thousand masks would be a thousand computations. The tiles of each masked
copy are then put together, and the other layers go on from there. Nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from fer_spark.networks.quick.onednn import QuickTrunk, is_plain_resnet

_TILE_PX = 4
_HALO_PX = 3
_WINDOW_PX = _TILE_PX + 2 * _HALO_PX
_TILE_COST = 6**2 + 4**2
"""Places that the block's two convolutions compute for one tile; for a whole face they compute each pixel twice."""
_WORTH = 0.5
"""Most work on tiles, as a share of that on whole faces, that still gains something after putting tiles together."""
_MOST_SEGMENTS = 12
_TILES_AT_ONCE = 256

Array = npt.NDArray[Any]
Rest = Callable[[torch.Tensor], torch.Tensor]
"""What the first block gives, (N, F, S, S) → features of the face."""


@dataclass(frozen=True)
class Look:
    """One view of a face under masks: standardised `face` and `hidden` (C, S, S) float32, `segments` (S, S) int64."""

    face: Array
    hidden: Array
    segments: npt.NDArray[np.int64]


class MaskedTrunk:
    """A residual trunk, for masked copies of faces. `of` says None for trunks whose first layers look further."""

    def __init__(self, stem: nn.Conv2d, block: nn.Module, rest: Rest, dtype: torch.dtype) -> None:
        convolutions = (stem, *(layer for layer in block.modules() if isinstance(layer, nn.Conv2d)))
        self._convolutions = [(layer.weight, layer.bias) for layer in convolutions]
        self._rest = rest
        self._type = dtype

    @classmethod
    def of(cls, trunk: nn.Module) -> MaskedTrunk | None:
        """For a trunk without batch norms, on a CPU."""
        if isinstance(trunk, QuickTrunk):
            stem, block, dtype = trunk.stem, trunk.first_block, torch.bfloat16
            rest: Rest = trunk.after_first_block
        elif is_plain_resnet(trunk):
            stem, *stages, pool = trunk.children()
            block, *others = (block for stage in stages for block in stage.children())
            rest, dtype = nn.Sequential(*others, pool), torch.float32
        else:
            return None
        first, *longer = (layer for layer in stem.children() if isinstance(layer, nn.Conv2d))
        convolutions = [layer for layer in block.modules() if isinstance(layer, nn.Conv2d)]
        far = any(isinstance(layer, nn.Linear) for layer in block.modules()) or list(
            block.get_submodule("shortcut").children()
        )
        near = all(layer.kernel_size == (3, 3) and layer.stride == (1, 1) for layer in (first, *convolutions))
        return cls(first, block, rest, dtype) if near and not far and not longer else None

    def features(self, look: Look, masks: npt.NDArray[np.uint8], batch: int) -> torch.Tensor | None:
        """(M, F) features of the copies that show the segments where `masks` (M, n) are 1.

        None where masks are too few, or segments too small, for tiles to be less work than whole faces.
        """
        tiling = _tiling(look.segments.tobytes(), look.segments.shape[0])
        if tiling is None:
            return None
        ways, of_mask = tiling.ways(masks)
        if len(ways[0]) * _TILE_COST > _WORTH * 2 * look.segments.size * len(masks):
            return None
        tiles = self._tiles(*tiling.windows(look, *ways))
        return torch.cat([self._rest(faces) for faces in tiling.put_together(tiles, of_mask, batch)])

    def _tiles(self, windows: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        """(P, C, 10, 10) windows, and where they lie in the picture (P, 1, 10, 10) → (P, 4, 4, F) of the first block.

        Every convolution sees zeros outside the picture, as with padding.
        """
        stem, first, second = self._convolutions
        found = []
        for start in range(0, len(windows), _TILES_AT_ONCE):
            x = windows[start : start + _TILES_AT_ONCE].contiguous(memory_format=torch.channels_last)
            real = inside[start : start + _TILES_AT_ONCE]
            x = functional.relu(functional.conv2d(x, *stem)) * real[:, :, 1:-1, 1:-1]
            y = functional.relu(functional.conv2d(x, *first)) * real[:, :, 2:-2, 2:-2]
            x = functional.relu(functional.conv2d(y, *second) + x[:, :, 2:-2, 2:-2])
            found.append(x.permute(0, 2, 3, 1).to(self._type))
        return torch.cat(found)


@dataclass(frozen=True)
class _Tiling:
    """A segment map cut into T tiles, each with the window (10, 10) that it depends on.

    `spread` (n, T) float64 gives segment s on tile t the bit 2^i of its place i among the tile's segments, or 0;
    `places` (T, 100) is that place i for each pixel of the window.
    """

    side: int
    offset: tuple[int, int]
    spread: npt.NDArray[np.float64]
    places: npt.NDArray[np.int64]
    most: int

    def ways(self, masks: npt.NDArray[np.uint8]) -> tuple[tuple[Array, Array], Array]:
        """The P different (tile, code) there are, as two (P,), and which of them each mask shows where, (M, T)."""
        codes = (masks[:, : len(self.spread)].astype(np.float64) @ self.spread).astype(np.int64)
        seen = np.zeros((self.spread.shape[1], 1 << self.most), dtype=bool)
        tiles = np.arange(self.spread.shape[1])
        seen[tiles, codes] = True
        number = np.cumsum(seen.ravel()).reshape(seen.shape) - 1
        tile, code = np.nonzero(seen)
        return (tile, code), number[tiles, codes]

    def windows(self, look: Look, tile: Array, code: Array) -> tuple[torch.Tensor, torch.Tensor]:
        """What the tiles see: (P, C, 10, 10), zero outside the picture; and (P, 1, 10, 10), 1 inside it."""
        shown = (code[:, None] >> self.places[tile]) & 1
        real, face, hidden = (
            _windows(planes, self.offset)[tile]
            for planes in (np.ones((1, self.side, self.side), np.float32), look.face, look.hidden)
        )
        seen = np.where(shown.astype(bool).reshape(-1, 1, _WINDOW_PX, _WINDOW_PX), face, hidden)
        return torch.from_numpy(seen), torch.from_numpy(real)

    def put_together(self, tiles: torch.Tensor, of_mask: Array, batch: int) -> Iterator[torch.Tensor]:
        """(P, 4, 4, F) and which tiles each mask shows, (M, T) → (≤ batch, F, S, S), channels last."""
        rows, columns = (np.arange(self.side) - start for start in self.offset)
        across = -(-(self.side - self.offset[1]) // _TILE_PX)
        tile = torch.from_numpy((rows[:, None] // _TILE_PX) * across + columns // _TILE_PX).ravel()
        within = torch.from_numpy((rows[:, None] % _TILE_PX) * _TILE_PX + columns % _TILE_PX).ravel()
        pixels = tiles.reshape(-1, tiles.shape[3])
        for start in range(0, len(of_mask), batch):
            part = torch.from_numpy(of_mask[start : start + batch]) * _TILE_PX**2
            indices = part[:, tile] + within
            faces = pixels.index_select(0, indices.ravel()).reshape(-1, self.side, self.side, tiles.shape[3])
            yield faces.permute(0, 3, 1, 2)


@lru_cache(maxsize=16)
def _tiling(segments: bytes, side: int) -> _Tiling | None:
    """The tiling, of the 16 that start at different pixels, with the fewest ways; None for segments too small."""
    of_pixel = np.frombuffer(segments, dtype=np.int64).reshape(1, side, side)
    best: tuple[int, tuple[int, int], Array] | None = None
    for top in range(1 - _TILE_PX, 1):
        for left in range(1 - _TILE_PX, 1):
            windows = _windows(of_pixel, (top, left), outside=-1).reshape(-1, _WINDOW_PX**2)
            ordered = np.sort(windows, axis=1)
            counts = (np.diff(ordered, axis=1) > 0).sum(axis=1) + (ordered[:, 0] >= 0)
            cost = int((1 << np.minimum(counts, 40)).sum())
            if best is None or cost < best[0]:
                best = cost, (top, left), windows
    assert best is not None
    _, offset, windows = best
    spread = np.zeros((int(of_pixel.max()) + 1, len(windows)))
    places = np.zeros(windows.shape, dtype=np.int64)
    most = 0
    for tile, window in enumerate(windows):
        lying, place = np.unique(window, return_inverse=True)
        first = int(lying[0] < 0)  # outside the picture: no segment
        most = max(most, len(lying) - first)
        places[tile] = np.maximum(place - first, 0)
        spread[lying[first:], tile] = 2.0 ** np.arange(len(lying) - first)
    return _Tiling(side, offset, spread, places, most) if most <= _MOST_SEGMENTS else None


def _windows(planes: Array, offset: tuple[int, int], outside: float = 0) -> Array:
    """(C, S, S) → (T, C, 10, 10): the windows of all tiles of 4 px, row by row, the first tile at `offset` <= 0."""
    side = planes.shape[1]
    pads = []
    for start in offset:
        count = -(-(side - start) // _TILE_PX)
        pads.append((_HALO_PX - start, count * _TILE_PX + start - side + _HALO_PX))
    padded = np.pad(planes, [(0, 0), *pads], constant_values=outside)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_WINDOW_PX, _WINDOW_PX), axis=(1, 2))
    every = windows[:, ::_TILE_PX, ::_TILE_PX].transpose(1, 2, 0, 3, 4)
    return every.reshape(-1, len(planes), _WINDOW_PX, _WINDOW_PX)
