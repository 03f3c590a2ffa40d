"""At least N rows of every class in the train split: marked copies are added, nothing is removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql.window import Window

from fer_spark.pixels.moments import moments
from fer_spark.rows import FACE
from fer_spark.shards.copies import AUGMENTED_FROM, COPIES, CopySettings, make_copies, stored_face
from fer_spark.shards.manifest import ImageColumn
from fer_spark.shards.write import row_hash

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_HASH = "_hash"


@dataclass(frozen=True)
class ClassCopies:
    """How a class of `rows` rows gets `rows * each + extra` copies: `each` of every row, one more of `extra` rows."""

    rows: int
    each: int
    extra: int

    @property
    def copies(self) -> int:
        return self.rows * self.each + self.extra

    @property
    def most_per_row(self) -> int:
        """Copies of the row that is copied most."""
        return self.each + (1 if self.extra else 0)


def plan_copies(rows_per_label: Mapping[str, int], to: int) -> dict[str, ClassCopies]:
    """The classes that have rows, but fewer than `to` (0: the rows of the largest class), and what each of them needs.

    Raises ValueError if `to` is negative or no class has rows.
    """
    present = {label: rows for label, rows in rows_per_label.items() if rows > 0}
    if to < 0 or not present:
        raise ValueError(f"copies to {to} rows per class, of {dict(rows_per_label)}: there is nothing to copy")
    target = to or max(present.values())
    return {label: ClassCopies(rows, *divmod(target - rows, rows)) for label, rows in present.items() if rows < target}


def with_copies(
    faces: DataFrame,
    plan: Mapping[str, ClassCopies],
    images: Mapping[str, ImageColumn],
    settings: CopySettings,
) -> DataFrame:
    """`faces` as they are, and the planned copies of train rows, with the column `augmented_from`.

    faces  rows of FACE with the pixel columns of `images`, all splits

    Which rows get one copy more than others is decided by the lowest hashes of (seed, face_id), and what a copy looks
    like by its id: the result is the same however Spark splits the work. Originals never pass through Python.
    """
    columns = [*FACE.names, *images]
    originals = faces.select(*columns, F.lit(None).cast("string").alias(AUGMENTED_FROM.name))
    if not plan:
        return originals
    rare = faces.where((F.col("split") == "train") & F.col("label").isin(*sorted(plan)))
    counted = rare.select(*columns, _copies_per_row(rare, plan, settings.seed).alias(COPIES)).where(F.col(COPIES) > 0)
    schema = ", ".join([FACE.ddl, *(f"`{name}` binary" for name in images), f"`{AUGMENTED_FROM.name}` string"])
    return originals.unionByName(counted.mapInArrow(_copier(images, settings), schema))


def measure_copies(frame: DataFrame, images: Mapping[str, ImageColumn]) -> tuple[int, dict[str, list[float]]]:
    """Of the copies in written shards: the sum of their row hashes as `shards.write.measure` sums them, modulo 2^64,
    and per pixel column the sum of each channel, then of its squares, in units of 0-255."""
    channels = {name: image.pixels.face.channels for name, image in images.items()}
    copies = frame.where(F.col(AUGMENTED_FROM.name).isNotNull())
    hashed = copies.select("face_id", *images, row_hash(list(images)).alias(_HASH))
    sums_ddl = [f"`{name}` array<double>" for name in images]
    measured = hashed.mapInArrow(_moments(images), ", ".join([f"{_HASH} bigint", *sums_ddl]))
    row = measured.agg(
        F.sum(F.col(_HASH).cast("decimal(38,0)")).alias(_HASH),
        *(F.sum(F.col(name)[i]).alias(f"{name}_{i}") for name, count in channels.items() for i in range(2 * count)),
    ).collect()[0]
    sums = {name: [float(row[f"{name}_{i}"] or 0) for i in range(2 * count)] for name, count in channels.items()}
    return int(row[_HASH] or 0) % 2**64, sums


def _copies_per_row(rare: DataFrame, plan: Mapping[str, ClassCopies], seed: int) -> Column:
    """How many copies a row gets. The row of each class at the edge, the last with one more, is looked up first."""
    key = F.xxhash64("face_id", F.lit(f"copies {seed}"))
    rank = F.row_number().over(Window.partitionBy("label").orderBy(_HASH, "face_id"))
    extra = {label: copied.extra for label, copied in plan.items() if copied.extra}
    edges = []
    if extra:
        last = F.create_map(*[F.lit(item) for pair in extra.items() for item in pair])
        keys = rare.where(F.col("label").isin(*extra)).select("label", "face_id", key.alias(_HASH))
        edges = keys.withColumn("rank", rank).where(F.col("rank") == last[F.col("label")]).collect()
    first = F.lit(False)
    for edge in edges:
        before = (key < edge[_HASH]) | ((key == edge[_HASH]) & (F.col("face_id") <= edge["face_id"]))
        first = first | ((F.col("label") == edge["label"]) & before)
    each = F.create_map(*[F.lit(item) for label, copied in plan.items() for item in (label, copied.each)])
    return each[F.col("label")] + first.cast("int")


def _copier(
    images: Mapping[str, ImageColumn], settings: CopySettings
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return make_copies(batches, images, settings)

    return run


def _moments(
    images: Mapping[str, ImageColumn],
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            faces = batch.column("face_id").to_pylist()
            columns = {_HASH: batch.column(_HASH)}
            for name, image in images.items():
                stored = zip(batch.column(name).to_pylist(), faces, strict=True)
                columns[name] = pa.array(
                    [moments(stored_face(content, image.pixels, face)) for content, face in stored],
                    pa.list_(pa.float64()),
                )
            yield pa.RecordBatch.from_pydict(columns)

    return run
