"""Which faces a page shows: a bounded number, drawn by hash or by rank, and no others leave Spark."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pyspark.sql import Window
from pyspark.sql import functions as F

from fer_spark.explaining.regions import in_words, region_weights
from fer_spark.explaining.superpixels import decode_segments
from fer_spark.reports.scoring.faces import Array, Explanation, Face
from fer_spark.reports.scoring.page import Section
from fer_spark.scoring.columns import OK

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from fer_spark.pipelines.report.settings import ReportSettings

_SCORED = ("face_id", "source_path", "label", "confidence", "given_label", "abstained", "probabilities", "crop")
_LEAST_SURE = "The faces that the model was least sure of."
Pictures = Callable[[list[str]], dict[str, Array]]
"""face_ids → the pictures among them that there are."""


@dataclass(frozen=True)
class Part:
    """One part of the gallery before its faces are read: the ids, in order."""

    title: str
    about: str
    ids: list[str]


def gallery(
    scores: DataFrame | None, whys: DataFrame | None, settings: ReportSettings, pictures: Pictures
) -> list[Section]:
    """Parts that have any face. `scores` rows of SCORE, `whys` of EXPLANATION; either may be None."""
    if not settings.gallery:
        return []
    fine = None if scores is None else scores.where((F.col("status") == OK) & F.col("face_id").isNotNull())
    read = None if whys is None else whys.where(F.col("status") == "ok")
    parts = [*_explained_parts(read, settings), *_scored_parts(fine, read is None, settings)]
    ids = sorted({face_id for part in parts for face_id in part.ids})
    scored = {} if fine is None else _by_id(fine.select(*_SCORED), ids)
    explained = {} if read is None else _by_id(read, ids)
    crops = pictures(ids) if settings.faces else {}
    faces = {
        face_id: _face(face_id, scored.get(face_id), explained.get(face_id), crops)
        for face_id in ids
        if face_id in scored or face_id in explained
    }
    sections = [
        Section(part.title, part.about, [faces[face_id] for face_id in part.ids if face_id in faces]) for part in parts
    ]
    return [section for section in sections if section.faces]


def _explained_parts(whys: DataFrame | None, settings: ReportSettings) -> list[Part]:
    if whys is None:
        return []
    worst = whys.where(~F.coalesce("explained", F.lit(False)))
    about = "What the model's answer rests on in these faces does not fit a linear model: their heat maps say little."
    return [
        Part("Explained faces", "Drawn evenly from every label.", _drawn(whys, "explained_label", settings)),
        Part("Worst fits", about, _ids(worst.orderBy(F.asc_nulls_last("r2_held_out"), "face_id"), settings.gallery)),
    ]


def _scored_parts(fine: DataFrame | None, alone: bool, settings: ReportSettings) -> list[Part]:
    if fine is None:
        return []
    parts = []
    if alone:
        parts.append(Part("Scored faces", "Drawn evenly from every label.", _drawn(fine, "label", settings)))
    wrong = fine.where(F.col("given_label") != F.col("label"))
    surest = _ids(wrong.orderBy(F.desc("confidence"), "face_id"), settings.gallery)
    about = "Surest first. Many of these are arguable, or labelled wrongly."
    parts.append(Part("Disagrees with the given label", about, surest))
    abstained = _ids(fine.where("abstained").orderBy("confidence", "face_id"), settings.gallery)
    if abstained:
        return [*parts, Part("Abstained", "Confidence below the threshold of the run, lowest first.", abstained)]
    return [*parts, Part("Least confident", _LEAST_SURE, _ids(fine.orderBy("confidence", "face_id"), settings.gallery))]


def _drawn(rows: DataFrame, label: str, settings: ReportSettings) -> list[str]:
    """Faces of every label, as many of each as make up the number, drawn by hash; in turn, one label after another."""
    draw: Column = F.xxhash64("face_id", F.lit(settings.seed))
    window = Window.partitionBy(label).orderBy("draw", "face_id")
    placed = rows.select("face_id", label, draw.alias("draw")).withColumn("place", F.row_number().over(window))
    kept = placed.where(F.col("place") <= settings.gallery).collect()
    labels = len({row[label] for row in kept})
    each = math.ceil(settings.gallery / max(labels, 1))
    chosen = sorted((row for row in kept if row["place"] <= each), key=lambda row: (row["place"], row[label]))
    return [row["face_id"] for row in chosen][: settings.gallery]


def _ids(rows: DataFrame, most: int) -> list[str]:
    return [row["face_id"] for row in rows.select("face_id").limit(most).collect()]


def _by_id(rows: DataFrame, ids: list[str]) -> dict[str, dict[str, Any]]:
    found = rows.where(F.col("face_id").isin(ids)).collect() if ids else []
    return {row["face_id"]: row.asDict() for row in found}


def _face(
    face_id: str, scored: Mapping[str, Any] | None, why: Mapping[str, Any] | None, crops: dict[str, Array]
) -> Face:
    explanation = None if why is None else _explanation(why)
    if scored is not None:
        return Face(
            face_id,
            scored["source_path"] or "",
            scored["label"],
            scored["confidence"],
            scored["given_label"],
            bool(scored["abstained"]),
            scored["probabilities"] or {},
            crops.get(face_id),
            explanation,
        )
    assert why is not None
    sure = why["probability"] if why["predicted"] == why["explained_label"] else None
    return Face(
        face_id,
        why["source_path"] or "",
        why["predicted"],
        sure,
        why["label"],
        False,
        {},
        crops.get(face_id),
        explanation,
    )


def _explanation(row: Mapping[str, Any]) -> Explanation:
    segments = decode_segments(bytes(row["segment_map"]), row["size_px"])
    weights = np.array(row["weights"], dtype=np.float64)
    names = None if row["segment_names"] is None else tuple(row["segment_names"])
    return Explanation(
        row["explained_label"],
        row["probability"],
        row["hidden_probability"],
        segments,
        weights,
        names,
        row["r2_held_out"],
        bool(row["explained"]),
        row["stability_overlap"],
        row["samples"],
        row["target"] or "probability",
        row["rival_label"],
        row["unexplained"],
        tuple(row["interacting"] or ()),
        in_words(region_weights(segments, weights, names)),
    )
