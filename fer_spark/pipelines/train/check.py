"""Whether shards hold what a training asks of them, looked up before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_spark.shards.read.files import ShardFiles
from fer_spark.shards.read.reader import ShardReader
from fer_spark.shards.read.remedies import no_labels

if TYPE_CHECKING:
    from fer_spark.pipelines.train.settings import AllSettings


def check_labelled(shards: str, train: ShardReader) -> None:
    """Raise ValueError for shards that were built without labels."""
    if not train.label_names:
        raise ValueError(no_labels(shards))


def check_data(settings: AllSettings, train: ShardReader, val: ShardReader | None) -> None:
    """Raise ValueError naming the first thing that the shards lack, and the flag that needs it."""
    run = settings.run
    if len(train.label_names) < 2:
        raise ValueError(f"{run.shards}: its only class is {', '.join(train.label_names)}; training needs two or more")
    if not train.class_counts().any():
        raise ValueError(f"{run.shards}: no row of split {run.train_split!r} has a label; there is nothing to learn")
    if val is not None and not val.class_counts().any():
        raise ValueError(
            f"{run.shards}: no row of split {run.val_split!r} has a label to choose the epoch by; "
            "name another --val-split, or none: --val-split '', or build the shards with --val-from train"
        )
    if train.steps(0) < 1:
        raise ValueError(
            f"--last-batch drop leaves nothing: {train.rows:,} rows of split {run.train_split!r} are less than one "
            f"batch of {settings.read.batch_size} on each process; a smaller --batch-size, or --last-batch pad"
        )
    if not settings.train.init and min(train.image.std) <= 0:
        raise ValueError(
            f"{run.shards}: its manifest states pixels without deviation (mean {train.image.mean}), as its train split "
            "is empty or holds pictures of one gray alone; build the shards with the pictures to learn in train, or "
            "start from a bundle, which brings its own statistics: --init"
        )
    if settings.train.soft_label_share > 0:
        _check_column(settings, "label_probs", "--soft-label-share", "soft labels (annotators' votes)")
    if settings.network.va_head:
        for name in ("valence", "arousal"):
            _check_column(settings, name, "--va-head", name)


def _check_column(settings: AllSettings, column: str, flag: str, meaning: str) -> None:
    run = settings.run
    files = ShardFiles.find(run.shards, run.train_split)
    known = sum(len(part) - part.null_count for part in files.read_column(column, settings.read.read_workers))
    if not known:
        raise ValueError(
            f"{flag}: no row of split {run.train_split!r} in {run.shards} carries {meaning}: build the shards from a "
            f"source that states them, or leave out {flag}"
        )
