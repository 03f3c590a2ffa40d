"""Explain the chosen faces of shards and publish the table: rows first, read back and counted, then the summary."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import functions as F
from rich.console import Console

from fer_spark import __version__
from fer_spark.artifacts import Storage, literal
from fer_spark.explaining.on_spark import ExplainJob, explain_faces, predict_faces
from fer_spark.explaining.settings import LimeSettings
from fer_spark.explaining.summary import summary_of
from fer_spark.explaining.superpixels import KINDS
from fer_spark.faces.crop_points import COLUMNS, CropPoints
from fer_spark.metrics import without_nan
from fer_spark.networks.card import BundleError
from fer_spark.pipelines.explain.overlays import MAPS, OVERLAYS, write_overlays
from fer_spark.pipelines.explain.plan import Planned, plan
from fer_spark.pipelines.explain.select import choose
from fer_spark.pipelines.explain.settings import ExplainSettings
from fer_spark.pipelines.explain.summary import job_figures, print_summary
from fer_spark.shards.manifest import ManifestError
from fer_spark.shards.write import read_files
from fer_spark.spark.held import held
from fer_spark.spark.progress import JobProgress
from fer_spark.spark.session import get_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SUMMARY, ROWS = "_explanations.json", "explanations"
MARKER = "_explaining.json"
"""Beside files that are being written: those of a run that broke off are its own, and may be removed."""

FORMAT_VERSION = 1
_TASKS_PER_CORE = 4


class ExplainError(Exception):
    """Explaining failed after it had begun; the message says what to do."""


USAGE = (ValueError, BundleError)
JVM_FAILURES = (Py4JError, OSError)
FAILURES = (ManifestError, ExplainError, PySparkException)
PRELOAD = ("fer_spark.explaining.on_spark", "fer_spark.serving.model")


def run(
    settings: ExplainSettings,
    lime: LimeSettings,
    conf: Sequence[str] = (),
    master: str = "",
    metrics_file: str = "",
) -> None:
    """Explain, publish, print, and write metrics. Raises what USAGE, JVM_FAILURES and FAILURES list."""
    spark = get_session("fer-spark explain", conf, master, PRELOAD)
    planned = plan(spark, settings, lime)
    content = explain(spark, planned, JobProgress(spark.sparkContext))
    if content is None:
        message = f"Nothing to do: {settings.output} is complete."
        Console().print(message, highlight=False, soft_wrap=True, markup=False)
    else:
        print_summary(content, planned.target.uri(SUMMARY))
    job_figures(content or _published(planned)).write(metrics_file)


def run_explain(spark: SparkSession, settings: ExplainSettings, lime: LimeSettings) -> tuple[dict[str, Any], str]:
    """Explain and publish; returns what the summary says, also where the same was published before, and its place."""
    planned = plan(spark, settings, lime)
    content = explain(spark, planned, JobProgress(spark.sparkContext))
    return content or _published(planned), planned.target.uri(SUMMARY)


def _published(planned: Planned) -> dict[str, Any]:
    """The summary that is there."""
    return dict(json.loads(planned.target.read_text(SUMMARY) or "{}"))


def read_explained(spark: SparkSession, output: str) -> DataFrame:
    """The rows that were published at `output`."""
    return spark.read.parquet(literal(Storage(spark, output).uri(ROWS)))


def explain(spark: SparkSession, planned: Planned, progress: JobProgress) -> dict[str, Any] | None:
    """Explain and publish; returns what the summary holds, None where the same was published before.

    Raises ValueError for an output that is in the way or a choice without faces, ExplainError for rows that were lost.
    """
    began = time.monotonic()
    if _is_published(planned):
        return None
    files = [file.path for file in planned.manifest.files if file.split == planned.settings.split]
    faces = read_files(spark, planned.source, files)
    with progress.step("choosing faces"):
        chosen = held(choose(faces, planned.settings, planned.lime.seed, lambda rows: _predicted(rows, planned)))
        count = chosen.count()
    if not count:
        raise ValueError("no faces chosen: no row of the split fulfils the conditions")
    _prepare(planned)
    progress.print_line(f"{count:,} faces, {planned.lime.samples:,} masks each at most")
    partitions = max(min(count, _TASKS_PER_CORE * spark.sparkContext.defaultParallelism), 1)
    with progress.step("explaining"):
        selected = faces.join(F.broadcast(chosen), "face_id", "left_semi").repartition(partitions)
        explained = explain_faces(selected, _job(planned))
        explained.write.mode("overwrite").parquet(planned.target.uri(ROWS))
    with progress.step("summing up"):
        rows = spark.read.parquet(literal(planned.target.uri(ROWS)))
        content = summary_of(rows, planned.lime)
    if content["faces"] != count:
        raise ExplainError(f"{count:,} faces were chosen, {content['faces']:,} rows were written; run it again")
    if planned.settings.overlays:
        with progress.step("drawing"):
            content["overlays"] = write_overlays(planned, rows, faces, content.get("mean_weights", {}))
    content = _described(planned, content, time.monotonic() - began)
    planned.target.publish_text(SUMMARY, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))
    planned.target.delete(MARKER)
    chosen.unpersist()
    return content


def _job(planned: Planned) -> ExplainJob:
    job = ExplainJob(planned.shipped.spec, planned.lime, planned.pixels, planned.gray)
    if not KINDS[planned.lime.segments].by_points:
        return job
    points = CropPoints(planned.manifest.preparation.margin, planned.pixels.shape[0])
    return replace(job, points_of=points, point_columns=COLUMNS)


def _predicted(faces: DataFrame, planned: Planned) -> DataFrame:
    return predict_faces(faces, planned.shipped.spec, planned.pixels)


def _is_published(planned: Planned) -> bool:
    """Whether the output holds the very answer. Raises ValueError where it holds anything else."""
    target = planned.target
    there = target.read_text(SUMMARY)
    if there is not None:
        if _requested(there) == planned.requested:
            target.delete(MARKER)
            return True
        raise ValueError(f"--output: {target.root} holds other explanations; name another directory, or remove them")
    if not target.exists(MARKER) and target.list_files():
        raise ValueError(f"--output: {target.root} holds other files; name an empty or a new directory")
    return False


def _requested(text: str) -> Any:
    try:
        return json.loads(text).get("asked")
    except (ValueError, AttributeError):
        return None


def _prepare(planned: Planned) -> None:
    """Mark the output as ours, and remove what a run that broke off left."""
    for name in (ROWS, OVERLAYS, MAPS) if planned.target.exists(MARKER) else ():
        planned.target.delete(name)
    planned.target.publish_text(MARKER, json.dumps(planned.requested, indent=1))


def _described(planned: Planned, content: dict[str, Any], total_s: float) -> dict[str, Any]:
    head = {
        "format_version": FORMAT_VERSION,
        "outputs": "what the model's answer rests on, as a local linear model sees it; not what a person feels",
        "package_version": __version__,
        "asked": planned.requested,
        "bundle": planned.settings.bundle,
        "shards": planned.source.root,
        "image_column": planned.pixels.column,
        "preparation_differences": planned.differing,
    }
    return dict(without_nan(head | content | {"run": {"total_s": round(total_s, 2)}}))
