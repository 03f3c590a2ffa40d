"""What an explanation rests on, in words: the parts of the face that speak for the label, and those against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fer_spark.explaining.superpixels import Array, SegmentMap, landmarks

_PAIRS = {"brow": "brows", "eye": "eyes", "cheek": "cheeks"}
_SIDES = ("left", "right")
_MOST_FOR, _MOST_AGAINST = 3, 2
_LEAST = 0.1
"""Share of the weight, of those that speak for the label or of all, from which a region is named."""


def region_weights(segments: SegmentMap, weights: Array, names: Sequence[str] | None = None) -> dict[str, float]:
    """The weight of each region of a face (superpixels.REGIONS): `weights` (n,) of the `segments` (S, S) called so.

    Without `names` a segment's weight is divided among the regions of an aligned face by the pixels that it has there.
    """
    if names is not None:
        return {name: float(weight) for name, weight in zip(names, weights, strict=True)}
    face = landmarks(len(segments))
    assert face.names is not None
    shared = np.zeros((len(weights), face.count))
    np.add.at(shared, (segments.ravel(), face.map.ravel()), 1)
    found = weights @ (shared / np.maximum(shared.sum(axis=1, keepdims=True), 1))
    return dict(zip(face.names, found.tolist(), strict=True))


def in_words(regions: Mapping[str, float]) -> str:
    """`mouth 46 %, left eye 18 %; brows against it`: shares of all that speaks for the label; empty where nothing does.

    At most three regions for it and two against, each with a tenth of the weight or more. Left and right are the
    picture's; two sides of which neither has less than a third of both are named together.
    """
    joined = _joined(regions)
    total_for = sum(weight for weight in joined.values() if weight > 0)
    total = sum(map(abs, joined.values()))
    if total_for <= 0:
        return ""
    order = sorted(joined, key=lambda name: -joined[name])
    of_label = [name for name in order if joined[name] >= _LEAST * total_for][:_MOST_FOR]
    against = [name for name in reversed(order) if joined[name] <= -_LEAST * total][:_MOST_AGAINST]
    words = ", ".join(f"{name} {joined[name] / total_for:.0%}".replace("%", " %") for name in of_label)
    return f"{words}; {' and '.join(against)} against it" if against else words


def _joined(regions: Mapping[str, float]) -> dict[str, float]:
    """By their names in words, two sides as one where they speak alike."""
    left = dict(regions)
    found: dict[str, float] = {}
    for part, both in _PAIRS.items():
        pair = [left.pop(f"{part}_{side}", 0.0) for side in _SIDES]
        alike = pair[0] * pair[1] > 0 and min(map(abs, pair)) >= abs(sum(pair)) / 3
        found |= {both: sum(pair)} if alike else {f"{side} {part}": w for side, w in zip(_SIDES, pair, strict=True)}
    return found | left
