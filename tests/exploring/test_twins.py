"""Copies, near-copies, leaks and contradictions among ten pictures whose hashes are made by hand."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from fer_spark.exploring.found import TwinGroups
from fer_spark.exploring.twins_on_spark import find_twins

SCHEMA = "path string, split string, label string, pixel_hash string, perceptual_hash bigint"
A, B = 0x0F0F0F0F0F0F0F0F, 0x123456789ABCDEF0
PICTURES = [
    ("a1", "train", "happy", "A", A),
    ("a2", "train", "happy", "A", A),  # a copy within train
    ("a3", "val", "sad", "A", A),  # a copy in val, under another label
    ("near", "test", "happy", "N", A ^ 0b1011),  # three bits from A
    ("alike", "train", "sad", "L", A),  # the same look, other pixels
    ("b1", "train", "fear", "B", B),
    ("b2", "test", "fear", "B", B),
    ("far", "val", "fear", "F", B ^ 0b11111),  # five bits from B
    ("flat1", "train", "fear", "P", 0),
    ("flat2", "val", "sad", "Q", 0),
]


@pytest.mark.job
def test_copies_leaks_and_conflicts_by_hand(spark: SparkSession) -> None:
    for partitions in (1, 5):
        found = find_twins(spark.createDataFrame(PICTURES, SCHEMA).repartition(partitions), 4)
        assert found.groups == [
            TwinGroups("exact", 2, 5, 3),  # a1 a2 a3, and b1 b2
            TwinGroups("near", 1, 3, 2),  # A, N and L count once each
        ]
        leaks = {(one.kind, one.first, one.second): one.count for one in found.leaks}
        assert leaks == {
            ("exact", "train", "val"): 2,
            ("exact", "train", "test"): 1,
            ("near", "train", "val"): 1,  # alike, whose look is that of a3
            ("near", "val", "test"): 1,  # a3 and near
        }
        conflicts = {(one.kind, one.first, one.second): one.count for one in found.conflicts}
        assert conflicts == {
            ("exact", "happy", "sad"): 2,
            # alike with a1, a2 and near; near with a3
            ("near", "happy", "sad"): 4,
        }
        shown = {text for one in found.conflicts if one.kind == "near" for text in one.examples}
        assert shown <= {"a1 = alike", "alike = near", "a3 = near", "near = a3", "near = alike"}  # none is exact
        examples = {one.kind: one.examples for one in found.leaks if one.second == "test" and one.kind == "exact"}
        assert examples == {"exact": ("b1 = b2",)}


def test_without_near_bits_only_equal_pixels_count(spark: SparkSession) -> None:
    found = find_twins(spark.createDataFrame(PICTURES, SCHEMA), 0)
    assert [one.kind for one in found.groups] == ["exact"]
    assert {one.kind for one in found.leaks} == {"exact"}


def test_without_splits_there_are_no_leaks(spark: SparkSession) -> None:
    rows = [(path, "", label, pixels, look) for path, _, label, pixels, look in PICTURES]
    found = find_twins(spark.createDataFrame(rows, SCHEMA), 4)
    assert (found.leaks, found.groups[0].redundant) == ([], 3)
