"""Explain the faces of a whole table: one Arrow job, one row in, one row of EXPLANATION out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import functions as F

from fer_spark.explaining.lime import Explanation, Face, explain
from fer_spark.explaining.settings import LimeSettings
from fer_spark.explaining.superpixels import encode_segments
from fer_spark.pixels.stored import StoredPixels, UnreadablePixelsError
from fer_spark.rows import EXPLANATION, Table
from fer_spark.scorer import Scorer, ScorerSpec, open_scorer

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

Batches = Iterator[pa.RecordBatch]
PointsOf = Callable[[Mapping[str, Any]], npt.NDArray[np.float64] | None]
"""A row's five points in px of its face picture; None where they are unknown."""

IDENTITY = ("face_id", "image_id", "source_path", "label")
EXPLAINED = Table("EXPLAINED", tuple(column for column in EXPLANATION.columns if column.name not in IDENTITY))
"""EXPLANATION without what tells whose face it is."""

GROUP_FACES = 16
"""Faces explained together: enough to fill a GPU's batch, few enough to hold."""


@dataclass(frozen=True)
class ExplainJob:
    """What the executors need.

    `gray` is the data set's mean per channel, in [0, 1]. `points_of` reads `point_columns` of a row; it must be
    importable there.
    """

    spec: ScorerSpec
    settings: LimeSettings
    pixels: StoredPixels
    gray: tuple[float, ...] = (0.5,)
    points_of: PointsOf | None = None
    point_columns: tuple[str, ...] = ()
    group_faces: int = GROUP_FACES

    def __call__(self, batches: Batches) -> Batches:
        return explain_batches(batches, open_scorer(self.spec), self)


def explain_faces(faces: DataFrame, job: ExplainJob) -> DataFrame:
    """EXPLANATION of every row of `faces`, which has face_id, the pixel column and whatever else of IDENTITY there is.

    Masks depend on the face_id alone, so any partitioning gives the same rows. Raises ValueError on the driver for
    settings that cannot be or columns that are missing.
    """
    job.settings.check()
    needed = ["face_id", job.pixels.column, *job.point_columns]
    missing = [name for name in needed if name not in faces.columns]
    if missing:
        raise ValueError(f"faces: no column {', '.join(missing)}; there are {', '.join(faces.columns)}")
    identity = [F.col(name) if name in faces.columns else F.lit(None).cast("string").alias(name) for name in IDENTITY]
    selected = faces.select(*identity, *(name for name in needed if name not in IDENTITY))
    return selected.mapInArrow(job.__call__, EXPLANATION.spark_schema)


def explained_cells(ids: list[str], pixels: list[bytes | None], job: ExplainJob) -> pd.DataFrame:
    """Stored faces and an id for each, which seeds its masks → a frame of EXPLAINED, row by row."""
    scorer = open_scorer(job.spec)
    column = job.pixels.column
    rows = [
        dict.fromkeys(IDENTITY) | {"face_id": face_id, column: content}
        for face_id, content in zip(ids, pixels, strict=True)
    ]
    groups = [rows[start : start + job.group_faces] for start in range(0, len(rows), job.group_faces)]
    found = pa.Table.from_batches([_explained(group, scorer, job) for group in groups], EXPLANATION.arrow_schema)
    cells: pd.DataFrame = found.select(EXPLAINED.names).to_pandas()
    return cells


def predict_faces(faces: DataFrame, spec: ScorerSpec, pixels: StoredPixels) -> DataFrame:
    """face_id, predicted and confidence of every row; null for pixels that cannot be read."""
    schema = "face_id string, predicted string, confidence float"

    def run(batches: Batches) -> Batches:
        return _predict_batches(batches, open_scorer(spec), pixels)

    return faces.select("face_id", pixels.column).mapInArrow(run, schema)


def explain_batches(batches: Batches, scorer: Scorer, job: ExplainJob) -> Batches:
    """Rows with IDENTITY and pixels → batches of EXPLANATION of up to `group_faces` rows, in the same order."""
    group: list[dict[str, Any]] = []
    for batch in batches:
        for row in batch.to_pylist():
            group.append(row)
            if len(group) == job.group_faces:
                yield _explained(group, scorer, job)
                group = []
    if group:
        yield _explained(group, scorer, job)


def _explained(group: list[dict[str, Any]], scorer: Scorer, job: ExplainJob) -> pa.RecordBatch:
    rows: list[dict[str, Any]] = []
    faces: list[Face] = []
    for row in group:
        cells = dict.fromkeys(EXPLANATION.names) | {name: row[name] for name in IDENTITY}
        cells |= {"model_digest": scorer.digest, "preparation_digest": scorer.preparation_digest}
        try:
            pixels = job.pixels.decode(row[job.pixels.column])
            points = job.points_of(row) if job.points_of is not None else None
            faces.append(Face(row["face_id"], pixels, points))
            cells["status"] = "ok"
        except UnreadablePixelsError as error:
            cells |= {"status": "unreadable", "detail": str(error)}
        rows.append(cells)
    found = iter(explain(faces, scorer, job.settings, job.gray))
    for cells in rows:
        if cells["status"] == "ok":
            cells |= to_columns(next(found), scorer.labels, job.settings)
    return pa.RecordBatch.from_pylist(rows, EXPLANATION.arrow_schema)


def to_columns(explanation: Explanation, labels: list[str], settings: LimeSettings) -> dict[str, Any]:
    """The columns of EXPLANATION that follow from the explanation; figures that are not known are null."""
    model, cut, why = explanation.model, explanation.segmentation, explanation.unexplained
    return {
        "predicted": labels[explanation.predicted],
        "explained_label": labels[explanation.label],
        "target": settings.target,
        "rival_label": labels[explanation.rival] if settings.target == "margin" else None,
        "probability": explanation.probability,
        "hidden_probability": explanation.hidden_probability,
        "weights": model.weights.tolist(),
        "intercept": model.intercept,
        "segment_map": encode_segments(cut.map),
        "size_px": cut.map.shape[0],
        "segment_count": cut.count,
        "segment_names": None if cut.names is None else list(cut.names),
        "segments": settings.segments,
        "hide": settings.hide,
        "r2": _known(model.r2),
        "r2_held_out": _known(model.r2_held_out),
        "explained": explanation.explained,
        "unexplained": why.reason if why else None,
        "interacting": list(why.together) if why and why.together else None,
        "stability_overlap": _known(model.overlap),
        "stability_rank": _known(model.rank),
        "samples": explanation.samples,
        "unique_samples": explanation.unique_samples,
        "seed": settings.seed,
        **explanation.fidelity,
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _predict_batches(batches: Batches, scorer: Scorer, pixels: StoredPixels) -> Batches:
    for batch in batches:
        ids = batch.column("face_id").to_pylist()
        predicted: list[str | None] = [None] * len(ids)
        confidence: list[float | None] = [None] * len(ids)
        places, faces = [], []
        for place, content in enumerate(batch.column(pixels.column).to_pylist()):
            try:
                faces.append(pixels.decode(content))
                places.append(place)
            except UnreadablePixelsError:
                continue  # explained or not, the row itself says so when it is explained
        if faces:
            probabilities = scorer.predict_proba(np.stack(faces))
            for place, of_face in zip(places, probabilities, strict=True):
                predicted[place], confidence[place] = scorer.labels[int(of_face.argmax())], float(of_face.max())
        yield pa.RecordBatch.from_arrays(
            [pa.array(ids, pa.string()), pa.array(predicted, pa.string()), pa.array(confidence, pa.float32())],
            ["face_id", "predicted", "confidence"],
        )
