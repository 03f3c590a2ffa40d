"""The same picture, or nearly the same, in more than one split. Joins on hashes: no cross join, no collect of rows."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

DEFAULT_BITS = 4
"""Measured between FER-2013's training and public-test pictures (48 px): of the pairs at 1-4 bits, 98 % are visibly the
same picture (pixel correlation over 0.8), at 6 bits 80 %, at 8 bits 40 %."""
_ORDER = {"train": 0, "val": 1, "test": 2}
CONTENT = ("pixel_hash", "perceptual_hash", "split")
_TWIN = (*CONTENT, "_pictures", "other_face_id", "other_split", "_other_rank")
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


def contents_of(frame: DataFrame) -> DataFrame:
    """Faces of equal pixels in one split as one row: pixel_hash, perceptual_hash and split, `_rank` of the split,
    `_face`, the least face_id; `_pictures`, how many of them are a picture's first face, and the least and the greatest
    label of those.

    `frame`: face_id, split, pixel_hash, perceptual_hash, label, face_index. Rows lie together by perceptual_hash, which
    equal pixels share, so that neither counts nor leaks shuffle them again.
    """
    first = F.col("face_index") == 0
    counts = (
        F.count_if(first).alias("_pictures"),
        F.min(F.when(first, F.col("label"))).alias("_least"),
        F.max(F.when(first, F.col("label"))).alias("_greatest"),
    )
    return _contents(frame, *counts).repartition("perceptual_hash")


def leaking(contents: DataFrame, max_bits: int = DEFAULT_BITS, faces: int | None = None) -> DataFrame:
    """Those of contents_of that have a twin in a higher split, with other_face_id, other_split and bits of the nearest.
    `faces`: how many there are, where that is known."""
    twins = _exact(contents)
    if max_bits > 0:
        twins = twins.unionByName(_near(contents, max_bits, faces))
    best = F.min(F.struct("bits", (-F.col("_other_rank")).alias("_rank"), "other_face_id", "other_split"))
    chosen = twins.groupBy(*CONTENT).agg(best.alias("best"), F.first("_pictures").alias("_pictures"))
    return chosen.select(*CONTENT, "_pictures", "best.other_face_id", "best.other_split", "best.bits")


def faces_of(leaking: DataFrame, frame: DataFrame) -> DataFrame:
    """Faces of `frame` whose content leaks: its columns, other_face_id, other_split and bits."""
    twin = leaking.select(*(F.col(name).alias(f"_{name}") for name in CONTENT), "other_face_id", "other_split", "bits")
    same = [F.col(name).eqNullSafe(F.col(f"_{name}")) for name in CONTENT]
    return frame.join(twin, same).drop(*(f"_{name}" for name in CONTENT))


def find_leaks(frame: DataFrame, max_bits: int = DEFAULT_BITS, faces: int | None = None) -> DataFrame:
    """One row per face of `frame` (face_id, split, pixel_hash, perceptual_hash) that has a twin in a higher split.
    `faces`: how many `frame` holds, where that is known.

    Splits rank train < val < test. Yields the columns of `frame`, other_face_id, other_split, bits: 0 for equal
    pixels, else the Hamming distance of the perceptual hashes (1 to max_bits; 1 also for equal hashes of unequal
    pixels). The nearest twin is named.
    A flat picture's perceptual hash (0) says nothing: such pictures are compared by their pixels alone.
    """
    contents = _contents(frame, F.count(F.lit(1)).alias("_pictures")).repartition("perceptual_hash")
    return faces_of(leaking(contents, max_bits, faces), frame)


def count_duplicates(contents: DataFrame, leaking: DataFrame) -> DuplicateCounts:
    """Counts over contents_of; `leaking`: those of them that leak."""
    pictures = F.col("_pictures")
    per_picture = contents.groupBy("perceptual_hash", "pixel_hash").agg(
        F.sum(pictures).alias("n"),
        F.sum(F.greatest(pictures - 1, F.lit(0))).alias("extra"),
        F.min("_least").alias("least"),
        F.max("_greatest").alias("greatest"),
    )
    equal = per_picture.agg(
        F.sum("extra").alias("extra"), F.sum(F.when(F.col("least") != F.col("greatest"), F.col("n"))).alias("odd")
    )
    same = F.col("bits") == 0
    across = leaking.agg(F.sum(F.when(same, pictures)).alias("exact"), F.sum(F.when(~same, pictures)).alias("near"))
    found = equal.crossJoin(across).collect()[0]
    return DuplicateCounts(*(int(found[name] or 0) for name in ("extra", "exact", "near", "odd")))


def _contents(frame: DataFrame, *counts: Column) -> DataFrame:
    ranked = frame.withColumn("_rank", _rank(F.col("split")))
    return ranked.groupBy(*CONTENT, "_rank").agg(F.min("face_id").alias("_face"), *counts)


def _rank(split: Column) -> Column:
    pairs = [F.lit(part) for pair in _ORDER.items() for part in pair]
    return F.try_element_at(F.create_map(*pairs), split)


def _exact(contents: DataFrame) -> DataFrame:
    """Every content with equal pixels in a higher split."""
    rank = F.col("_rank")
    highest = (
        contents.where("pixel_hash IS NOT NULL")
        .groupBy("perceptual_hash", "pixel_hash")
        .agg(
            F.min(rank).alias("_lowest"),
            F.max(rank).alias("_other_rank"),
            F.max_by("_face", rank).alias("_other"),
            F.max_by("split", rank).alias("other_split"),
        )
        .where("_other_rank > _lowest")
        .select(
            F.col("perceptual_hash").alias("_near"),
            F.col("pixel_hash").alias("_same"),
            F.col("_other").alias("other_face_id"),
            "other_split",
            "_other_rank",
        )
    )
    same = [F.col("perceptual_hash").eqNullSafe(F.col("_near")), F.col("pixel_hash") == F.col("_same")]
    pairs = contents.join(highest, same).where("_other_rank > _rank")
    return pairs.select(*_TWIN, F.lit(0).alias("bits"))


def _near(contents: DataFrame, max_bits: int, faces: int | None) -> DataFrame:
    """Every content whose hash lies within max_bits of one in a higher split.

    Two hashes within k bits agree in at least one of k + 1 bands; only such pairs are compared. Bands are looked up for
    distinct hashes, so a thousand pictures of one hash cost as much as one.
    """
    hashed = contents.where("perceptual_hash IS NOT NULL AND perceptual_hash != 0")
    hashes = hashed.groupBy("perceptual_hash", "split", "_rank").agg(F.min("_face").alias("_face"))
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
    pairs = keyed.join(F.broadcast(higher) if few else higher, "_key")
    pairs = pairs.where((F.col("_other_rank") > F.col("_rank")) & (bits <= max_bits))
    best = F.min(
        F.struct(
            F.greatest(bits, F.lit(1)).alias("bits"), (-F.col("_other_rank")).alias("r"), "other_face_id", "other_split"
        )
    )
    nearest = pairs.groupBy("perceptual_hash", "split").agg(best.alias("best"))
    found = hashed.join(nearest, ["perceptual_hash", "split"]).select(
        *CONTENT, "_pictures", "best.*", (-F.col("best.r")).alias("_other_rank")
    )
    return found.select(*_TWIN, "bits")


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
