"""What a run of explanations works with: a bundle and shards that fit each other, found out before any work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fer_spark.artifacts import Storage
from fer_spark.explaining.settings import LimeSettings
from fer_spark.pipelines.explain.settings import ExplainSettings
from fer_spark.pixels.stored import StoredPixels
from fer_spark.serving.match import check_preparation, image_column, preparation_differences
from fer_spark.serving.model import Shipped, ship_bundle
from fer_spark.settings import paths, unchanging, values
from fer_spark.shards.manifest import NAME as MANIFEST
from fer_spark.shards.manifest import Manifest, read_manifest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Planned:
    """A bundle and shards that fit each other, and the settings requested."""

    settings: ExplainSettings
    lime: LimeSettings
    shipped: Shipped
    source: Storage
    target: Storage
    manifest: Manifest
    pixels: StoredPixels
    gray: tuple[float, ...]
    differing: list[str]

    @property
    def requested(self) -> dict[str, Any]:
        """What the answer depends on: equal, and the output that is there already is the answer. Paths do not count:
        what lies there is known by its digest."""
        return {
            "explain": values(self.settings) | dict.fromkeys(paths(self.settings) | unchanging(self.settings), ""),
            "lime": values(self.lime),
            "model_digest": self.shipped.card.digest,
            "shards_checksum": self.manifest.checksum,
        }


def plan(spark: SparkSession, settings: ExplainSettings, lime: LimeSettings) -> Planned:
    """Look at everything before any work. Raises ValueError, BundleError or ManifestError."""
    source, target = Storage(spark, settings.shards), Storage.to_write(spark, settings.output)
    manifest = read_manifest(source)
    if manifest is None:
        raise ValueError(f"--shards: {source.root} has no {MANIFEST}: name a directory that build-shards published")
    if not manifest.counts.per_split.get(settings.split):
        have = ", ".join(name for name, rows in manifest.counts.per_split.items() if rows)
        raise ValueError(f"--split {settings.split}: these shards have none of it, but {have}")
    shipped = ship_bundle(spark, settings.bundle, settings.device, settings.bf16)
    card = shipped.card
    if lime.label and lime.label not in card.label_names:
        raise ValueError(f"--label: {lime.label!r} is none of the bundle's: {', '.join(card.label_names)}")
    column = image_column(card, manifest, settings.image_column)
    differing = preparation_differences(card, manifest, column)
    check_preparation(differing, settings.force)
    image = manifest.images[column]
    return Planned(settings, lime, shipped, source, target, manifest, image.pixels, tuple(image.mean), differing)
