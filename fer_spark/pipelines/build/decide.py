"""After preparing: which split each face belongs to, which faces are left out, and do the counts add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pyspark.sql import functions as F

from fer_spark.rows import QUARANTINE, moments_column
from fer_spark.shards.moments import moment_sums, moments_of
from fer_spark.shards.settings import ShardSettings
from fer_spark.sources.settings import SplitSettings
from fer_spark.sources.splits import (
    Grouping,
    Stated,
    assign_splits,
    choose_grouping,
    over_class_limit,
    settle_val,
)
from fer_spark.spark.duplicates import CONTENT, contents_of, count_duplicates, faces_of, leaking
from fer_spark.spark.held import held

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Row

ALREADY_THERE = "already_there"
_KEY = ("source_path", "source_row")
_SUMS = 3
_OF_A_FACE = (
    *("face_id", "image_id", *_KEY, "label", "label_raw", "split", "group_id", "face_index", "content_bytes"),
    *("pixel_hash", "perceptual_hash"),
)
"""What decides on a face, and what quarantine says of it."""


class Existing(NamedTuple):
    """Faces that are published already, and how many."""

    faces: DataFrame
    rows: int


@dataclass(frozen=True)
class Decided:
    """`faces`: face_id and split of every face that is kept; `dropped`: face_id of the others, None for none.

    `splits`: as they were applied, --val-from auto settled; `val`: what is to be said of that. `quarantine`:
    rows.QUARANTINE. `moments`: of the pixels in train, per image column. Cached until `release`.
    """

    faces: DataFrame
    dropped: DataFrame | None
    grouping: Grouping
    splits: SplitSettings
    val: str
    quarantine: DataFrame
    rows_per_split: dict[str, int]
    quarantined: dict[str, int]
    examples: dict[str, tuple[str, str]]
    input: int
    already_there: int
    written_images: int
    decodes_per_picture: float
    duplicates: dict[str, Any]
    moments: dict[str, list[float]]

    def release(self) -> None:
        for frame in (self.faces, self.quarantine, self.dropped):
            if frame is not None:
                frame.unpersist()


def count_staged(staged: DataFrame, keys: DataFrame) -> Row:
    """One row of counts: `rows`, those `already` there, `decodes`, pictures `decoded`, faces and those `in_groups`, and
    what Stated counts; of `keys`, how many `pictures` were to be prepared, and whether `all_arrived`."""
    is_face = F.col("reason").isNull()
    is_picture = F.coalesce("face_index", F.lit(0)) == 0
    arrived = staged.agg(
        *_same_keys(is_picture, "arrived"),
        F.count(F.lit(1)).alias("rows"),
        F.count_if(F.col("reason").eqNullSafe(ALREADY_THERE)).alias("already"),
        F.sum("decodes").alias("decodes"),
        F.count_if(F.col("decodes") > 0).alias("decoded"),
        F.count_if(is_face).alias("faces"),
        F.count_if(is_face & F.col("group_id").isNotNull()).alias("in_groups"),
        *Stated.columns(is_face),
    )
    listed = keys.agg(F.count(F.lit(1)).alias("pictures"), *_same_keys(F.lit(True), "listed"))
    same = F.lit(True)
    for part in range(_SUMS):
        same &= F.coalesce(F.col(f"arrived_{part}") == F.col(f"listed_{part}"), F.lit(False))
    row: Row = arrived.crossJoin(listed).withColumn("all_arrived", same).collect()[0]
    return row


def _same_keys(which: Column, name: str) -> list[Column]:
    """Sums that are equal for the same keys, and else but by a chance of 1 in 2^62: how many, and both halves of their
    hashes; null where they are more than a sum holds."""
    key = F.xxhash64(*_KEY)
    parts = F.lit(1).cast("bigint"), F.shiftrightunsigned(key, 33), key.bitwiseAND(F.lit((1 << 31) - 1))
    return [F.try_sum(F.when(which, part)).alias(f"{name}_{i}") for i, part in enumerate(parts)]


def decide(
    staged: DataFrame,
    counted: Row,
    keys: DataFrame,
    existing: Existing | None,
    splits: SplitSettings,
    shards: ShardSettings,
    channels: Mapping[str, int],
    grouping: Grouping | None = None,
) -> Decided:
    """`staged`: PREPARED without pixels, of which `counted` are the counts. `existing`: faces already published, that
    new ones must not leak into, whose `grouping` is kept. `channels`: of each image column."""
    settled = settle_val(splits, Stated.of(counted))
    splits = settled.settings
    moments = [moments_column(column) for column in channels]
    faces = staged.where("reason IS NULL").select(*_OF_A_FACE, *moments)
    grouping = grouping or choose_grouping(faces, splits, counted["in_groups"])
    assigned = assign_splits(faces, splits, grouping)
    if splits.stratify or splits.max_per_class or shards.leak_guard == "drop":  # else it is read twice, and quickly
        assigned = held(assigned)
    dropped, duplicates, leaks = _dropped(assigned, counted["faces"], existing, splits, shards)
    kept = assigned
    if dropped is not None:
        kept = held(
            assigned.join(dropped, "face_id", "left_anti").select("face_id", "split", *_KEY, "face_index", *moments)
        )
    quarantine = held(_quarantine(staged, None if counted["all_arrived"] else keys, assigned, dropped, kept))
    per_split, reasons = _totals(kept, quarantine, channels)
    train = next((row for row in per_split if row["name"] == "train"), None)
    for passed in (leaks, assigned if dropped is not None else None):  # what is made of them is held itself
        if passed is not None:
            passed.unpersist()
    return Decided(
        faces=kept,
        dropped=dropped,
        grouping=grouping,
        splits=splits,
        val=settled.why,
        quarantine=quarantine,
        rows_per_split={row["name"]: row["rows"] for row in per_split},
        quarantined={row["name"]: row["rows"] for row in reasons},
        examples={row["name"]: (row["first"]["source_path"], row["first"]["detail"] or "") for row in reasons},
        input=counted["pictures"],
        already_there=counted["already"],
        written_images=sum(row["pictures"] for row in per_split),
        decodes_per_picture=round((counted["decodes"] or 0) / max(counted["decoded"], 1), 4),
        duplicates=duplicates,
        moments=moments_of(train, train["rows"] if train else 0, channels),
    )


def _totals(kept: DataFrame, quarantine: DataFrame, channels: Mapping[str, int]) -> tuple[list[Row], list[Row]]:
    """In one query: a row per split (`name`, `rows`, `pictures`, sums of moments), a row per reason (`name`, `rows`,
    `first`), both by name."""
    moments = [moments_column(column) for column in channels]
    example = F.struct("source_path", "detail").alias("example")
    parts = [
        kept.select(F.lit("split").alias("kind"), F.col("split").alias("name"), "face_index", *moments),
        quarantine.select(F.lit("reason").alias("kind"), F.col("reason").alias("name"), example),
    ]
    rows = parts[0].unionByName(parts[1], allowMissingColumns=True)
    pictures = F.count_if(F.col("face_index") == 0)  # all faces of a picture are kept or dropped together
    found = (
        rows.groupBy("kind", "name")
        .agg(
            F.count(F.lit(1)).alias("rows"),
            pictures.alias("pictures"),
            F.min("example").alias("first"),
            *moment_sums(channels),
        )
        .collect()
    )
    of_kind = {
        kind: sorted((row for row in found if row["kind"] == kind), key=lambda row: row["name"] or "")
        for kind in ("split", "reason")
    }
    return of_kind["split"], of_kind["reason"]


def _dropped(
    assigned: DataFrame, faces: int, existing: Existing | None, splits: SplitSettings, shards: ShardSettings
) -> tuple[DataFrame | None, dict[str, Any], DataFrame | None]:
    """Faces to leave out (face_id, reason, detail; a face once), what was found about duplicates, and leaks as held."""
    parts, leaks = [], None
    found: dict[str, Any] = {"leak_guard": shards.leak_guard}
    if shards.leak_guard != "off":
        columns = ["face_id", "split", "pixel_hash", "perceptual_hash", "label", "face_index"]
        everyone = assigned.select(columns)
        if existing is not None:
            everyone = everyone.unionByName(existing.faces.select(columns))
            faces += existing.rows
        contents = held(contents_of(everyone))
        twins = held(leaking(contents, shards.leak_bits, faces))
        found |= {"leak_bits": shards.leak_bits, **asdict(count_duplicates(contents, twins)), "dropped_from_train": 0}
        contents.unpersist()
        if shards.leak_guard == "drop":
            of_train = twins.where("split != 'test'" if splits.val_from == "train" else "split = 'train'")
            leaks = held(faces_of(of_train, assigned.select("face_id", *CONTENT)))
            found["dropped_from_train"] = leaks.count()
            detail = F.concat(
                F.when(F.col("bits") == 0, "the same picture as").otherwise("nearly the same picture as"),
                F.lit(" face "),
                "other_face_id",
                F.lit(" in "),
                "other_split",
            )
            if found["dropped_from_train"]:
                parts.append(leaks.select("face_id", F.lit("duplicate_leak").alias("reason"), detail.alias("detail")))
        twins.unpersist()
    if splits.max_per_class:
        over = over_class_limit(assigned, splits)
        parts.append(over.select("face_id", F.lit("over_class_limit").alias("reason"), "detail"))
    if not parts:
        return None, found, leaks
    union = parts[0] if len(parts) == 1 else parts[0].unionByName(parts[1])
    once = union.groupBy("face_id").agg(F.min("reason").alias("reason"), F.min_by("detail", "reason").alias("detail"))
    return held(once), found, leaks


def _quarantine(
    staged: DataFrame, keys: DataFrame | None, assigned: DataFrame, dropped: DataFrame | None, kept: DataFrame
) -> DataFrame:
    """Rejected pictures; of `keys` those that vanished before they were read, None where none did; pictures of which no
    face is kept."""
    rows = staged.where(F.col("reason").isNotNull() & (F.col("reason") != ALREADY_THERE)).select(QUARANTINE.names)
    same = [F.col(name).eqNullSafe(F.col(f"_{name}")) for name in _KEY]
    if keys is not None:
        rows = rows.unionByName(_lost(staged, keys, same))
    if dropped is None:
        return rows
    alive = kept.select(*(F.col(name).alias(f"_{name}") for name in _KEY)).distinct()
    emptied = assigned.where("face_index = 0").join(alive, same, "left_anti").join(dropped, "face_id")
    return rows.unionByName(emptied.select(QUARANTINE.names))


def _lost(staged: DataFrame, keys: DataFrame, same: list[Column]) -> DataFrame:
    arrived = staged.select(*(F.col(name).alias(f"_{name}") for name in _KEY))
    return (
        keys.join(arrived, same, "left_anti")
        .withColumn("image_id", F.lit(None).cast("string"))
        .withColumn("content_bytes", F.lit(None).cast("bigint"))
        .withColumn("reason", F.lit("missing_file"))
        .withColumn(
            "detail",
            F.lit(
                "it was listed, but could not be opened when its turn came: removed meanwhile, or no right to read it"
            ),
        )
        .select(QUARANTINE.names)
    )
