"""Write the decided faces and the quarantine table, read them back, check the counts, and publish the manifest last."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from fer_spark import __version__
from fer_spark.pipelines.build.context import Build
from fer_spark.pipelines.build.decide import Decided
from fer_spark.pipelines.build.tables import commit_tables, table_note
from fer_spark.rows import QUARANTINE
from fer_spark.shards.layout import Layout
from fer_spark.shards.manifest import NAME, Counts, ImageColumn, Manifest, ManifestError
from fer_spark.shards.merge import merged
from fer_spark.shards.moments import with_statistics
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

    from fer_spark.artifacts import Storage


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
    replaced = set() if old is None else old.paths
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
    counts = replace(counts, per_label=measured.per_label)
    manifest = replace(
        draft,
        counts=counts,
        files=files,
        quarantine_files=quarantine,
        checksum=f"{measured.checksum:016x}",
        images=_images(build, decided.moments),
    )
    counts_written = sum(measured.rows.values())
    if counts_written != counts.written_faces:
        raise RuntimeError(f"{counts.written_faces:,} faces were to be written, {counts_written:,} were read back")
    if base is not None:
        manifest = merged(base, manifest, superseded)
    requested = build.settings.shards.petastorm_metadata
    noted = publish_petastorm_metadata(storage, manifest, old, requested)
    noted |= table_note(build.settings.shards)
    manifest = replace(manifest, run=manifest.run | noted | {"total_s": round(time.monotonic() - began, 2)})
    build.staging.announce(manifest.to_json())
    _publish_manifest(storage, manifest, first=old is None)
    with build.progress.step("committing the tables") if build.tables else nullcontext():
        replaced |= commit_tables(build.spark, storage, build.tables, manifest)
    for path in sorted(replaced - manifest.paths):
        storage.delete(path)
    build.staging.drop()
    return Published(manifest, published=True, too_many_bad=False, examples=decided.examples)


def _publish_manifest(storage: Storage, manifest: Manifest, first: bool) -> None:
    """`first`: there was none when the build began; raises ManifestError where another build has published since."""
    if not first:
        storage.publish_text(NAME, manifest.to_json())
    elif not storage.create_text(NAME, manifest.to_json()):
        raise ManifestError(
            f"{storage.root}: another build has published shards there in the meantime, and those count; "
            "choose another --output, or --on-existing append or overwrite"
        )


def _with_splits(build: Build, faces: DataFrame, decided: Decided) -> DataFrame:
    """The kept faces with their pixels. Splits are drawn row by row where they can be: pixels need no join then."""
    if decided.splits.stratify:
        return faces.drop("split").join(decided.faces.select("face_id", "split"), "face_id")
    drawn = assign_splits(faces, decided.splits, decided.grouping)
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
    source: dict[str, Any] = {
        "description": build.source.description,
        "fingerprint": build.source.fingerprint,
        "input": counts.input,
    }
    if build.source.numbering is not None:
        source["numbering"] = build.source.numbering.to_dict()
    if decided.val:
        source["val"] = decided.val
    lines = build.source.lines()
    return Manifest(
        label_names=list(build.source.label_names),
        images={},
        counts=counts,
        files=[],
        quarantine_files=[],
        checksum="",
        settings=build.settings.as_dict()
        | {
            "splits": asdict(decided.splits),
            "preparation": build.preparation.to_dict(),
            "grouping": f"{decided.grouping.by}: {decided.grouping.why}",
        },
        sources=[source | ({"listing": lines} if lines else {})],
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


def _images(build: Build, moments: Mapping[str, list[float]]) -> dict[str, ImageColumn]:
    return {
        spec.column: with_statistics(spec.column, ImageColumn(spec, [], []), moments[spec.column], build.plan.base)
        for spec in build.settings.faces.specs
    }
