"""Sums up a run of explanations: counts, fit, stability, fidelity, mean maps and their spread, per explained label."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from fer_spark.explaining.fidelity import COLUMNS, summarise
from fer_spark.explaining.settings import LimeSettings
from fer_spark.explaining.superpixels import comparable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ALL = "all"
_MOST_RESAMPLED = 200_000
"""Faces whose six areas are brought to the driver for intervals; of more, those of smallest hash."""

_MEANS = ("probability", "hidden_probability", "samples")
_MEDIANS = ("r2", "r2_held_out", "stability_overlap", "stability_rank")
"""A few faces of R² far below 0 would say nothing about the others in a mean."""


def summary_of(rows: DataFrame, settings: LimeSettings, compare: bool | None = None) -> dict[str, Any]:
    """Figures of EXPLANATION rows as JSON holds them: means, and medians of fit and stability.

    `compare`: whether all were cut alike, so that weights have a mean; None: where the settings' segments compare.
    """
    fine = rows.where(F.col("status") == "ok")
    statuses = {row["status"]: row["count"] for row in rows.groupBy("status").count().collect()}
    labels = _per_label(fine)
    content: dict[str, Any] = {
        "faces": sum(statuses.values()),
        "per_status": dict(sorted(statuses.items())),
        "explained": sum(label["explained"] for label in labels.values()),
        "per_label": labels,
    }
    if settings.fidelity:
        content["fidelity"] = _fidelity(fine, list(labels), settings.seed)
    if comparable(settings.segments) if compare is None else compare:
        content["mean_weights"], content["spread_weights"] = weights_of_faces(fine)
    return content


PerSegment = dict[str, dict[str, float]]
"""{label: {segment's name, or its number where it has none: a figure}}."""


def weights_of_faces(rows: DataFrame) -> tuple[PerSegment, PerSegment]:
    """Mean weight of each segment over the faces of each explained label, and its spread: the standard deviation from
    face to face, 0 of a single one."""
    each = rows.select("explained_label", "segment_names", F.posexplode("weights").alias("place", "weight"))
    name = F.coalesce(F.get("segment_names", F.col("place")), F.col("place").cast("string"))
    figures = (F.avg("weight").alias("mean"), F.coalesce(F.stddev("weight"), F.lit(0.0)).alias("spread"))
    found = each.groupBy("explained_label", name.alias("segment")).agg(*figures).collect()
    means: PerSegment = {}
    spreads: PerSegment = {}
    for row in sorted(found, key=lambda row: (row["explained_label"], _numeric(row["segment"]))):
        means.setdefault(row["explained_label"], {})[row["segment"]] = round(row["mean"], 8)
        spreads.setdefault(row["explained_label"], {})[row["segment"]] = round(row["spread"], 8)
    return means, spreads


def _per_label(rows: DataFrame) -> dict[str, dict[str, Any]]:
    figures = [F.avg(name).alias(name) for name in _MEANS] + [F.median(name).alias(name) for name in _MEDIANS]
    grouped = rows.groupBy("explained_label").agg(
        F.count("*").alias("faces"), F.sum(F.col("explained").cast("int")).alias("explained"), *figures
    )
    return {
        row["explained_label"]: {
            "faces": row["faces"],
            "explained": row["explained"],
            **{name: None if row[name] is None else round(row[name], 6) for name in (*_MEANS, *_MEDIANS)},
        }
        for row in sorted(grouped.collect(), key=lambda row: row["explained_label"])
    }


def _fidelity(rows: DataFrame, labels: list[str], seed: int) -> dict[str, Any]:
    """Means, gains and intervals per explained label, and of all faces together."""
    kept = rows.orderBy(F.xxhash64("face_id"), "face_id").limit(_MOST_RESAMPLED)
    areas = kept.select("explained_label", *COLUMNS).toPandas()
    found = {}
    for label in [ALL, *labels]:
        part = areas if label == ALL else areas[areas["explained_label"] == label]
        columns = {name: part[name].to_numpy() for name in COLUMNS}
        found[label] = {"faces": len(part), **{name: asdict(v) for name, v in summarise(columns, seed).items()}}
    return found


def _numeric(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdecimal() else (0, name)
