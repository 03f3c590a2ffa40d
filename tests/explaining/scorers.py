"""Models with known answers, for tests of explanations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass
class RegionScorer:
    """P(happy) = 0.1 + 0.8 · Σ wᵢ · brightness of region i; regions are (top, bottom, left, right) in px.

    `seen` counts the pictures it was asked about.
    """

    regions: tuple[tuple[int, int, int, int], ...]
    strengths: tuple[float, ...]
    seen: int = 0
    calls: list[int] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        return ["sad", "happy"]

    @property
    def digest(self) -> str:
        return "of-regions"

    @property
    def preparation_digest(self) -> str:
        return "none"

    def predict_proba(
        self, images: npt.NDArray[Any], batch_size: int | None = None, views: str | None = None
    ) -> npt.NDArray[np.float32]:
        self.seen += len(images)
        self.calls.append(len(images))
        scale = 255 if images.dtype == np.uint8 else 1
        gray = images.reshape(*images.shape[:3], -1).mean(axis=3, dtype=np.float64) / scale
        happy = np.full(len(images), 0.1)
        for (top, bottom, left, right), strength in zip(self.regions, self.strengths, strict=True):
            happy += 0.8 * strength * gray[:, top:bottom, left:right].mean(axis=(1, 2))
        return np.stack([1 - happy, happy], axis=1).astype(np.float32)

    def predict(
        self, images: npt.NDArray[Any], batch_size: int | None = None, views: str | None = None
    ) -> tuple[npt.NDArray[np.float32], None]:
        return self.predict_proba(images, batch_size, views), None


@dataclass
class PairScorer(RegionScorer):
    """As RegionScorer, but regions 2i and 2i+1 count only together: their brightnesses are multiplied."""

    def predict_proba(
        self, images: npt.NDArray[Any], batch_size: int | None = None, views: str | None = None
    ) -> npt.NDArray[np.float32]:
        self.seen += len(images)
        means = [images[:, a:b, c:d].mean(axis=(1, 2)) / 255 for a, b, c, d in self.regions]
        happy = np.full(len(images), 0.1)
        for i, strength in enumerate(self.strengths):
            happy += 0.8 * strength * means[2 * i] * means[2 * i + 1]
        return np.stack([1 - happy, happy], axis=1).astype(np.float32)


@dataclass
class ContrastScorer(RegionScorer):
    """P(happy) = 0.1 + Σ wᵢ · the deviation of region i's pixels: a segment that shows its own mean takes some away."""

    def predict_proba(
        self, images: npt.NDArray[Any], batch_size: int | None = None, views: str | None = None
    ) -> npt.NDArray[np.float32]:
        gray = images.reshape(*images.shape[:3], -1)[..., -1] / 255
        happy = np.full(len(images), 0.1)
        for (top, bottom, left, right), strength in zip(self.regions, self.strengths, strict=True):
            happy += strength * gray[:, top:bottom, left:right].std(axis=(1, 2))
        return np.stack([1 - happy, happy], axis=1).astype(np.float32)


@dataclass(frozen=True)
class RegionSpec:
    """A ScorerSpec of a RegionScorer."""

    regions: tuple[tuple[int, int, int, int], ...]
    strengths: tuple[float, ...]

    @property
    def key(self) -> str:
        return f"{self.regions}{self.strengths}"

    def open(self) -> RegionScorer:
        return RegionScorer(self.regions, self.strengths)


def noise(shape: tuple[int, ...] = (48, 48), seed: int = 1) -> npt.NDArray[np.uint8]:
    """Bright, uneven pixels: 150-250."""
    return np.random.default_rng(seed).integers(150, 251, shape, dtype=np.uint8)
