"""Measured figures written into the bundle they belong to: its card, and the model card beside it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_spark.artifacts import replace_file
from fer_spark.networks.bundle_files import write_card
from fer_spark.pipelines.evaluate.output import metrics_of
from fer_spark.reports.model_card import model_card

if TYPE_CHECKING:
    from fer_spark.pipelines.evaluate.report import Measured

MODEL_CARD = "MODEL_CARD.md"
_KEPT = ("protocol", "shards", "left_out_classes", "rows", "test_time_augmentation_gain", "valence_arousal")


def record(measured: Measured) -> Path:
    """Add the figures to card.json under `metrics.measured.<split>` and write MODEL_CARD.md; returns its path.

    The bundle's digest stays: figures are not part of it. Raises OSError for a bundle that cannot be written.
    """
    directory = Path(measured.settings.bundle)
    card = measured.matched.bundle.card
    metrics = metrics_of(measured)
    entry: dict[str, Any] = {key: metrics[key] for key in _KEPT}
    entry["scores"] = [metrics["scores"], *metrics["variants"]]
    measured_before = card.metrics.get("measured", {})
    content = {**card.metrics, "measured": {**measured_before, measured.settings.split: entry}}
    card = dataclasses.replace(card, metrics=content)
    text = model_card(card.to_dict())
    write_card(directory, card)
    path = directory / MODEL_CARD
    replace_file(path, text)
    return path
