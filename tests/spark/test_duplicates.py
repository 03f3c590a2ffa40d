"""Twins across splits: found by hashes, exactly as a comparison of all pairs would."""

from __future__ import annotations

import random

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.spark import duplicates
from fer_spark.spark.duplicates import band_keys, contents_of, count_duplicates, find_leaks, leaking

DDL = "face_id string, split string, pixel_hash string, perceptual_hash bigint, label string, face_index int"


def _frame(spark: SparkSession, rows: list[tuple[str, str, str, int, str]]) -> DataFrame:
    return spark.createDataFrame([(*row, 0) for row in rows], DDL)


def _found(leaks: DataFrame) -> dict[str, tuple[str, str, str, int]]:
    return {
        row["face_id"]: (row["split"], row["other_face_id"], row["other_split"], row["bits"]) for row in leaks.collect()
    }


def test_the_lower_split_leaks_and_the_nearest_twin_is_named(spark: SparkSession) -> None:
    frame = _frame(
        spark,
        [
            ("a", "train", "P1", 0b1111, "happy"),
            ("b", "test", "P1", 0b1111, "sad"),  # equal pixels
            ("c", "val", "P3", 0b0111 << 8, "happy"),
            ("d", "train", "P4", 0b0001 << 8, "happy"),  # 2 bits from c
            ("e", "train", "P5", 0b11111 << 40, "happy"),  # 5 bits from 0, far from all
            ("f", "train", "P6", -1, "fear"),
            ("g", "test", "P7", 2**63 - 1, "fear"),  # 1 bit: the sign
            ("h", "val", "P8", -1, "fear"),  # the same hash of other pixels
        ],
    )
    assert _found(find_leaks(frame, 4)) == {
        "a": ("train", "b", "test", 0),
        "d": ("train", "c", "val", 2),
        "f": ("train", "g", "test", 1),
        "h": ("val", "g", "test", 1),
    }
    assert set(_found(find_leaks(frame, 0))) == {"a"}


def test_flat_pictures_are_compared_by_their_pixels_alone(spark: SparkSession) -> None:
    rows = [("a", "train", "black", 0, "sad"), ("b", "test", "white", 0, "sad"), ("c", "train", "white", 0, "sad")]
    assert _found(find_leaks(_frame(spark, rows))) == {"c": ("train", "b", "test", 0)}


@pytest.mark.parametrize(("max_bits", "levels_from"), [(4, 10**9), (4, 0), (3, 10**9), (7, 0)])
def test_as_many_as_a_comparison_of_all_pairs(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, max_bits: int, levels_from: int
) -> None:
    monkeypatch.setattr(duplicates, "_TWO_LEVELS_FROM", levels_from)
    dice = random.Random(5)
    centres = [dice.getrandbits(64) for _ in range(11)]
    rows = []
    for i in range(300):
        value = centres[i % 11]
        for bit in dice.sample(range(64), dice.randrange(10)):
            value ^= 1 << bit
        signed = value - (1 << 64) if value >> 63 else value
        rows.append((f"{i:03d}", ("train", "train", "val", "test")[i % 4], f"P{i}", signed, "sad"))
    rank = {"train": 0, "val": 1, "test": 2}
    expected = {}
    for one in rows:
        far = [((one[3] ^ other[3]) & (2**64 - 1)).bit_count() for other in rows if rank[other[1]] > rank[one[1]]]
        if far and min(far) <= max_bits:
            expected[one[0]] = max(1, min(far))
    assert 20 < len(expected) < 225
    for faces in (None, len(rows)):
        leaks = find_leaks(_frame(spark, rows), max_bits, faces)
        assert {face: twin[3] for face, twin in _found(leaks).items()} == expected


def test_a_thousand_copies_are_not_a_million_pairs(spark: SparkSession) -> None:
    ids = spark.range(4000).select(
        F.format_string("%05d", "id").alias("face_id"),
        F.when(F.col("id") % 2 == 0, "train").otherwise("test").alias("split"),
        F.lit("same").alias("pixel_hash"),
        F.lit(77).cast("bigint").alias("perceptual_hash"),
    )
    leaks = find_leaks(ids)
    assert leaks.count() == 2000
    assert {row[0] for row in leaks.select("other_face_id").distinct().collect()} == {"00001"}


def test_keys_are_shared_by_near_hashes_alone(spark: SparkSession) -> None:
    near, far = 0x0123456789ABCDEF, 0x0123456789ABCDEF ^ 0x1111111111111111
    for levels in (1, 2):
        row = (
            spark.range(1)
            .select(
                band_keys(F.lit(near), 4, levels).alias("a"),
                band_keys(F.lit(near ^ 0b1011 << 30), 4, levels).alias("b"),
                band_keys(F.lit(far), 4, levels).alias("c"),
            )
            .first()
        )
        assert row is not None
        assert set(row["a"]) & set(row["b"])
        assert not set(row["a"]) & set(row["c"])


def test_counts(spark: SparkSession) -> None:
    frame = _frame(
        spark,
        [
            ("a", "train", "P1", 11, "happy"),
            ("b", "train", "P1", 11, "sad"),  # a copy within train, and another label
            ("c", "train", "P1", 11, "sad"),
            ("d", "val", "P1", 11, "sad"),
            ("e", "train", "P2", 1 << 50, "fear"),
            ("f", "test", "P3", 3 << 50, "fear"),
            ("g", "test", "P4", 0, "fear"),
        ],
    ).unionAll(spark.createDataFrame([("a2", "train", "P1", 11, "happy", 1)], DDL))  # a second face of picture a
    contents = contents_of(frame)
    counts = count_duplicates(contents, leaking(contents))
    assert (counts.exact_within, counts.exact_across, counts.near_across, counts.conflicting_labels) == (2, 3, 1, 4)
