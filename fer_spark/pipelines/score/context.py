"""What one run of score works with, and the steps that both kinds of run share."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from fer_spark.explaining.settings import LimeSettings
from fer_spark.faces.on_spark import sampled_crop_side
from fer_spark.faces.search.crops import recognised_as_crops
from fer_spark.faces.settings import AUTO, FaceSettings
from fer_spark.networks.card import digest_of
from fer_spark.pipelines.score.input import Input, open_input
from fer_spark.pipelines.score.request import ScoreRequest
from fer_spark.preparation.preparation import NO_DETECTOR
from fer_spark.scoring.choice import Wish
from fer_spark.scoring.choose import check_conditions
from fer_spark.scoring.columns import RowSettings
from fer_spark.scoring.ledger import Key
from fer_spark.scoring.on_spark import ScoreJob
from fer_spark.scoring.outputs.output import Output
from fer_spark.scoring.salt import Salt
from fer_spark.scoring.settings import ScoreSettings
from fer_spark.serving.match import MismatchError
from fer_spark.serving.model import Shipped, face_settings, pixel_format, prepare_for, ship_bundle
from fer_spark.sources.base import Slice
from fer_spark.sources.catalog import recognised
from fer_spark.sources.settings import SourceError, SourceSettings
from fer_spark.spark.workers import start_workers

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from fer_spark.scoring.figures import Figures
    from fer_spark.spark.progress import JobProgress


PRELOAD = ("fer_spark.scoring.on_spark", "fer_spark.serving.model")
"""Modules that workers need."""


@dataclass(frozen=True)
class Run:
    """Everything one run works with. `warm` ends when a worker has loaded what it needs. `margin_frac`: around the
    face's box in its crop, for landmarks in it. `passes_s`: seconds of each pass over pictures so far."""

    spark: SparkSession
    settings: ScoreSettings
    source: SourceSettings
    output: Output
    input: Input
    shipped: Shipped
    job: ScoreJob
    progress: JobProgress
    warm: Thread
    lime: LimeSettings = field(default_factory=LimeSettings)
    margin_frac: float = 0.0
    began: float = field(default_factory=time.monotonic)
    passes_s: list[float] = field(default_factory=list)

    @contextmanager
    def timed_pass(self) -> Iterator[None]:
        """Notes how long a pass over pictures took."""
        began = time.monotonic()
        yield
        self.passes_s.append(time.monotonic() - began)

    @property
    def key(self) -> Key:
        return Key(self.shipped.card.digest, self.job.rows.preparation_digest, self.salt.tag)

    @property
    def salt(self) -> Salt:
        return self.job.rows.salt

    @property
    def requested(self) -> tuple[Wish, ...]:
        return self.settings.wishes

    def to_write(self, rows: DataFrame) -> DataFrame:
        """Rows of SCORE as they are published: crops that only LIME needed are left out."""
        if self.settings.keep_crop or not self.requested:
            return rows
        return rows.withColumn("crop", F.lit(None).cast("binary"))


@dataclass(frozen=True)
class Scored:
    """How a run ended. `summary` is what _summary.json says."""

    summary: dict[str, Any]
    figures: Figures
    too_many_bad: bool = False


def open_run(spark: SparkSession, request: ScoreRequest, output: Output, progress: JobProgress) -> Run:
    """Check everything that can be checked, and ship the bundle. Raises ValueError or BundleError."""
    settings, source = request.settings, request.source
    salt, wishes = Salt(settings.secret), settings.wishes
    warm = start_workers(spark, PRELOAD)
    check_conditions(spark, wishes)
    shipped = ship_bundle(spark, settings.bundle, settings.device, settings.bf16)
    faces = face_settings(shipped.card, settings.faces, settings.detector, settings.detector_model, settings.try_turned)
    source = recognised(spark, source, progress.print_line, labels_needed=False)
    with progress.step("listing the input"):
        opened = open_input(spark, source, shipped.card, faces.max_file_mb, not settings.incremental, settings.detector)
    if request.lime.label and request.lime.label not in shipped.card.label_names:
        raise ValueError(f"--label: {request.lime.label!r}, expected one of {', '.join(shipped.card.label_names)}")
    if opened.images == 0 and not settings.incremental:  # a night without pictures is a night without work
        raise SourceError("; ".join([f"no pictures found: {opened.description}", *opened.lines]))
    if opened.pixels is not None and opened.preparation is not None:
        preparation = opened.preparation
        if settings.detector not in ("", preparation.detector):
            raise MismatchError(f"--detector: the faces of shards are prepared already, by {preparation.detector}")
        digest = digest_of({"shards": shipped.card.preparation_digest, "detector": preparation.detector_digest})
        rows = RowSettings(digest, settings.abstain_below, settings.keep_crop or bool(wishes), salt)
        job = ScoreJob(shipped.spec, opened.pixels, rows)
    else:
        prepare = prepare_for(
            shipped.card, faces, settings.detector, _detector_needed(opened, faces, settings, progress)
        )
        preparation = prepare.preparation
        rows = RowSettings(prepare.digest, settings.abstain_below, settings.keep_crop or bool(wishes), salt)
        job = ScoreJob(shipped.spec, pixel_format(shipped.card, faces), rows, prepare)
        progress.print_line(f"{opened.description}; faces by {preparation.detector}")
    for line in opened.lines:
        progress.print_line(line)
    return Run(spark, settings, source, output, opened, shipped, job, progress, warm, request.lime, preparation.margin)


def _detector_needed(opened: Input, faces: FaceSettings, settings: ScoreSettings, progress: JobProgress) -> str | None:
    """The detector that the pictures call for: as the source says, else by their sizes, as build-shards decides.

    Not by their sizes in an incremental run: one night's few pictures would be found otherwise than the last night's.
    """
    if opened.detector is not None or faces.detector != AUTO or settings.incremental:
        return opened.detector
    side = sampled_crop_side(lambda chunk, chunks: opened.read(Slice(chunk, chunks)), opened.images)
    if side == 0:
        return None
    progress.print_line(recognised_as_crops(side))
    return NO_DETECTOR
