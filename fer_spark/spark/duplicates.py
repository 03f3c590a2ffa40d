"""The same picture, or nearly the same, in more than one split. Joins on hashes: no cross join, no collect of rows."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

DEFAULT_BITS = 4
"""Measured between FER-2013's training and public-test pictures (48 px): of the pairs at 1-4 bits, 98 % are visibly the
same picture (pixel correlation over 0.8), at 6 bits 80 %, at 8 bits 40 %."""
_ORDER = {"train": 0, "val": 1, "test": 2}
_HASH_BITS = 64
_TWO_LEVELS_FROM = 200_000
"""From this many distinct hashes on, a bucket of one band alone holds too many of them."""


@dataclass(frozen=True)
class DuplicateCounts:
    """Pictures, by their first face. `exact_within`: redundant copies inside a split; `exact_across`, `near_across`:
    pictures with an equal or nearly equal one in a higher split; `conflicting_labels`: pictures whose equal pixels
    carry different labels."""

    exact_within: int
    exact_across: int
    near_across: int
    conflicting_labels: int


def find_leaks(
    frame: DataFrame, max_bits: int = DEFAULT_BITS, faces: int | None = None, keep: tuple[str, ...] = ()
) -> DataFrame:
    """One row per face of `frame` (face_id, split, pixel_hash, perceptual_hash) that has a twin in a higher split.
    `faces`: how many `frame` holds, where that is known; `keep`: other columns of a face that its row keeps.

    Splits rank train < val < test. Yields face_id, split, other_face_id, other_split, bits: 0 for equal pixels, else
    the Hamming distance of the perceptual hashes (1 to max_bits; 1 also for equal hashes of unequal pixels). The
    nearest twin is named.
    A flat picture's perceptual hash (0) says nothing: such pictures are compared by their pixels alone.
    """
    face = ("face_id", "split", *keep)
    small = frame.select(*face, "pixel_hash", "perceptual_hash", _rank(F.col("split")).alias("_rank"))
    twins = _exact(small, face)
    if max_bits > 0:
        twins = twins.unionByName(_near(small, face, max_bits, faces))
    best = F.min(F.struct("bits", (-F.col("_other_rank")).alias("_rank"), "other_face_id", "other_split"))
    chosen = twins.groupBy(*face).agg(best.alias("best"))
    return chosen.select(*face, "best.other_face_id", "best.other_split", "best.bits")


def count_duplicates(frame: DataFrame, leaks: DataFrame) -> DuplicateCounts:
    """Counts over `frame` (face_id, split, label, pixel_hash, face_index); `leaks`: of find_leaks, with face_index."""
    pictures = frame.where("face_index = 0")
    per_split = pictures.groupBy("pixel_hash", "split").agg(
        F.count(F.lit(1)).alias("n"), F.collect_set("label").alias("labels")
    )
    per_picture = per_split.groupBy("pixel_hash").agg(
        F.sum("n").alias("n"),
        F.sum(F.col("n") - 1).alias("extra"),
        F.array_distinct(F.flatten(F.collect_list("labels"))).alias("labels"),
    )
    equal = per_picture.agg(F.sum("extra").alias("extra"), F.sum(F.when(F.size("labels") > 1, F.col("n"))).alias("odd"))
    bits = F.col("bits")
    across = leaks.where("face_index = 0").agg(F.count_if(bits == 0).alias("exact"), F.count_if(bits > 0).alias("near"))
    found = equal.crossJoin(across).collect()[0]
    return DuplicateCounts(int(found["extra"] or 0), found["exact"], found["near"], int(found["odd"] or 0))


def _rank(split: Column) -> Column:
    pairs = [F.lit(part) for pair in _ORDER.items() for part in pair]
    return F.try_element_at(F.create_map(*pairs), split)


def _exact(small: DataFrame, face: tuple[str, ...]) -> DataFrame:
    """Every face with a face of equal pixels in a higher split."""
    higher = small.where("_rank > 0").groupBy(
        "pixel_hash", F.col("split").alias("other_split"), F.col("_rank").alias("_other_rank")
    )
    firsts = higher.agg(F.min("face_id").alias("other_face_id"))
    pairs = small.join(firsts, "pixel_hash").where("_other_rank > _rank")
    return pairs.select(*face, "other_face_id", "other_split", "_other_rank", F.lit(0).alias("bits"))


def _near(small: DataFrame, face: tuple[str, ...], max_bits: int, faces: int | None) -> DataFrame:
    """Every face whose hash lies within max_bits of one in a higher split.

    Two hashes within k bits agree in at least one of k + 1 bands; only such pairs are compared. Bands are looked up for
    distinct hashes, so a thousand copies of one picture cost as much as one.
    """
    hashed = small.where("perceptual_hash IS NOT NULL AND perceptual_hash != 0")
    hashes = hashed.groupBy("perceptual_hash", "split", "_rank").agg(F.min("face_id").alias("_face"))
    few = faces is not None and faces < _TWO_LEVELS_FROM
    levels = 1 if few or hashes.count() < _TWO_LEVELS_FROM else 2
    keyed = hashes.withColumn("_key", F.explode(band_keys(F.col("perceptual_hash"), max_bits, levels)))
    higher = keyed.where("_rank > 0").select(
        "_key",
        F.col("perceptual_hash").alias("_other_hash"),
        F.col("split").alias("other_split"),
        F.col("_rank").alias("_other_rank"),
        F.col("_face").alias("other_face_id"),
    )
    bits = F.bit_count(F.col("perceptual_hash").bitwiseXOR(F.col("_other_hash")))
    pairs = keyed.join(higher, "_key").where((F.col("_other_rank") > F.col("_rank")) & (bits <= max_bits))
    best = F.min(
        F.struct(
            F.greatest(bits, F.lit(1)).alias("bits"), (-F.col("_other_rank")).alias("r"), "other_face_id", "other_split"
        )
    )
    nearest = pairs.groupBy("perceptual_hash", "split").agg(best.alias("best"))
    found = hashed.join(nearest, ["perceptual_hash", "split"])
    return found.select(
        *face,
        "best.other_face_id",
        "best.other_split",
        (-F.col("best.r")).alias("_other_rank"),
        "best.bits",
    )


def band_keys(value: Column, max_bits: int, levels: int) -> Column:
    """Keys of a 64-bit hash such that hashes within max_bits share at least one.

    Two levels: beside an equal band, the other bits are cut into bands too (they hold all the differences), which makes
    buckets small enough for millions of hashes.
    """
    keys = []
    for band, (start, width) in enumerate(_bands(_HASH_BITS, max_bits + 1)):
        turned = _turn(value, start)
        head = F.shiftrightunsigned(turned, _HASH_BITS - width)
        if levels == 1:
            keys.append(F.xxhash64(F.lit(band), head))
            continue
        for sub, (sub_start, sub_width) in enumerate(_bands(_HASH_BITS - width, max_bits + 1)):
            tail = F.shiftrightunsigned(F.shiftleft(turned, width + sub_start), _HASH_BITS - sub_width)
            keys.append(F.xxhash64(F.lit(band), F.lit(sub), head, tail))
    return F.array(*keys)


def _bands(bits: int, parts: int) -> list[tuple[int, int]]:
    """Start and width of `parts` bands that cover `bits` bits, as equal as can be."""
    edges = [bits * i // parts for i in range(parts + 1)]
    return [(edges[i], edges[i + 1] - edges[i]) for i in range(parts)]


def _turn(value: Column, bits: int) -> Column:
    """A 64-bit value rotated to the left."""
    if bits == 0:
        return value
    return F.shiftleft(value, bits).bitwiseOR(F.shiftrightunsigned(value, _HASH_BITS - bits))
