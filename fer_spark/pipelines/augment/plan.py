"""Whether shards can be augmented, and whether the output may be written to: decided before any work."""

from __future__ import annotations

import json
from typing import Any

from fer_spark.artifacts import Storage
from fer_spark.shards.manifest import NAME, Manifest, read_manifest
from fer_spark.shards.write import remove_orphans

MARKER = "_augmenting.json"
"""Beside files that are being written: those of a run that broke off are its own, and may be removed."""


class AugmentError(Exception):
    """The shards cannot be augmented as requested; the message says what would work."""


def read_originals(source: Storage) -> Manifest:
    """The manifest of shards that have a train split and no copies yet. Raises AugmentError for any others."""
    old = read_manifest(source)
    if old is None:
        raise AugmentError(f"--shards: {source.root} has no {NAME}: name a directory that build-shards published")
    if "augment" in old.settings:
        raise AugmentError(
            f"--shards: {source.root} has copies already, made from {old.settings['augment'].get('of')}: "
            "augment the originals, so that no copy is copied"
        )
    if not old.counts.per_split.get("train"):
        raise AugmentError(f"--shards: {source.root} has no train split: there is nothing to copy")
    return old


def prepare_output(source: Storage, target: Storage, requested: dict[str, Any]) -> Manifest | None:
    """Make the output ready for writing; its manifest if it is complete as requested. Raises AugmentError otherwise."""
    if target.root == source.root:
        raise AugmentError("--output: the shards themselves; name another directory, they stay as they are")
    there = read_manifest(target)
    if there is not None:
        if there.settings.get("augment") == requested:
            target.delete(MARKER)
            return there
        raise AugmentError(f"--output: {target.root} holds other shards; name another directory, or remove them")
    if target.exists(MARKER):
        remove_orphans(target, set())  # of a run that broke off: the marker says that the files are its own
    elif target.list_files():
        raise AugmentError(f"--output: {target.root} holds other files; name an empty or a new directory")
    target.publish_text(MARKER, json.dumps(requested, indent=1))
    return None
