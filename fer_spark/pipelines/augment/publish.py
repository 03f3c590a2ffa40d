"""Write shards with marked copies beside a manifest: files first, what was written read back and checked, then it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pyspark.sql import SparkSession

from fer_spark import __version__
from fer_spark.artifacts import Storage
from fer_spark.pipelines.augment.plan import MARKER, prepare_output, read_originals
from fer_spark.shards.balance import ClassCopies, measure_copies, plan_copies, with_copies
from fer_spark.shards.copies import AUGMENTED_FROM, CopySettings
from fer_spark.shards.layout import Layout
from fer_spark.shards.manifest import NAME, Manifest, ManifestError
from fer_spark.shards.moments import with_copies_counted
from fer_spark.shards.settings import ShardSettings
from fer_spark.shards.write import (
    Measured,
    describe_files,
    measure,
    read_files,
    read_quarantine,
    write_faces,
    write_quarantine,
)

if TYPE_CHECKING:
    from fer_spark.spark.progress import JobProgress


@dataclass(frozen=True)
class Augmented:
    """`before`: train rows per label. `published` is false if the output was complete already."""

    manifest: Manifest
    plan: dict[str, ClassCopies]
    before: dict[str, int]
    published: bool


def augment(source: Storage, target: Storage, to: int, settings: CopySettings, progress: JobProgress) -> Augmented:
    """Write the shards of `source` with copies up to `to` train rows per class (0: as many as the largest has).

    Raises AugmentError for an input or output that will not do, ManifestError for shards that are not what their
    manifest says; nothing is published then.
    """
    began = time.monotonic()
    old = read_originals(source)
    before = {name: old.counts.per_label.get("train", {}).get(name, 0) for name in old.label_names}
    plan = plan_copies(before, to)
    requested = {"to": to or "max", "copies": asdict(settings), "of": source.root, "of_checksum": old.checksum}
    finished = prepare_output(source, target, requested)
    if finished is not None:
        return Augmented(finished, plan, before, published=False)
    spark = SparkSession.active()
    with progress.step("writing shards with copies"):
        faces = read_files(spark, source, [file.path for file in old.files])
        frame = with_copies(faces, plan, old.images, settings)
        # beside the pixels, as a column that no dictionary would make smaller
        paths = write_faces(spark, target, frame, _layout(old, plan), [*old.images, AUGMENTED_FROM.name])
        refused = read_quarantine(spark, source, old.quarantine_files) if old.quarantine_files else None
        quarantined = [] if refused is None else write_quarantine(target, refused)
    with progress.step("reading back"):
        measured = measure(spark, target, paths, list(old.images))
        of_copies, moments = measure_copies(read_files(spark, target, paths), old.images)
        _check(old, plan, measured, of_copies, source)
        files = describe_files(spark, target, paths, measured.rows)
    run = {
        "command": "augment-shards",
        "spark_version": spark.version,
        "cores": spark.sparkContext.defaultParallelism,
        "total_s": round(time.monotonic() - began, 2),
    }
    manifest = replace(
        _described(old, plan, measured, moments, requested), files=files, quarantine_files=quarantined, run=run
    )
    manifest.counts.check()
    target.publish_text(NAME, manifest.to_json())
    target.delete(MARKER)
    return Augmented(manifest, plan, before, published=True)


def _described(
    old: Manifest,
    plan: Mapping[str, ClassCopies],
    written: Measured,
    moments: Mapping[str, list[float]],
    requested: dict[str, Any],
) -> Manifest:
    """The manifest of originals and copies together, but for its files."""
    return replace(
        old,
        counts=replace(
            old.counts,
            written_faces=sum(written.rows.values()),
            per_split={split: sum(labels.values()) for split, labels in sorted(written.per_label.items())},
            per_label=written.per_label,
        ),
        images=with_copies_counted(old, moments, sum(copied.copies for copied in plan.values())),
        checksum=f"{written.checksum:016x}",
        settings=old.settings_of_today | {"augment": requested},
        notes=[*old.notes, _note(plan)],
        package_version=__version__,
    )


def _layout(old: Manifest, plan: Mapping[str, ClassCopies]) -> Layout:
    """Val and test in as many files as they are in; train in more, of the size that its files have."""
    rows = dict(old.counts.per_split)
    files = {split: sum(file.split == split for file in old.files) for split, count in rows.items() if count}
    grown = 1 + sum(copied.copies for copied in plan.values()) / rows["train"]
    files["train"] = math.ceil(files["train"] * grown)
    stated = old.settings.get("shards", {})
    planned = Layout.plan(
        rows,
        row_bytes=sum(file.bytes for file in old.files) / max(sum(rows.values()), 1),
        rows_per_file=0,
        target_bytes=1.0,
        rows_per_group=int(stated.get("rows_per_group", ShardSettings().rows_per_group)),
    )
    return Layout(files, planned.rows_per_group)


def _check(old: Manifest, plan: Mapping[str, ClassCopies], written: Measured, of_copies: int, source: Storage) -> None:
    """Originals must be there unchanged, by number and checksum, and each class must have the copies it was to get."""
    expected = {split: dict(labels) for split, labels in old.counts.per_label.items() if labels}
    for label, copied in plan.items():
        expected["train"][label] += copied.copies
    if written.per_label != expected:
        raise ManifestError(
            f"{source.root}: its manifest and the copies make {expected}, but {written.per_label} was written: files "
            "of the shards are not what their manifest says; build them again"
        )
    originals = f"{(written.checksum - of_copies) % 2**64:016x}"
    if originals != old.checksum:
        raise ManifestError(
            f"{source.root}: its rows have the checksum {originals}, its manifest says {old.checksum}: files were "
            "changed; build the shards again"
        )


def _note(plan: Mapping[str, ClassCopies]) -> str:
    added = (
        ", ".join(f"{label} {copied.copies:,} of {copied.rows:,}" for label, copied in sorted(plan.items())) or "none"
    )
    return (
        f"train holds marked copies (column {AUGMENTED_FROM.name}): {added}. They are faces, not pictures: `input` and "
        "`written_images` count pictures, `written_faces` and the splits count copies too; the checksum leaves the "
        "column out. Judge on val and test, which have none."
    )
