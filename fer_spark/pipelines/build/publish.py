"""Write the decided faces and the quarantine table, read them back, check the counts, and publish the manifest last."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from fer_spark import __version__
from fer_spark.faces.settings import ImageSpec
from fer_spark.pipelines.build.context import Build
from fer_spark.pipelines.build.decide import Decided
from fer_spark.rows import QUARANTINE, moments_column
from fer_spark.shards.layout import Layout
from fer_spark.shards.manifest import NAME, Counts, ImageColumn, Manifest
from fer_spark.shards.petastorm.metadata import publish_petastorm_metadata
from fer_spark.shards.write import (
    describe_files,
    measure,
    read_quarantine,
    remove_orphans,
    write_faces,
    write_quarantine,
)
from fer_spark.sources.splits import assign_splits

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Published:
    """`published` is false if too much of the input was bad or nothing was left to do. `examples`: one per reason."""

    manifest: Manifest
    published: bool
    too_many_bad: bool
    examples: dict[str, tuple[str, str]]


def publish(
    build: Build, staged: DataFrame, decided: Decided, old: Manifest | None, run: dict[str, Any], began: float
) -> Published:
    """Files first, manifest last, then what the manifest replaced is removed."""
    base, storage = build.plan.base, build.storage
    columns = [spec.column for spec in build.settings.faces.specs]
    counts = _counts(decided)
    counts.check()
    draft = _draft(build, decided, counts, run)
    if counts.bad_fraction > build.settings.shards.max_bad_fraction:
        return Published(draft, published=False, too_many_bad=True, examples=decided.examples)
    replaced = set() if old is None else {*(file.path for file in old.files), *old.quarantine_files}
    if build.plan.leftovers:
        remove_orphans(storage, replaced)
    faces = _with_splits(build, staged.where("reason IS NULL"), decided)
    layout = _layout(build, decided)
    with build.progress.step("writing shards"):
        paths = write_faces(build.spark, storage, faces, layout, columns) if decided.rows_per_split else []
        rows, superseded = _all_quarantine(build, decided)
        quarantine = write_quarantine(storage, rows)
    with build.progress.step("reading back"):
        measured = measure(build.spark, storage, paths, columns)
        files = describe_files(build.spark, storage, paths, measured.rows)
    moments = _moments(faces, build.settings.faces.specs)
    counts = replace(counts, per_label=measured.per_label)
    manifest = replace(
        draft,
        counts=counts,
        files=files,
        quarantine_files=quarantine,
        checksum=f"{measured.checksum:016x}",
        images=_images(build, moments, counts),
    )
    counts_written = sum(measured.rows.values())
    if counts_written != counts.written_faces:
        raise RuntimeError(f"{counts.written_faces:,} faces were to be written, {counts_written:,} were read back")
    if base is not None:
        manifest = _merge(base, manifest, superseded)
    asked = build.settings.shards.petastorm_metadata
    noted = publish_petastorm_metadata(build.spark, storage, manifest, old, asked)
    manifest = replace(manifest, run=manifest.run | noted | {"total_s": round(time.monotonic() - began, 2)})
    storage.publish_text(NAME, manifest.to_json())
    for path in sorted(replaced - {*(file.path for file in manifest.files), *manifest.quarantine_files}):
        storage.delete(path)
    build.staging.drop()
    return Published(manifest, published=True, too_many_bad=False, examples=decided.examples)


def _with_splits(build: Build, faces: DataFrame, decided: Decided) -> DataFrame:
    """The kept faces with their pixels. Splits are drawn row by row where they can be: pixels need no join then."""
    if build.settings.splits.stratify:
        return faces.drop("split").join(decided.faces.select("face_id", "split"), "face_id")
    drawn = assign_splits(faces, build.settings.splits, decided.grouping)
    return drawn if decided.dropped is None else drawn.join(decided.dropped.select("face_id"), "face_id", "left_anti")


def _counts(decided: Decided) -> Counts:
    return Counts(
        input=decided.input,
        written_images=decided.written_images,
        written_faces=sum(decided.rows_per_split.values()),
        already_there=decided.already_there,
        quarantined=decided.quarantined,
        per_split=decided.rows_per_split,
        per_label={},
    )


def _draft(build: Build, decided: Decided, counts: Counts, run: dict[str, Any]) -> Manifest:
    source = {"description": build.source.description, "fingerprint": build.source.fingerprint, "input": counts.input}
    return Manifest(
        label_names=list(build.source.label_names),
        images={},
        counts=counts,
        files=[],
        quarantine_files=[],
        checksum="",
        settings=build.settings.as_dict()
        | {
            "detector": {"name": build.detector.name, "digest": build.detector.digest},
            "grouping": f"{decided.grouping.by}: {decided.grouping.why}",
        },
        sources=[source],
        duplicates=decided.duplicates,
        decodes_per_picture=decided.decodes_per_picture,
        run=run,
        package_version=__version__,
    )


def _layout(build: Build, decided: Decided) -> Layout:
    shards, faces = build.settings.shards, max(sum(decided.rows_per_split.values()), 1)
    return Layout.plan(
        decided.rows_per_split,
        row_bytes=build.staging.size_bytes() / faces,
        rows_per_file=shards.rows_per_file,
        target_bytes=shards.target_file_mb * 2**20,
        rows_per_group=shards.rows_per_group,
    )


def _all_quarantine(build: Build, decided: Decided) -> tuple[DataFrame, dict[str, int]]:
    """On append also the rows quarantined before, less those whose picture was tried again; and how many these are."""
    if build.plan.base is None or not build.plan.base.quarantine_files:
        return decided.quarantine, {}
    key = ["source_path", "source_row"]
    earlier = read_quarantine(build.spark, build.storage, build.plan.base.quarantine_files)
    now = decided.faces.select(*key).unionByName(decided.quarantine.select(*key)).distinct()
    now = now.select(*(F.col(name).alias(f"_{name}") for name in key))
    same = [F.col(name).eqNullSafe(F.col(f"_{name}")) for name in key]
    tried_again = earlier.join(now, same, "left_semi").groupBy("reason").count().collect()
    stays = earlier.join(now, same, "left_anti").select(QUARANTINE.names)
    return stays.unionByName(decided.quarantine.select(QUARANTINE.names)), {
        row["reason"]: row["count"] for row in tried_again
    }


def _moments(faces: DataFrame, specs: tuple[ImageSpec, ...]) -> dict[str, list[float]]:
    """Per image column: faces in train, then the sums, then the sums of squares of each channel, in 0-255 units."""
    channels = {spec.column: 1 if spec.mode == "gray" else 3 for spec in specs}
    sums = [
        F.coalesce(F.sum(F.col(moments_column(column))[i]), F.lit(0.0)).alias(f"{column}_{i}")
        for column, count in channels.items()
        for i in range(2 * count)
    ]
    row = faces.where("split = 'train'").agg(F.count("*").alias("n"), *sums).collect()[0]
    return {column: [row["n"], *(row[f"{column}_{i}"] for i in range(2 * count))] for column, count in channels.items()}


def _images(build: Build, moments: dict[str, list[float]], counts: Counts) -> dict[str, ImageColumn]:
    base, columns = build.plan.base, {}
    for spec in build.settings.faces.specs:
        size, channels = spec.size_px, 1 if spec.mode == "gray" else 3
        faces, *sums = moments[spec.column]
        first, second = [v / 255 for v in sums[:channels]], [v / 255**2 for v in sums[channels:]]
        if base is not None:  # mean and deviation of both parts together
            before, was = base.counts.per_split.get("train", 0), base.images[spec.column]
            pixels = before * size * size
            first = [f + m * pixels for f, m in zip(first, was.mean, strict=True)]
            second = [s + (d * d + m * m) * pixels for s, m, d in zip(second, was.mean, was.std, strict=True)]
            faces += before
        all_pixels = max(faces * size * size, 1)
        mean = [value / all_pixels for value in first]
        std = [math.sqrt(max(value / all_pixels - m * m, 0.0)) for value, m in zip(second, mean, strict=True)]
        columns[spec.column] = ImageColumn(
            size_px=size,
            mode=spec.mode,
            codec=f"{spec.codec}{spec.quality}" if spec.codec == "jpeg" else spec.codec,
            dtype="float32" if build.settings.faces.store == "float32" else "uint8",
            shape=[size, size] if channels == 1 else [size, size, 3],
            color_order="gray" if channels == 1 else "RGB",
            mean=[round(value, 8) for value in mean],
            std=[round(value, 8) for value in std],
        )
    return columns


def _merge(base: Manifest, new: Manifest, superseded: dict[str, int]) -> Manifest:
    """The manifest of both parts, added up. What was tried again, or seen again, counts once."""
    a, b = base.counts, new.counts
    splits = sorted(a.per_label.keys() | b.per_label.keys())
    counts = Counts(
        input=a.input - sum(superseded.values()) + b.input - b.already_there,
        written_images=a.written_images + b.written_images,
        written_faces=a.written_faces + b.written_faces,
        already_there=0,
        quarantined=_add(_add(a.quarantined, {reason: -count for reason, count in superseded.items()}), b.quarantined),
        per_split=_add(a.per_split, b.per_split),
        per_label={split: _add(a.per_label.get(split, {}), b.per_label.get(split, {})) for split in splits},
    )
    counts.check()
    checksum = (int(base.checksum, 16) + int(new.checksum, 16)) % 2**64
    return replace(
        new,
        counts=counts,
        files=sorted([*base.files, *new.files], key=lambda file: file.path),
        checksum=f"{checksum:016x}",
        sources=[*base.sources, *new.sources],
        settings=base.settings,
        run=new.run | {"already_there": b.already_there, "input": b.input},
    )


def _add(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    total = {key: first.get(key, 0) + second.get(key, 0) for key in sorted(first.keys() | second.keys())}
    return {key: count for key, count in total.items() if count}
