"""A model as scoring and explaining see it: faces in, probabilities out; opened once per worker process."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt


class Scorer(Protocol):
    """A loaded model. fer_spark.networks.bundle.Bundle is one; tests use small ones with known answers."""

    @property
    def labels(self) -> list[str]:
        """The K classes, in the order of the columns of `predict_proba`."""
        ...

    @property
    def digest(self) -> str:
        """Names the weights and all settings that probabilities depend on."""
        ...

    @property
    def preparation_digest(self) -> str:
        """Names the settings that pictures must be prepared with."""
        ...

    def predict_proba(
        self, images: npt.NDArray[Any], batch_size: int | None = None, views: str | None = None
    ) -> npt.NDArray[np.float32]:
        """(N, S, S) or (N, S, S, 3) uint8, or floats in [0, 1] → (N, K) float32, each row summing to 1."""
        ...

    def predict(
        self, images: npt.NDArray[Any], batch_size: int | None = None, views: str | None = None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
        """`predict_proba`, and valence and arousal as (N, 2) in [-1, 1] or None."""
        ...


@runtime_checkable
class MaskScorer(Protocol):
    """A model that knows a shorter way to score many masked copies of one face."""

    def predict_masked(
        self,
        face: npt.NDArray[Any],
        hidden: npt.NDArray[Any],
        segments: npt.NDArray[np.int64],
        masks: npt.NDArray[np.uint8],
        views: str | None = None,
    ) -> npt.NDArray[np.float32] | None:
        """(M, K) `predict_proba` of copies that show `face` in the segments (S, S) where masks (M, n) are 1 and
        `hidden` elsewhere; None where that is no less work than to score the copies."""
        ...


class ScorerSpec(Protocol):
    """What travels to the executors instead of a model: small, picklable by Spark, opened once per Python worker."""

    @property
    def key(self) -> str:
        """Equal keys open equal models: the model's digest and the device."""
        ...

    def open(self) -> Scorer:
        """Load the model here."""
        ...


_KEPT_MODELS = 2
_OPEN: OrderedDict[str, Scorer] = OrderedDict()


def open_scorer(spec: ScorerSpec) -> Scorer:
    """The model that `spec` describes: one per key and process, for every caller; the two used last stay open."""
    key = spec.key
    if key not in _OPEN:
        while len(_OPEN) >= _KEPT_MODELS:
            _OPEN.popitem(last=False)
        _OPEN[key] = spec.open()
    _OPEN.move_to_end(key)
    return _OPEN[key]
