"""What one run of score works with, and the steps that both kinds of run share."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fer_spark.commands.evaluate_match import MismatchError
from fer_spark.commands.score_input import Input, open_input
from fer_spark.commands.score_model import Prepare, Shipped, face_settings, pixel_format, ship_bundle
from fer_spark.commands.score_output import Output
from fer_spark.faces.detect import resolve_detector
from fer_spark.networks.card import digest_of
from fer_spark.scoring.columns import RowSettings
from fer_spark.scoring.ledger import Key
from fer_spark.scoring.on_spark import ScoreJob
from fer_spark.scoring.salt import Salt
from fer_spark.scoring.settings import ScoreSettings
from fer_spark.sources.settings import SourceError, SourceSettings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from fer_spark.scoring.figures import Figures
    from fer_spark.spark.progress import JobProgress


@dataclass(frozen=True)
class Run:
    """Everything one run works with."""

    spark: SparkSession
    settings: ScoreSettings
    source: SourceSettings
    output: Output
    input: Input
    shipped: Shipped
    job: ScoreJob
    progress: JobProgress
    began: float = field(default_factory=time.monotonic)

    @property
    def key(self) -> Key:
        return Key(self.shipped.card.digest, self.job.rows.preparation_digest, self.salt.tag)

    @property
    def salt(self) -> Salt:
        return self.job.rows.salt


@dataclass(frozen=True)
class Scored:
    """How a run ended. `summary` is what _summary.json says."""

    summary: dict[str, Any]
    figures: Figures
    too_many_bad: bool = False


def open_run(
    spark: SparkSession, settings: ScoreSettings, source: SourceSettings, output: Output, progress: JobProgress
) -> Run:
    """Check everything that can be checked, and ship the bundle. Raises ValueError or BundleError."""
    salt = Salt(settings.secret)
    shipped = ship_bundle(spark, settings.bundle, settings.device, settings.bf16)
    faces = face_settings(shipped.card, settings.faces, settings.detector, settings.detector_model)
    with progress.step("listing the input"):
        opened = open_input(spark, source, shipped.card, faces.max_file_mb, whole=not settings.incremental)
    if opened.images == 0:
        raise SourceError(f"no pictures found: {opened.description}")
    if opened.pixels is not None:
        if settings.detector:
            raise MismatchError("--detector: the faces of shards are prepared already")
        digest = digest_of({"shards": shipped.card.preparation_digest, "detector": opened.preparation})
        rows = RowSettings(digest, settings.abstain_below, settings.keep_crop, salt)
        job = ScoreJob(shipped.spec, opened.pixels, rows)
    else:
        prepare = Prepare(faces, resolve_detector(faces, opened.detector))
        rows = RowSettings(prepare.digest, settings.abstain_below, settings.keep_crop, salt)
        job = ScoreJob(shipped.spec, pixel_format(shipped.card, faces), rows, prepare)
        progress.say(f"{opened.description}; faces by {prepare.detector.name}")
    return Run(spark, settings, source, output, opened, shipped, job, progress)
