"""What to do about shards that a training or a measurement cannot use, in the words that every command says."""

from __future__ import annotations

from collections.abc import Sequence

from fer_spark.machine import local_path


def no_shards(uri: str, name: str) -> str:
    """For a place without the manifest, a file of this name."""
    text = f"{uri}: no {name} there: give the output directory of build-shards"
    if "://" not in uri and local_path(uri) is None:
        text += "; a path without a scheme is of this machine's disk: of a cluster's file system give hdfs://…"
    return text


def no_such_split(uri: str, split: str, splits: Sequence[str]) -> str:
    """For a split that shards do not have."""
    text = f"{uri}: no split {split!r}; there are: {', '.join(splits) or '(none)'}"
    if split == "val" and "train" in splits:
        text += (
            ". build-shards --val-from train --on-existing overwrite draws one from train, persons kept together; or "
            "name another (train, compare: --val-split, '' for none; evaluate: --split)"
        )
    return text


def no_labels(uri: str) -> str:
    """For shards none of whose rows has a label."""
    return (
        f"{uri}: these shards were built without labels, so there is nothing to learn or to measure. Build them from a "
        "source that states labels (--source folder, legend …), or name a table's column: build-shards --label-column "
        "NAME; faces without labels can be scored: score --source shards"
    )
