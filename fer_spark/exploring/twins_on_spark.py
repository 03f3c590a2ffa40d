"""Duplicates and near-duplicates: within the set, across splits, and under different labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from fer_spark.exploring.found import EXACT, NEAR, Pairs, TwinGroups, Twins
from fer_spark.exploring.small import collect_small
from fer_spark.spark.duplicates import band_keys, find_leaks
from fer_spark.spark.held import held

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_EXAMPLES = 3
_SHOWN = 80
_TWO_LEVELS_FROM = 200_000


def find_twins(pictures: DataFrame, near_bits: int) -> Twins:
    """Search pictures (path, split, label, pixel_hash, perceptual_hash) by joins on hashes; nothing is compared twice.

    A picture without a perceptual hash, or a flat one (hash 0), has no near-copies.
    """
    columns = ["path", "split", "label", "pixel_hash", "perceptual_hash"]
    slim = held(pictures.select(columns).where("pixel_hash IS NOT NULL"))
    looks = slim.where("perceptual_hash IS NOT NULL AND perceptual_hash != 0")
    near = held(_near_pairs(looks, near_bits)) if near_bits else None
    try:
        groups = [_exact_groups(slim)]
        conflicts = _exact_conflicts(slim)
        if near is not None:
            groups.append(_near_groups(looks, near))
            conflicts += _near_conflicts(looks, near)
        return Twins(groups, _leaks(slim, near_bits), conflicts)
    finally:
        slim.unpersist()
        if near is not None:
            near.unpersist()


def _exact_groups(slim: DataFrame) -> TwinGroups:
    several = slim.groupBy("pixel_hash").agg(F.count(F.lit(1)).alias("n")).where("n > 1")
    row = collect_small(several.agg(F.count(F.lit(1)), F.coalesce(F.sum("n"), F.lit(0))), "equal pictures")[0]
    return TwinGroups(EXACT, row[0], row[1], row[1] - row[0])


def _near_pairs(looks: DataFrame, bits: int) -> DataFrame:
    """Pairs (low, high) of different perceptual hashes within `bits`, each once."""
    hashes = looks.select("perceptual_hash").distinct()
    levels = 2 if hashes.count() >= _TWO_LEVELS_FROM else 1
    keyed = hashes.select(
        F.col("perceptual_hash").alias("low"), F.explode(band_keys(F.col("perceptual_hash"), bits, levels)).alias("key")
    )
    other = keyed.withColumnRenamed("low", "high")
    apart = F.bit_count(F.col("low").bitwiseXOR(F.col("high")))
    return (
        keyed.join(other, "key")
        .where((F.col("low") < F.col("high")) & (apart <= bits))
        .select("low", "high")
        .distinct()
    )


def _near_groups(looks: DataFrame, near: DataFrame) -> TwinGroups:
    """Each picture goes with the least hash within reach; pictures of equal pixels count once."""
    units = looks.groupBy("pixel_hash").agg(F.min("perceptual_hash").alias("high"))
    counted = units.groupBy("high").agg(F.count(F.lit(1)).alias("n"))
    least = near.groupBy("high").agg(F.min("low").alias("low"))
    led = counted.join(least, "high", "left").select(F.coalesce("low", "high").alias("head"), "n")
    several = led.groupBy("head").agg(F.sum("n").alias("n")).where("n > 1")
    row = collect_small(several.agg(F.count(F.lit(1)), F.coalesce(F.sum("n"), F.lit(0))), "near-copies")[0]
    return TwinGroups(NEAR, row[0], row[1], row[1] - row[0])


def _exact_conflicts(slim: DataFrame) -> list[Pairs]:
    units = _units(slim)
    same = F.col("l.pixel_hash") == F.col("r.pixel_hash")
    return _pairs(EXACT, _under_two_labels(units, units, same).where("first < second"))


def _near_conflicts(looks: DataFrame, near: DataFrame) -> list[Pairs]:
    """Labels of pictures of unequal pixels whose hashes are within reach, or equal."""
    units = _units(looks, "perceptual_hash")
    left = near.join(units.withColumnRenamed("perceptual_hash", "low"), "low")
    close = _under_two_labels(left, units, F.col("l.high") == F.col("r.perceptual_hash"))
    least, most = F.least("first", "second"), F.greatest("first", "second")
    close = close.select(least.alias("first"), most.alias("second"), "n", "text")
    look_alike = F.col("l.perceptual_hash") == F.col("r.perceptual_hash")
    other_pixels = F.col("l.pixel_hash") != F.col("r.pixel_hash")
    alike = _under_two_labels(units, units, look_alike & other_pixels).where("first < second")
    return _pairs(NEAR, close.unionByName(alike))


def _units(frame: DataFrame, *more: str) -> DataFrame:
    """Pictures of equal pixels and label as one row, with their number."""
    labelled = frame.where("label != ''").groupBy("pixel_hash", "label", *more)
    return labelled.agg(F.count(F.lit(1)).alias("n"), F.min("path").alias("path"))


def _under_two_labels(left: DataFrame, right: DataFrame, same: Column) -> DataFrame:
    joined = left.alias("l").join(right.alias("r"), same & (F.col("l.label") != F.col("r.label")))
    return joined.select(
        F.col("l.label").alias("first"),
        F.col("r.label").alias("second"),
        (F.col("l.n") * F.col("r.n")).alias("n"),
        _both(F.col("l.path"), F.col("r.path")).alias("text"),
    )


def _leaks(slim: DataFrame, near_bits: int) -> list[Pairs]:
    """By the nearest twin in a higher split, as build-shards --leak-guard counts them."""
    if slim.where("split != ''").select("split").distinct().limit(2).count() < 2:
        return []
    faces = slim.where("split != ''").select(F.col("path").alias("face_id"), "split", "pixel_hash", "perceptual_hash")
    found = find_leaks(faces, near_bits)
    kind = F.when(F.col("bits") == 0, EXACT).otherwise(NEAR)
    return [
        pair
        for name in (EXACT, NEAR)
        for pair in _pairs(
            name,
            found.where(kind == name).select(
                F.col("split").alias("first"),
                F.col("other_split").alias("second"),
                F.lit(1).alias("n"),
                _both(F.col("face_id"), F.col("other_face_id")).alias("text"),
            ),
        )
    ]


def _pairs(kind: str, frame: DataFrame) -> list[Pairs]:
    """Sums of a frame (first, second, n, text), with the least text of each third of the hashes."""
    third = F.pmod(F.xxhash64("text"), F.lit(_EXAMPLES))
    summed = frame.groupBy("first", "second", third.alias("third")).agg(F.sum("n").alias("n"), F.min("text").alias("t"))
    counts: dict[tuple[str, str], int] = {}
    texts: dict[tuple[str, str], list[str]] = {}
    for row in collect_small(summed, f"{kind} pairs"):
        place = (row["first"], row["second"])
        counts[place] = counts.get(place, 0) + row["n"]
        texts.setdefault(place, []).extend([row["t"]] if row["t"] else [])
    order = {"train": 0, "val": 1, "test": 2}
    places = sorted(counts, key=lambda place: (*(order.get(split, 3) for split in place), place))
    return [Pairs(kind, *place, counts[place], tuple(sorted(texts[place]))) for place in places]


def _both(first: Column, second: Column) -> Column:
    return F.concat(F.substring(first, 1, _SHOWN), F.lit(" = "), F.substring(second, 1, _SHOWN))
