"""source → prepared chunks → splits and leak guard → files → manifest. The stages meet here and nowhere else."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from fer_spark.artifacts import Storage
from fer_spark.faces.detect import DetectorSpec, resolve_detector
from fer_spark.faces.model_file import ModelFileError
from fer_spark.faces.on_spark import prepare_faces, sampled_crop_side
from fer_spark.faces.resolve import resolve
from fer_spark.faces.search.crops import LEAST_PICTURES, recognised_as_crops
from fer_spark.faces.settings import AUTO
from fer_spark.pipelines.build.context import Build, BuildSettings
from fer_spark.pipelines.build.decide import ALREADY_THERE, Existing, count_staged, decide
from fer_spark.pipelines.build.existing import check_appendable, check_finished, grouping_of, splits_of
from fer_spark.pipelines.build.plan import ExistingOutputError, described_id, plan_run
from fer_spark.pipelines.build.publish import Published, publish
from fer_spark.pipelines.build.summary import job_figures, print_summary
from fer_spark.pipelines.build.tables import catch_up, check_same_table, commit_tables
from fer_spark.preparation.older import described
from fer_spark.preparation.preparation import NO_DETECTOR, OWN_BOX, Preparation
from fer_spark.rows import prepared_table
from fer_spark.shards.manifest import NAME, Manifest, ManifestError, read_manifest
from fer_spark.shards.staging import Job, Staging, StagingError
from fer_spark.shards.tables.open import ShardTables, open_tables
from fer_spark.shards.write import data_files, read_files, read_quarantine, remove_orphans
from fer_spark.sources.base import Source
from fer_spark.sources.catalog import open_source, recognised
from fer_spark.sources.settings import SourceError
from fer_spark.sources.splits import named_grouping
from fer_spark.spark.arrow_job import ArrowJob
from fer_spark.spark.progress import JobProgress
from fer_spark.spark.session import get_session, sized_for
from fer_spark.spark.workers import start_workers
from fer_spark.tables.errors import CommitError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["FAILURES", "USAGE", "BuildSettings", "Published", "read_built", "run", "run_build"]
USAGE = (ExistingOutputError, ModelFileError, ValueError)
FAILURES = (ManifestError, StagingError, CommitError)
PRELOAD = ("fer_spark.faces.on_spark",)
_BROADCAST_IDS = 1_000_000


def run(settings: BuildSettings, conf: Sequence[str] = (), master: str = "", metrics_file: str = "") -> Published:
    """Build shards, print what was built, and write its metrics. Raises what USAGE and FAILURES list."""
    spark = get_session("fer-spark build-shards", conf, master, PRELOAD)
    done = run_build(spark, settings, JobProgress(spark.sparkContext))
    print_summary(done, settings.shards)
    job_figures(done).write(metrics_file)
    return done


def run_build(spark: SparkSession, settings: BuildSettings, progress: JobProgress) -> Published:
    """Run one build, or go on with it. Raises ValueError or ExistingOutputError for what the user has to change."""
    began = time.monotonic()
    start_workers(spark, PRELOAD)
    settings.shards.check()
    storage = Storage.to_write(spark, settings.shards.output)
    old, staging = read_manifest(storage), Staging(spark, storage)
    if old is not None:
        check_same_table(old, settings.shards, storage)
    tables = open_tables(spark, storage, settings.shards)
    if old is not None:
        _tidy_up(spark, old, staging, storage, tables)
    if old is None and staging.unfinished() is None and data_files(storage):
        raise ExistingOutputError(
            f"{storage.root} holds Parquet files under split=… but no manifest: they are not ours to replace; "
            "choose another --output"
        )
    settings = replace(settings, source=recognised(spark, settings.source, progress.print_line))
    with progress.step("listing the input"):
        by_path = _workers_read(settings, staging)
        source = open_source(spark, settings.source, int(settings.faces.max_file_mb * 2**20), by_path)
    if source.images == 0:
        raise SourceError("; ".join([f"no pictures found: {source.description}", *source.lines()]))
    required = _required_detector(settings, source, _earlier(settings, old, staging), progress)
    detector = resolve_detector(settings.faces, required)
    preparation = resolve(settings.faces, detector, required)
    job = _job(settings, source, preparation, old, staging)
    plan = plan_run(settings.shards.on_existing, old, staging, job, _by_older_releases(job, settings, detector))
    if plan.base is not None:
        settings = replace(settings, splits=splits_of(plan.base, settings.splits))
    build = Build(spark, settings, storage, staging, source, detector, preparation, plan, progress, tables)
    if plan.finished and plan.base is not None:
        check_finished(plan.base, settings.as_dict())
        manifest = catch_up(spark, storage, tables, plan.base, settings.shards)
        return Published(manifest, published=False, too_many_bad=False, examples={})
    if plan.base is not None:
        check_appendable(plan.base, settings.as_dict(), preparation, source.label_names)
    progress.print_line(f"{source.description}; faces by {detector.name}")
    for line in source.lines():
        progress.print_line(line)
    listing_s = time.monotonic() - began
    staged = prepare_chunks(build)
    prepare_s = time.monotonic() - began
    rows = sum(staging.committed().values())
    with sized_for(spark, rows) as partitions:
        with progress.step("splits, duplicates, counts"):
            small = staged.drop(*[spec.column for spec in settings.faces.specs]).coalesce(partitions)
            keys, splits = source.keys(), settings.splits
            counted = count_staged(small, keys)
            staging.check(counted["rows"])
            named = named_grouping(settings.source.group_from, settings.splits)
            grouping = grouping_of(plan.base) if plan.base else named
            existing, channels = _existing(build), {spec.column: spec.face.channels for spec in settings.faces.specs}
            decided = decide(small, counted, keys, existing, splits, settings.shards, channels, grouping)
        run = {
            "job": described_id(staging.unfinished() or {}),  # the same however it was gone on with
            "listing_s": round(listing_s, 2),  # all before preparing, a part of prepare_s
            "prepare_s": round(prepare_s, 2),
            "images_per_s": round(decided.input / prepare_s, 1),
            "spark_version": spark.version,
            "cores": spark.sparkContext.defaultParallelism,
        }
        try:
            return publish(build, staged, decided, old, run, began)
        finally:
            decided.release()


def _existing(build: Build) -> Existing | None:
    base = build.plan.base
    if base is None:
        return None
    faces = read_files(build.spark, build.storage, [file.path for file in base.files])
    return Existing(faces, base.counts.written_faces)


def read_built(spark: SparkSession, output: str) -> DataFrame:
    """The faces that the manifest at `output` lists. Raises ManifestError where there is none."""
    storage = Storage(spark, output)
    manifest = read_manifest(storage)
    if manifest is None:
        raise ManifestError(f"{output} holds no shards: nothing was published there")
    return read_files(spark, storage, [file.path for file in manifest.files])


def _tidy_up(
    spark: SparkSession, old: Manifest, staging: Staging, storage: Storage, tables: ShardTables | None
) -> None:
    """Finish what a job that was killed right after its manifest left to do: to commit the tables, and to clear away.

    An append of an older release has announced nothing; its manifest names it.
    """
    unfinished = staging.unfinished() or {}
    appended = unfinished.get("mode") == "append" and old.run.get("job") == described_id(unfinished)
    if unfinished and (appended or staging.announced(storage.read_text(NAME) or "")):
        commit_tables(spark, storage, tables, old)
        remove_orphans(storage, old.paths)
        staging.drop()


def _workers_read(settings: BuildSettings, staging: Staging) -> bool:
    """Whether Python workers open local files. Appending compares contents before the workers see them."""
    appending = settings.shards.on_existing == "append" or (staging.unfinished() or {}).get("mode") == "append"
    if appending and settings.source.read_files == "workers":
        raise SourceError("--read-files workers does not go with --on-existing append; leave it at auto")
    return settings.source.read_files != "spark" and not appending


def _earlier(settings: BuildSettings, old: Manifest | None, staging: Staging) -> Preparation | None:
    """How the faces were prepared that this build adds to, or goes on with."""
    if settings.shards.on_existing not in ("append", "resume"):
        return None
    unfinished = staging.unfinished()
    if unfinished is not None:
        return Preparation.described(unfinished)
    return None if old is None else old.preparation


def _required_detector(
    settings: BuildSettings, source: Source, earlier: Preparation | None, progress: JobProgress
) -> str | None:
    """What the pictures call for under `--detector auto`, decided once: as the source says, else by their sizes."""
    stated = source.detector
    if stated == OWN_BOX and settings.faces.detector == NO_DETECTOR:
        _check_single_faces(source)
    if stated or settings.faces.detector != AUTO or (earlier is not None and earlier.searches):
        return stated
    side = sampled_crop_side(source.raw, source.images, 1 if earlier else LEAST_PICTURES)
    if side == 0:
        return None
    progress.print_line(recognised_as_crops(side))
    return NO_DETECTOR


def _check_single_faces(source: Source) -> None:
    """Raise SourceError where the data know several faces of one picture: taken whole, it would have several labels."""
    shared = source.keys().groupBy("source_path").count().where("count > 1").orderBy("source_path").first()
    if shared is not None:
        raise SourceError(
            f"--detector none takes whole pictures for faces, and the data have {shared['count']} faces of "
            f"{shared['source_path']!r}: leave --detector away, so that each is cut out by its box"
        )


def prepare_chunks(build: Build) -> DataFrame:
    """Prepare what is not committed yet, chunk by chunk; returns all prepared rows, read back from the staging area."""
    plan, chunks = build.plan, build.plan.job.chunks
    if not plan.go_on:
        build.staging.begin(plan.job)
    done = build.staging.committed()
    if done:
        build.progress.print_line(f"resuming after {len(done)} of {chunks} chunks, {sum(done.values()):,} rows")
    for chunk in range(chunks):
        if chunk not in done:
            with build.progress.step(f"preparing faces, chunk {chunk + 1} of {chunks}"):
                build.staging.commit(chunk, _prepared(build, chunk))
    return build.staging.read(prepared_table([spec.column for spec in build.settings.faces.specs]))


def _prepared(build: Build, chunk: int) -> ArrowJob:
    raw = build.source.raw(chunk, build.plan.job.chunks)
    if build.plan.base is not None:
        raw = _skip_seen(build, raw, build.plan.base)
    return prepare_faces(raw, build.settings.faces, build.detector)


def _skip_seen(build: Build, raw: DataFrame, base: Manifest) -> DataFrame:
    """Mark pictures whose bytes the shards, or their quarantine, know already; they are not decoded again."""
    known = read_files(build.spark, build.storage, [file.path for file in base.files]).select("image_id")
    if base.quarantine_files:
        refused = read_quarantine(build.spark, build.storage, base.quarantine_files)
        known = known.unionByName(refused.select("image_id").where("image_id IS NOT NULL"))
    known = known.select(F.col("image_id").alias("_known")).distinct()
    if base.counts.input <= _BROADCAST_IDS:
        known = F.broadcast(known)
    joined = raw.join(known, F.substring(F.sha2("content", 256), 1, 32) == F.col("_known"), "left")
    seen = F.col("_known").isNotNull()
    marked: DataFrame = joined.select(
        *(
            F.when(~seen, F.col("content")).alias("content")
            if name == "content"
            else F.when(seen, F.lit(ALREADY_THERE)).otherwise(F.col(name)).alias(name)
            if name == "reject_reason"
            else F.col(name)
            for name in raw.columns
        )
    )
    return marked


def _job(
    settings: BuildSettings, source: Source, preparation: Preparation, old: Manifest | None, staging: Staging
) -> Job:
    unfinished = staging.unfinished() or {}
    appending = settings.shards.on_existing == "append" and old is not None
    resuming_append = settings.shards.on_existing == "resume" and unfinished.get("mode") == "append"
    mode = "append" if appending or resuming_append else "build"
    description = {
        "source": settings.source.described(),
        "preparation": preparation.to_dict(),
        "fingerprint": source.fingerprint,
        "base": old.checksum if old is not None and mode == "append" else "",
    }
    chunks = source.suggested_chunks(settings.shards.chunk_images)
    return Job(mode, chunks, json.loads(json.dumps(description)))


def _by_older_releases(job: Job, settings: BuildSettings, detector: DetectorSpec) -> Job:
    """The same job as older releases described it: shards that they finished name it."""
    others = {name: value for name, value in job.description.items() if name != "preparation"}
    faces = described(asdict(settings.faces), detector.name, detector.digest)
    return Job(job.mode, job.chunks, json.loads(json.dumps(others | faces)))
