"""Which file a row goes to, and its place there: a function of the row's id alone, however Spark splits the work."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_GROUP_BYTES = 32 * 2**20
_ORDER, _SHARD, _KEY = "_order", "_shard", "_key"


@dataclass(frozen=True)
class Layout:
    """Files of each split, and rows of a row group."""

    files_per_split: dict[str, int]
    rows_per_group: int

    @classmethod
    def plan(
        cls,
        rows_per_split: dict[str, int],
        row_bytes: float,
        rows_per_file: int,
        target_bytes: float,
        rows_per_group: int,
    ) -> Layout:
        """Sizes by rows, so that shards balance; a row group is kept under 32 MiB whatever `rows_per_group` says."""
        per_file = rows_per_file or max(1, int(target_bytes / max(row_bytes, 1.0)))
        group = max(1, min(rows_per_group, int(_GROUP_BYTES / max(row_bytes, 1.0)) or 1))
        return cls({split: max(1, math.ceil(rows / per_file)) for split, rows in rows_per_split.items()}, group)

    @property
    def files(self) -> int:
        return sum(self.files_per_split.values())


def arrange(spark: SparkSession, faces: DataFrame, layout: Layout) -> DataFrame:
    """`faces` in `layout.files` Spark partitions, one per file, rows in an order that mixes labels.

    The file is pmod(xxhash64(face_id, 'file'), files of the split); the order inside it is xxhash64(face_id, 'order').
    """
    first, offsets = 0, {}
    for split, files in sorted(layout.files_per_split.items()):
        offsets[split] = first
        first += files
    offset = F.create_map(*[F.lit(item) for pair in offsets.items() for item in pair])
    files_of = F.create_map(*[F.lit(item) for pair in layout.files_per_split.items() for item in pair])
    within = F.pmod(F.xxhash64("face_id", F.lit("file")), files_of[F.col("split")].cast("bigint"))
    placed = faces.withColumn(_SHARD, (offset[F.col("split")] + within).cast("int"))
    keys = F.expr(f"array({', '.join(f'{key}L' for key in _keys(spark, layout.files))})")
    keyed = placed.withColumn(_KEY, keys[F.col(_SHARD)]).withColumn(_ORDER, F.xxhash64("face_id", F.lit("order")))
    return (
        keyed.repartition(layout.files, _KEY)
        .sortWithinPartitions("split", _ORDER, "face_id")
        .drop(_SHARD, _KEY, _ORDER)
    )


def _keys(spark: SparkSession, partitions: int) -> list[int]:
    """For each shard a key that Spark's hash partitioning (pmod of Murmur3) sends to the partition of the same number.

    Shard numbers themselves would be hashed: several shards would meet in one task, and others idle.
    """
    key_of: dict[int, int] = {}
    span = 0
    while len(key_of) < partitions:
        ids = spark.range(span, span + 16 * partitions + 64, numPartitions=1)
        span += 16 * partitions + 64
        for row in ids.select("id", F.pmod(F.hash("id"), F.lit(partitions)).alias("to")).collect():
            key_of.setdefault(row["to"], row["id"])
    return [key_of[partition] for partition in range(partitions)]
