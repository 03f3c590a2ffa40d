"""Which face goes to train, val or test: by a hash of what must stay together, never by order or chance."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F

from fer_spark.sources.settings import AUTO, SPLITS, SourceError, SplitSettings

MIN_GROUPS = 30
"""With fewer persons or users, whole splits would rest on a handful of them."""


@dataclass(frozen=True)
class Grouping:
    """What stays within one split: `group` (the source's person or user) or `content` (equal pixels); and why."""

    by: str
    why: str


@dataclass(frozen=True)
class Stated:
    """What the source states of splits: rows called val; faces called train, and faces of which it says nothing."""

    val: int
    train: int
    unstated: int

    @staticmethod
    def columns(is_face: Column) -> list[Column]:
        """Aggregates over rows with `split` as stated; `of` reads them."""
        split = F.col("split")
        return [
            F.count_if(split == "val").alias("stated_val"),
            F.count_if(is_face & (split == "train")).alias("stated_train"),
            F.count_if(is_face & split.isNull()).alias("unstated"),
        ]

    @classmethod
    def of(cls, counted: Row) -> Stated:
        return cls(counted["stated_val"], counted["stated_train"], counted["unstated"])


@dataclass(frozen=True)
class SettledVal:
    """`settings` without a --val-from auto, and `why` in words where somebody may not expect what follows of it."""

    settings: SplitSettings
    why: str = ""


def settle_val(settings: SplitSettings, stated: Stated) -> SettledVal:
    """`auto` draws val from train where train is stated, val is not, and rows without a split would give a smaller one.

    The draw is that of --val-from train.
    """
    if settings.val_from == "train" and stated.val:
        return SettledVal(settings, f"{stated.val:,} faces that the source calls val became test (--val-from train)")
    if settings.val_from != AUTO:
        return SettledVal(settings)
    drawn = settings.val_fraction * stated.train
    if settings.split in ("hash", "none") or stated.val or stated.unstated * settings.fractions[1] >= drawn:
        return SettledVal(replace(settings, val_from="none"))
    why = (
        f"Val is {settings.val_fraction:.0%} of train, drawn from it because the source states none; "
        "--val-from none leaves it out"
    )
    return SettledVal(replace(settings, val_from="train"), why)


def named_grouping(group_from: str, settings: SplitSettings) -> Grouping | None:
    """Persons of --group-from stay together however few they are: the user says who they are. None without it."""
    return Grouping("group", "persons by --group-from") if group_from and settings.group_by == "auto" else None


def choose_grouping(faces: DataFrame, settings: SplitSettings, in_groups: int | None = None) -> Grouping:
    """Settle `auto`: the source's groups are usable when there are many and none is larger than the smallest split.

    One small aggregation, unless `in_groups`, the number of faces with a group id, says that there is none. Raises
    SourceError for `group` without any group id.
    """
    if settings.group_by == "content":
        return Grouping("content", "requested")
    groups, largest, rows = (0, 0, 0) if in_groups == 0 else _sizes(faces)
    if settings.group_by == "group":
        if groups == 0:
            raise SourceError(
                "--group-by group: no row has a group; name the column with --group-column, or use content"
            )
        return Grouping("group", f"requested; {groups} groups")
    if groups == 0:
        return Grouping("content", "the source names no person or user")
    share = largest / rows
    smallest = min((part for part in settings.fractions if part > 0), default=1.0)
    if groups < MIN_GROUPS or share > smallest / 2:
        return Grouping(
            "content", f"{groups} groups, the largest with {share:.0%} of the rows, cannot fill the splits evenly"
        )
    return Grouping("group", f"{groups} groups, the largest with {share:.1%} of the rows")


def _sizes(faces: DataFrame) -> tuple[int, int, int]:
    """How many groups there are, faces of the largest, and faces in groups."""
    sizes = faces.where("group_id IS NOT NULL").groupBy("group_id").count()
    found = sizes.agg(F.count(F.lit(1)), F.max("count"), F.sum("count")).collect()[0]
    return int(found[0]), int(found[1] or 0), int(found[2] or 0)


def assign_splits(faces: DataFrame, settings: SplitSettings, grouping: Grouping | None = None) -> DataFrame:
    """The same rows and columns, with `split` train, val or test. One small aggregation for a --val-from auto.

    The answer depends on the seed and on what stays together, not on partitions; without `stratify`, not even on the
    other rows. Raises SourceError for --split official when no row states a split.
    """
    fractions = settings.fractions
    if settings.split == "none":
        return _replace(faces, F.lit("train"))
    unit = _unit_column((grouping or choose_grouping(faces, settings)).by)
    frame = faces.withColumn("_unit", unit)
    if settings.split == "hash":
        return _replace(*_drawn(frame, settings, fractions, F.lit(True))).select(faces.columns)
    if settings.val_from == AUTO:
        [counted] = faces.agg(*Stated.columns(F.lit(True))).collect()
        settings = settle_val(settings, Stated.of(counted)).settings
    stated = F.col("split").isNotNull()
    if settings.split == "official" and faces.where("split IS NOT NULL").limit(1).count() == 0:
        raise SourceError(
            "--split official: the source states no splits; use --split hash, or name the column with --split-column"
        )
    if settings.val_from == "train":
        frame = frame.withColumn("split", F.when(F.col("split") == "val", "test").otherwise(F.col("split")))
        frame, split = _drawn(
            frame, settings, (1 - settings.val_fraction, settings.val_fraction, 0.0), F.col("split") == "train"
        )
        frame = _replace(frame, split).withColumn("_unit", unit)
    frame, split = _drawn(frame, settings, fractions, ~stated)
    return _replace(frame, split).select(faces.columns)


def over_class_limit(faces: DataFrame, settings: SplitSettings) -> DataFrame:
    """face_id and detail of the faces beyond --max-per-class; the pictures with the smallest hashes stay.

    Counts pictures (input rows), per label and split; all faces of a picture stay or go together.
    """
    limit = settings.max_per_class
    chosen = faces.where(F.col("label").isNotNull())
    if limit <= 0:
        chosen = chosen.where(F.lit(False))
    if settings.max_per_class_in == "train":
        chosen = chosen.where(F.col("split") == "train")
    picture = F.struct("image_id", "source_path", F.coalesce("source_row", F.lit(-1)))
    ranked = chosen.select(
        "face_id", "label", "split", _hash(settings.seed, picture).alias("_hash"), picture.alias("_picture")
    )
    order = Window.partitionBy("split", "label").orderBy("_hash", "_picture")
    detail = F.format_string(f"more than {limit} pictures of '%s' in %s", F.col("label"), F.col("split"))
    return (
        ranked.withColumn("_rank", F.dense_rank().over(order))
        .where(F.col("_rank") > limit)
        .select("face_id", detail.alias("detail"))
    )


def _unit_column(by: str) -> Column:
    pixels = F.concat(F.lit("content:"), F.coalesce("pixel_hash", "image_id"))
    return F.coalesce(F.concat(F.lit("group:"), F.col("group_id")), pixels) if by == "group" else pixels


def _replace(frame: DataFrame, split: Column) -> DataFrame:
    return frame.withColumn("split", split).drop("_unit", "_share")


def _drawn(
    frame: DataFrame, settings: SplitSettings, fractions: tuple[float, float, float], where: Column
) -> tuple[DataFrame, Column]:
    """The frame (with `_share`) and a split that is drawn where asked and the stated one elsewhere."""
    if settings.stratify:
        shares = _stratified_shares(frame.where(where), settings.seed)
        frame = frame.join(shares, "_unit", "left")
    else:
        frame = frame.withColumn("_share", _uniform(settings.seed, F.col("_unit")))
    return frame, F.when(where, _by_share(fractions)).otherwise(F.col("split"))


def _by_share(fractions: tuple[float, float, float]) -> Column:
    """The split in whose part of [0, 1) `_share` lies; the last part ends at 1 whatever the rounding."""
    parts = [(name, share) for name, share in zip(SPLITS, fractions, strict=True) if share > 0]
    drawn = F.lit(parts[-1][0])
    for i in range(len(parts) - 2, -1, -1):
        end = sum(share for _, share in parts[: i + 1])
        drawn = F.when(F.col("_share") < end, parts[i][0]).otherwise(drawn)
    return drawn


def _stratified_shares(frame: DataFrame, seed: int) -> DataFrame:
    """_unit, _share: where the middle of a unit's rows lies, in [0, 1), among its label's rows ordered by hash.

    A unit with several labels counts for its most frequent one.
    """
    label = F.coalesce("label", F.lit(""))
    per_label = frame.groupBy("_unit", label.alias("_label")).agg(F.count(F.lit(1)).alias("n"))
    best = F.min_by("_label", F.struct(-F.col("n"), F.col("_label")))
    units = per_label.groupBy("_unit").agg(best.alias("_label"), F.sum("n").alias("n"))
    by_label = Window.partitionBy("_label")
    ordered = by_label.orderBy(_hash(seed, F.col("_unit")), "_unit").rowsBetween(
        Window.unboundedPreceding, Window.currentRow
    )
    middle = (F.sum("n").over(ordered) - F.col("n") / 2) / F.sum("n").over(by_label)
    return units.select("_unit", middle.alias("_share"))


def _hash(seed: int, value: Column) -> Column:
    return F.xxhash64(F.lit(seed), value)


def _uniform(seed: int, value: Column) -> Column:
    """[0, 1): the upper 53 bits of the hash."""
    return F.shiftrightunsigned(_hash(seed, value), 11) / F.lit(float(1 << 53))
