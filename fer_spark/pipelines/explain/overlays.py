"""PNG pictures of a run of explanations: some faces with their heat maps, and the mean map of each label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pyspark.sql import functions as F

from fer_spark.explaining.overlay import map_png, overlay_png
from fer_spark.explaining.superpixels import decode_segments, mean_maps

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from fer_spark.pipelines.explain.plan import Planned

OVERLAYS, MAPS = "overlays", "maps"


def write_overlays(
    planned: Planned, rows: DataFrame, faces: DataFrame, mean_weights: Mapping[str, Mapping[str, float]]
) -> list[str]:
    """Write `overlays/<face_id>.png` of the first faces by id, and `maps/<label>.png`; returns their paths, sorted."""
    column = planned.pixels.column
    shown = rows.where(F.col("status") == "ok").orderBy("face_id").limit(planned.settings.overlays)
    joined = shown.join(faces.select("face_id", column), "face_id")
    written = []
    for row in joined.toLocalIterator():
        segments = decode_segments(bytes(row["segment_map"]), row["size_px"])
        pixels = planned.pixels.decode(bytes(row[column]))
        png = overlay_png(pixels, segments, np.array(row["weights"]), caption_of(row), planned.lime.top)
        written.append(f"{OVERLAYS}/{row['face_id']}.png")
        planned.target.publish_bytes(written[-1], png)
    lime, size_px = planned.lime, planned.pixels.shape[0]
    for label, weights in mean_maps(mean_weights, lime.segments, size_px, lime.segment_count).items():
        written.append(map_name(label))
        planned.target.publish_bytes(written[-1], map_png(weights, f"{label}: mean of its faces"))
    return sorted(written)


def map_name(label: str) -> str:
    """Path of a label's mean map. A label is any text: in one with a slash it must not become a folder, or `..`,
    and HDFS has no colon in names."""
    return f"{MAPS}/{label.replace('%', '%25').replace('/', '%2F').replace(':', '%3A')}.png"


def caption_of(row: Any) -> str:
    """What a person needs beside the picture, in one line."""
    fit = row["r2_held_out"]
    known = "fit unknown" if fit is None else f"held-out fit {fit:.2f}"
    mark = "" if row["explained"] else ", not explained"
    truth = "" if row["label"] in (None, row["explained_label"]) else f", labelled {row['label']}"
    against = f" against {row['rival_label']}" if row["rival_label"] else ""
    what = f"{row['explained_label']}{against} {row['probability']:.0%}"
    return f"{what}{truth}   {known}{mark}   red: for, blue: against"
