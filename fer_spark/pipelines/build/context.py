"""What one run of build-shards works with: its settings, and what was opened for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fer_spark.artifacts import Storage
from fer_spark.faces.detect import DetectorSpec
from fer_spark.faces.settings import FaceSettings
from fer_spark.pipelines.build.plan import Plan
from fer_spark.preparation.preparation import Preparation
from fer_spark.shards.settings import ShardSettings
from fer_spark.shards.staging import Staging
from fer_spark.shards.tables.open import ShardTables
from fer_spark.sources.base import Source
from fer_spark.sources.settings import SourceSettings, SplitSettings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from fer_spark.spark.progress import JobProgress


@dataclass(frozen=True)
class BuildSettings:
    """All that build-shards can be told."""

    source: SourceSettings
    faces: FaceSettings
    splits: SplitSettings
    shards: ShardSettings

    def as_dict(self) -> dict[str, Any]:
        """All but the settings of faces: these are kept as the Preparation that they come to."""
        return {name: asdict(getattr(self, name)) for name in ("source", "splits", "shards")}


@dataclass(frozen=True)
class Build:
    """Everything one run works with."""

    spark: SparkSession
    settings: BuildSettings
    storage: Storage
    staging: Staging
    source: Source
    detector: DetectorSpec
    preparation: Preparation
    plan: Plan
    progress: JobProgress
    tables: ShardTables | None = None
