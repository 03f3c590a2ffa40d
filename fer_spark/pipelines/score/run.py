"""One run of `fer-spark score` from opened session to printed summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException

from fer_spark.faces.model_file import ModelFileError
from fer_spark.networks.card import BundleError
from fer_spark.pipelines.score.answers import check_page, print_answers, print_page
from fer_spark.pipelines.score.context import PRELOAD, Scored, open_run
from fer_spark.pipelines.score.incremental import score_new
from fer_spark.pipelines.score.request import ScoreRequest
from fer_spark.pipelines.score.stream import score_stream
from fer_spark.pipelines.score.summary import job_figures, print_summary
from fer_spark.pipelines.score.whole import check_place, score_whole
from fer_spark.scoring.claims import Claims
from fer_spark.scoring.lease import Lease, LeaseError, LeaseHeld
from fer_spark.scoring.ledger import LedgerError
from fer_spark.scoring.outputs.output import Output
from fer_spark.shards.manifest import ManifestError
from fer_spark.spark.progress import JobProgress
from fer_spark.spark.session import get_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["FAILURES", "USAGE", "ScoreRequest", "run", "score"]
USAGE = (ValueError, BundleError, ModelFileError)
"""What is raised for settings, bundles and inputs that are not there or do not fit each other."""
FAILURES = (LedgerError, LeaseError, ManifestError, RuntimeError, PySparkException, Py4JError)
"""What can go wrong after that."""


def run(request: ScoreRequest, conf: Sequence[str] = (), master: str = "", metrics_file: str = "") -> bool:
    """Score, print the summary, and write its metrics; returns whether more pictures are bad than --max-bad-fraction.

    While another run holds the lease, says so and does nothing.
    """
    spark = get_session("fer-spark score", conf, master, PRELOAD)
    done = score(spark, request)
    if done is None:
        return False
    shown = request.plain and bool(done.summary["files"])
    if shown:
        print_answers(spark, request.settings)
    print_summary(done, request.settings)
    job_figures(done).write(metrics_file)
    if shown:
        print_page(spark, request.settings)
    return done.too_many_bad


def score(spark: SparkSession, request: ScoreRequest) -> Scored | None:
    """Score and publish; None, with a line that says so, while another run holds the lease."""
    settings = request.settings
    output, progress = Output.open(spark, settings), JobProgress(spark.sparkContext)
    if request.plain:
        check_page(spark, settings)
    if not settings.incremental:
        check_place(output, settings)
        return score_whole(open_run(spark, request, output, progress))
    try:
        claims = Claims(spark, settings.checkpoint)
        with Lease(claims, settings.lease_s, report=progress.print_line) as lease:
            scheduled = score_stream if settings.trigger == "stream" else score_new
            return scheduled(open_run(spark, request, output, progress), lease)
    except LeaseHeld as held:
        progress.print_line(f"Nothing done: another run holds the lease ({held}).")
        return None
