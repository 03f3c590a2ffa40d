"""`--explain` inside score: LIME on some of the faces of a chunk, from the crops that were just scored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from fer_spark.artifacts import literal
from fer_spark.explaining.on_spark import ExplainJob, explain_faces
from fer_spark.explaining.summary import summary_of
from fer_spark.explaining.superpixels import KINDS
from fer_spark.faces.crop_points import COLUMNS, CropPoints
from fer_spark.pixels.stored import StoredPixels
from fer_spark.rows import EXPLANATION
from fer_spark.scoring.choose import chosen
from fer_spark.spark.held import held

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from fer_spark.pipelines.score.context import Run

_TASKS_PER_CORE = 4


@dataclass
class Explained:
    """Files of explanations that this run wrote."""

    files: list[str] = field(default_factory=list)

    def summary(self, run: Run, every: list[str]) -> dict[str, Any] | None:
        """What _summary.json says of explanations; `every` lists all files that count. None where there are none."""
        if not run.requested and not every:
            return None
        summary: dict[str, Any] = {"files": every, "faces": 0}
        if self.files:
            paths = [literal(run.output.books.uri(name)) for name in self.files]
            summary |= summary_of(run.spark.read.schema(EXPLANATION.spark_schema).parquet(*paths), run.lime)
        return summary


def explain_scored(run: Run, rows: DataFrame, prefix: str, explained: Explained) -> list[str]:
    """Explain those of `rows` (SCORE, with crops) that were asked for; returns the files, relative to the books.

    Raises RuntimeError if a face that was chosen gave no row.
    """
    if not run.requested:
        return []
    selected = held(chosen(rows, run.requested, run.lime.seed))
    try:
        count = selected.count()
        if not count:
            return []
        run.progress.print_line(f"{count:,} faces to explain, {run.lime.samples:,} masks each at most")
        faces = rows.withColumn("label", F.col("given_label")).join(F.broadcast(selected), "face_id", "left_semi")
        partitions = min(count, _TASKS_PER_CORE * run.spark.sparkContext.defaultParallelism)
        staged = run.output.stage("explanations", explain_faces(faces.repartition(partitions), _job(run)))
        if staged.count() != count:
            raise RuntimeError(f"{count:,} faces were chosen to be explained, {staged.count():,} were; run it again")
        files = run.output.add_explanations(staged, prefix)
    finally:
        selected.unpersist()
    explained.files.extend(files)
    return files


def _job(run: Run) -> ExplainJob:
    """Of the 8-bit crops, whatever the model was given."""
    format_, card = run.job.pixels, run.shipped.card
    pixels = StoredPixels("crop", format_.face, "png")
    points = CropPoints(run.margin_frac, format_.shape[0]) if KINDS[run.lime.segments].by_points else None
    return ExplainJob(run.shipped.spec, run.lime, pixels, tuple(card.mean), points, COLUMNS if points else ())
