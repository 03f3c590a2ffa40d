"""Checks that a bundle and shards fit: labels by name, pictures by how they were prepared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fer_spark.labels import canonical
from fer_spark.networks.card import Card
from fer_spark.preparation.preparation import ANY, Reuse
from fer_spark.shards.manifest import Manifest

_LEAST_SUM = 1e-12
MEASURE_ANYWAY = "pass --force to evaluate anyway; the report states it"


class MismatchError(ValueError):
    """A bundle and a set of shards that should not be measured against each other; the message names the next step."""


@dataclass(frozen=True)
class LabelMatch:
    """The classes that both know, in the shards' order, and where each is found.

    shard_index   (shards' classes,) place among `names`, -1 for a class that the bundle does not know
    columns       (K,) the bundle's column for each of `names`
    """

    names: tuple[str, ...]
    shard_index: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    only_in_shards: tuple[str, ...] = ()
    only_in_bundle: tuple[str, ...] = ()

    def true(self, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The shards' label indices, -1 where none, as indices of `names`, -1 where none or unknown to the bundle."""
        return np.where(labels < 0, -1, self.shard_index[labels])

    def probabilities(self, of_bundle: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """(N, bundle's classes) → (N, K) in the order of `names`, scaled to sum to 1 where classes were left out."""
        kept = np.asarray(of_bundle[:, self.columns], dtype=np.float64)
        return kept / np.maximum(kept.sum(axis=1, keepdims=True), _LEAST_SUM) if self.only_in_bundle else kept


def match_labels(
    shards: Sequence[str], bundle: Sequence[str], rows: Mapping[str, int], leave_out: bool = False
) -> LabelMatch:
    """Match classes by name, whatever their order.

    With `leave_out` other spellings of one expression match too, and classes that only one side knows are left out;
    without it both raise MismatchError. `rows` says how many pictures each of the shards' classes has.
    """
    known = {_plain(name, leave_out): k for k, name in enumerate(bundle)}
    places = [known.get(_plain(name, leave_out), -1) for name in shards]
    kept = [(name, place) for name, place in zip(shards, places, strict=True) if place >= 0]
    only_shards = tuple(name for name, place in zip(shards, places, strict=True) if place < 0)
    only_bundle = tuple(name for k, name in enumerate(bundle) if k not in places)
    if len(kept) < 2:
        raise MismatchError(
            f"labels: bundle and shards have {len(kept)} classes in common; the bundle knows {', '.join(bundle)}, "
            f"the shards have {', '.join(shards)}: choose another bundle, or build the shards with its --labels"
        )
    if (only_shards or only_bundle) and not leave_out:
        raise MismatchError(_unlike(only_shards, only_bundle, rows))
    index = np.full(len(shards), -1, dtype=np.int64)
    columns: list[int] = []
    for name, place in kept:
        index[list(shards).index(name)] = len(columns)
        columns.append(place)
    names = tuple(name for name, _ in kept)
    return LabelMatch(names, index, np.array(columns, dtype=np.int64), only_shards, only_bundle)


def image_column(card: Card, manifest: Manifest, requested: str) -> str:
    """The pixel column that fits the bundle: `requested`, if given. Raises MismatchError where none does."""
    fits = [name for name, column in manifest.images.items() if column.pixels.face == card.image]
    if requested in fits or (fits and not requested):
        return requested or fits[0]
    needed = str(card.image)
    have = ", ".join(f"{name} ({column.pixels.face})" for name, column in manifest.images.items())
    raise MismatchError(
        f"pictures: the bundle takes {needed}, {f'--image-column {requested} is not that; ' if requested else ''}"
        f"the shards hold {have}: build them with --size {needed}"
    )


def preparation_differences(card: Card, manifest: Manifest, column: str, detector: str = "") -> list[str]:
    """One line for each setting by which the shards' pictures were prepared otherwise than the bundle's.

    `detector`: the one that the user accepts, whatever the card names. Raises BundleError for a newer card.
    """
    if not card.preparation:
        return []
    image, shards, bundle = manifest.images[column].pixels, manifest.preparation, card.prepared
    if detector and detector == shards.detector:
        bundle = replace(bundle, accepts=ANY)
    size = (image.size_px, image.mode)
    return bundle.differences(shards, Reuse.PIXELS, "for the bundle", "in the shards", size=size)


def check_preparation(differing: Sequence[str], forced: bool, otherwise: str = MEASURE_ANYWAY) -> None:
    """Raise MismatchError that names every difference, unless `forced`; `otherwise`: what else the user can do."""
    if differing and not forced:
        raise MismatchError(
            "preparation: these shards hold pictures prepared otherwise than those the bundle was trained on, so its "
            "figures would say little about it:\n  "
            + "\n  ".join(differing)
            + f"\nbuild the shards with the bundle's settings, or {otherwise}"
        )


def _plain(name: str, any_spelling: bool) -> str:
    return (canonical(name) or name) if any_spelling else name


def _unlike(only_shards: tuple[str, ...], only_bundle: tuple[str, ...], rows: Mapping[str, int]) -> str:
    parts = []
    if only_shards:
        counted = ", ".join(f"{name} ({rows.get(name, 0):,} pictures)" for name in only_shards)
        parts.append(f"only the shards have {counted}")
    if only_bundle:
        parts.append(f"only the bundle has {', '.join(only_bundle)}")
    same = [
        f"{a} and {b} are one expression"
        for a in only_shards
        for b in only_bundle
        if canonical(a) is not None and canonical(a) == canonical(b)
    ]
    hint = f" ({'; '.join(same)})" if same else ""
    return (
        f"labels: {'; '.join(parts)}{hint}. --map-labels matches other spellings, leaves out pictures of classes that "
        "the bundle does not know, and keeps it from answering with classes that the shards do not have"
    )
