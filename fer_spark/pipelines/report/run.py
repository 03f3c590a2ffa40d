"""One page from opened tables to published file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import functions as F
from rich.console import Console

from fer_spark.artifacts import Storage
from fer_spark.pipelines.report.count import count_batches, count_scores
from fer_spark.pipelines.report.faces import FacePictures, open_pictures
from fer_spark.pipelines.report.facts import explanations_of, facts, mixes, notes
from fer_spark.pipelines.report.gallery import gallery
from fer_spark.pipelines.report.read import ReportError, ScoreTable, WhyTable, open_explanations, open_scores
from fer_spark.pipelines.report.settings import ReportSettings
from fer_spark.reports.scoring.page import Explanations, Scores, ScoringReport, Section, page
from fer_spark.shards.manifest import ManifestError
from fer_spark.spark.progress import JobProgress
from fer_spark.spark.session import get_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


USAGE = (ValueError, ManifestError)
JVM_FAILURES = (Py4JError, OSError)
FAILURES = (PySparkException,)


def run(settings: ReportSettings, conf: Sequence[str] = (), master: str = "") -> str:
    """Write the page and print where it is. Raises what USAGE, JVM_FAILURES and FAILURES list."""
    uri = write_report(get_session("fer-spark report", conf, master), settings)
    Console().print(f"Open {uri}", highlight=False, soft_wrap=True, markup=False)
    return uri


def write_report(spark: SparkSession, settings: ReportSettings) -> str:
    """Write the page; returns where it is. Raises ValueError or ManifestError for what is not there or does not fit."""
    folder, _, name = settings.output.rpartition("/")
    target = Storage(spark, folder or ("/" if settings.output.startswith("/") else "."))
    if target.exists(name) and not settings.overwrite:
        raise ReportError(f"--output: {target.uri(name)} is there already: --overwrite replaces it")
    table = open_scores(spark, settings.scores, settings.where) if settings.scores else None
    why = open_explanations(spark, settings.explanations, table, settings.scores)
    pictures = _pictures(spark, settings, table, why)
    progress = JobProgress(spark.sparkContext)
    counted, explained = None, None
    if table is not None:
        with progress.step("counting scores"):
            counted = _counted(table, settings)
    if why is not None:
        with progress.step("summing up explanations"):
            explained = explanations_of(why.rows)
    with progress.step("choosing faces"):
        shown = gallery(table.rows if table else None, why.rows if why else None, settings, pictures)
    report = ScoringReport(
        title=settings.title or _title(table, why),
        labels=_labels(table, explained),
        facts=facts(table, why, settings),
        notes=[*notes(table), *_missing(table, why, shown, settings)],
        scores=counted,
        explanations=explained,
        gallery=shown,
    )
    target.publish_text(name, page(report))
    return target.uri(name)


def write_page(spark: SparkSession, scores: str, output: str) -> str:
    """The page of `scores` with every default, in place of one that is there; returns where it is."""
    return write_report(spark, ReportSettings(scores=scores, output=output, overwrite=True))


def _counted(table: ScoreTable, settings: ReportSettings) -> Scores:
    chosen = bool(settings.where)
    statuses, cells = count_scores(table.rows, chosen)
    if not statuses:
        raise ReportError("no rows to report on: --where leaves none, or nothing was scored yet")
    return Scores(
        statuses,
        cells,
        mixes(table, cells, settings),
        table.summary["drift"],
        count_batches(table.rows, chosen),
        float(table.summary["settings"]["abstain_below"]),
    )


def _pictures(
    spark: SparkSession, settings: ReportSettings, table: ScoreTable | None, why: WhyTable | None
) -> FacePictures:
    if not settings.faces or not settings.gallery:
        return FacePictures()
    size_px = None
    if why is not None and not why.image_column:
        first = why.rows.where("size_px is not null").select(F.col("size_px")).first()
        size_px = None if first is None else int(first[0])
    shards, column = settings.shards or (why.shards if why else ""), why.image_column if why else ""
    return open_pictures(spark, table.rows if table else None, shards, column, size_px)


def _labels(table: ScoreTable | None, explained: Explanations | None) -> list[str]:
    if table is not None:
        return list(table.summary["model"]["labels"])
    return list(explained.per_label) if explained else []


def _title(table: ScoreTable | None, why: WhyTable | None) -> str:
    if table is None:
        return f"Explanations of {why.summary.get('bundle', 'a bundle')}" if why else "Report"
    model = table.summary["model"]["name"] or table.summary["settings"]["bundle"]
    return f"Perceived expressions by {model}"


def _missing(
    table: ScoreTable | None, why: WhyTable | None, shown: Sequence[Section], settings: ReportSettings
) -> list[str]:
    """What the page could show and does not, and how it would."""
    faces = [face for section in shown for face in section.faces]
    found = []
    if faces and settings.faces and not any(face.picture is not None for face in faces):
        found.append(
            "No pictures of faces were kept: score with --keep-crop, or name the --shards they came from, to see them."
        )
    explained_model = why.summary.get("asked", {}).get("model_digest") if why else None
    if table is not None and explained_model not in (None, table.summary["model"]["digest"]):
        found.append("The explanations are of another model than the scores.")
    both = [face for face in faces if face.explanation is not None and face.probabilities]
    if table is not None and why is not None and faces and not both:
        found.append("None of the explained faces shown here is among the scores: they explain other pictures.")
    return found
