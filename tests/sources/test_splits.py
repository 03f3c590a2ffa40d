"""Splits follow from seed and content: nothing else may move a face."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from fer_spark.rows import FACE
from fer_spark.sources.settings import SourceError, SplitSettings
from fer_spark.sources.splits import (
    Grouping,
    SettledVal,
    Stated,
    assign_splits,
    choose_grouping,
    over_class_limit,
    settle_val,
)

CONTENT = Grouping("content", "test")
LABELS = ("happy", "happy", "happy", "sad", "fear")


def _faces(spark: SparkSession, rows: list[dict[str, object]]) -> DataFrame:
    return spark.createDataFrame([tuple(row.get(name) for name in FACE.names) for row in rows], FACE.spark_schema)


def _rows(count: int, **more: object) -> list[dict[str, object]]:
    return [
        {
            "face_id": f"{i:05d}",
            "image_id": f"i{i}",
            "source_path": f"{i}.jpg",
            "pixel_hash": f"p{i}",
            "label": LABELS[i % 5],
            "face_index": 0,
            **more,
        }
        for i in range(count)
    ]


def _splits(frame: DataFrame) -> dict[str, str]:
    return {row["face_id"]: row["split"] for row in frame.select("face_id", "split").collect()}


def test_ratios_are_met_and_equal_pixels_stay_together(spark: SparkSession) -> None:
    rows = _rows(4000)
    for row in rows[:400]:
        row["pixel_hash"] = f"twin{int(str(row['face_id'])) // 2}"
    found = _splits(assign_splits(_faces(spark, rows), SplitSettings(ratios="0.7,0.2,0.1"), CONTENT))
    counts = Counter(found.values())
    assert abs(counts["train"] - 2800) < 120
    assert abs(counts["val"] - 800) < 110
    assert abs(counts["test"] - 400) < 80
    assert all(found[f"{i:05d}"] == found[f"{i + 1:05d}"] for i in range(0, 400, 2))


def test_neither_partitions_nor_other_rows_nor_order_matter_but_the_seed_does(spark: SparkSession) -> None:
    rows, settings = _rows(300), SplitSettings(seed=3)
    whole = _splits(assign_splits(_faces(spark, rows), settings, CONTENT))
    turned = assign_splits(_faces(spark, rows[::-1]).repartition(7), settings, CONTENT)
    assert _splits(turned) == whole
    assert turned.columns == FACE.names
    half = _splits(assign_splits(_faces(spark, rows[:150]), settings, CONTENT))
    assert all(whole[face] == split for face, split in half.items())
    assert _splits(assign_splits(_faces(spark, rows), SplitSettings(seed=4), CONTENT)) != whole


def test_a_group_stays_together_and_rows_without_one_go_by_content(spark: SparkSession) -> None:
    rows = _rows(600)
    for i, row in enumerate(rows[:500]):
        row["group_id"] = f"person{i % 50}"
    frame = _faces(spark, rows)
    grouping = choose_grouping(frame, SplitSettings())
    assert grouping.by == "group"
    assert "50 groups" in grouping.why
    found = _splits(assign_splits(frame, SplitSettings(), grouping))
    by_person = [{found[f"{i:05d}"] for i in range(person, 500, 50)} for person in range(50)]
    assert all(len(splits) == 1 for splits in by_person)
    assert {found[f"{i:05d}"] for i in range(500, 600)} == {"train", "val", "test"}


def test_groups_that_cannot_fill_the_splits_are_not_used(spark: SparkSession) -> None:
    few = [{**row, "group_id": f"g{i % 6}"} for i, row in enumerate(_rows(60))]
    assert choose_grouping(_faces(spark, few), SplitSettings()).by == "content"
    heavy = [{**row, "group_id": "big" if i < 30 else f"g{i}"} for i, row in enumerate(_rows(90))]
    assert choose_grouping(_faces(spark, heavy), SplitSettings()).by == "content"
    assert choose_grouping(_faces(spark, heavy), SplitSettings(group_by="group")).by == "group"
    assert choose_grouping(_faces(spark, _rows(5)), SplitSettings()).why == "the source names no person or user"
    with pytest.raises(SourceError, match="--group-column"):
        choose_grouping(_faces(spark, _rows(5)), SplitSettings(group_by="group"))


def test_stated_splits_are_kept_and_the_rest_is_drawn(spark: SparkSession) -> None:
    rows = [{**row, "split": ("train", "test")[i % 2] if i < 100 else None} for i, row in enumerate(_rows(400))]
    found = _splits(assign_splits(_faces(spark, rows), SplitSettings(), CONTENT))
    assert all(found[f"{i:05d}"] == ("train", "test")[i % 2] for i in range(100))
    assert {found[f"{i:05d}"] for i in range(100, 400)} == {"train", "val", "test"}
    ignored = _splits(assign_splits(_faces(spark, rows), SplitSettings(split="hash"), CONTENT))
    assert any(ignored[f"{i:05d}"] == "val" for i in range(100))
    assert set(_splits(assign_splits(_faces(spark, rows), SplitSettings(split="none"), CONTENT)).values()) == {"train"}


def test_official_splits_must_be_there(spark: SparkSession) -> None:
    with pytest.raises(SourceError, match="--split hash"):
        assign_splits(_faces(spark, _rows(3)), SplitSettings(split="official"), CONTENT)


def test_a_new_val_comes_from_train_and_the_stated_one_becomes_test(spark: SparkSession) -> None:
    rows = [{**row, "split": "val" if i < 50 else "train"} for i, row in enumerate(_rows(1050))]
    settings = SplitSettings(val_from="train", val_fraction=0.25)
    found = _splits(assign_splits(_faces(spark, rows), settings, CONTENT))
    assert {found[f"{i:05d}"] for i in range(50)} == {"test"}
    drawn = Counter(found[f"{i:05d}"] for i in range(50, 1050))
    assert set(drawn) == {"train", "val"}
    assert abs(drawn["val"] - 250) < 50


@pytest.mark.parametrize(
    ("stated", "settled"),
    [
        (Stated(val=0, train=900, unstated=0), "train"),
        (Stated(val=0, train=900, unstated=3), "train"),  # of three rows that are drawn, none may be val
        (Stated(val=0, train=900, unstated=900), "none"),
        (Stated(val=1, train=900, unstated=0), "none"),
        (Stated(val=0, train=0, unstated=900), "none"),
        (Stated(val=0, train=0, unstated=0), "none"),
    ],
)
def test_a_val_that_the_source_lacks_is_drawn_where_train_is_stated(stated: Stated, settled: str) -> None:
    for split in ("auto", "official"):
        found = settle_val(SplitSettings(split=split), stated)
        assert found.settings == SplitSettings(split=split, val_from=settled)
        assert ("10% of train" in found.why and "--val-from none" in found.why) == (settled == "train")
    for split in ("hash", "none"):
        assert settle_val(SplitSettings(split=split), stated) == SettledVal(SplitSettings(split=split, val_from="none"))


@given(st.integers(0, 9), st.integers(0, 999), st.integers(0, 999), st.sampled_from(["train", "none"]))
def test_a_val_that_is_asked_for_or_not_wanted_is_settled(val: int, train: int, unstated: int, wish: str) -> None:
    found = settle_val(SplitSettings(val_from=wish), Stated(val, train, unstated))
    assert found.settings.val_from == wish
    assert ("became test" in found.why) == (wish == "train" and val > 0)


def test_no_val_is_drawn_of_a_share_of_zero() -> None:
    settled = settle_val(SplitSettings(val_fraction=0.0), Stated(val=0, train=900, unstated=0))
    assert settled.settings.val_from == "none"


def test_a_val_of_its_own_accord_leaves_test_alone_and_persons_whole(spark: SparkSession) -> None:
    rows = [{**row, "split": "test" if i % 5 == 0 else "train"} for i, row in enumerate(_rows(800))]
    for i, row in enumerate(rows):
        row["group_id"] = f"{row['split']}{i % 97}"
    found = _splits(assign_splits(_faces(spark, rows), SplitSettings(), Grouping("group", "test")))
    assert {face for face, split in found.items() if split == "test"} == {f"{i:05d}" for i in range(0, 800, 5)}
    persons: dict[object, set[str]] = {}
    for row in rows:
        persons.setdefault(row["group_id"], set()).add(found[str(row["face_id"])])
    assert all(len(splits) == 1 for splits in persons.values())
    assert 20 < Counter(found.values())["val"] < 120
    whole = [{**row, "split": ("train", "val", "test")[i % 3]} for i, row in enumerate(rows)]
    kept = _splits(assign_splits(_faces(spark, whole), SplitSettings(), CONTENT))
    assert kept == {row["face_id"]: row["split"] for row in whole}


def test_stratified_shares_hold_within_each_label(spark: SparkSession) -> None:
    rows = _rows(500)
    frame = assign_splits(_faces(spark, rows), SplitSettings(stratify=True, ratios="0.6,0.3,0.1"), CONTENT)
    assert frame.columns == FACE.names
    found = _splits(frame)
    counts = Counter((str(row["label"]), found[str(row["face_id"])]) for row in rows)
    assert counts == {
        ("happy", "train"): 180, ("happy", "val"): 90, ("happy", "test"): 30,
        ("sad", "train"): 60, ("sad", "val"): 30, ("sad", "test"): 10,
        ("fear", "train"): 60, ("fear", "val"): 30, ("fear", "test"): 10,
    }  # fmt: skip


def test_stratified_val_from_train(spark: SparkSession) -> None:
    rows = [{**row, "split": "val" if i < 100 else "train"} for i, row in enumerate(_rows(500))]
    settings = SplitSettings(val_from="train", val_fraction=0.1, stratify=True)
    found = _splits(assign_splits(_faces(spark, rows), settings, CONTENT))
    assert Counter(found.values()) == {"train": 360, "val": 40, "test": 100}


def test_a_share_of_zero_gets_nothing(spark: SparkSession) -> None:
    found = _splits(assign_splits(_faces(spark, _rows(300)), SplitSettings(ratios="3,1,0"), CONTENT))
    assert Counter(found.values())["test"] == 0
    assert abs(Counter(found.values())["train"] - 225) < 30


@pytest.mark.parametrize("ratios", ["0.8,0.2", "a,b,c", "-1,1,1", "0,0,0", "nan,1,1"])
def test_bad_ratios(ratios: str) -> None:
    with pytest.raises(SourceError, match="ratios"):
        _ = SplitSettings(ratios=ratios).fractions


def test_at_most_n_pictures_per_class_and_all_their_faces(spark: SparkSession) -> None:
    rows = [{**row, "split": "test" if i % 10 == 9 else "train"} for i, row in enumerate(_rows(100))]
    second = [{**row, "face_id": f"x{row['face_id']}", "face_index": 1} for row in rows if row["label"] == "happy"]
    frame = _faces(spark, rows + second)
    settings = SplitSettings(max_per_class=12)
    cut = {row["face_id"]: row["detail"] for row in over_class_limit(frame, settings).collect()}
    kept = Counter((row["label"], row["split"]) for row in rows if row["face_id"] not in cut)
    assert kept == {("happy", "train"): 12, ("sad", "train"): 12, ("fear", "train"): 10, ("fear", "test"): 10}
    assert all((f"x{row['face_id']}" in cut) == (row["face_id"] in cut) for row in rows if row["label"] == "happy")
    assert "more than 12 pictures of 'sad' in train" in cut.values()
    again = {row["face_id"] for row in over_class_limit(frame.repartition(5), settings).collect()}
    assert again == set(cut)
    both = SplitSettings(max_per_class=4, max_per_class_in="all")
    cut_all = {row["face_id"] for row in over_class_limit(frame, both).collect()}
    assert Counter((row["label"], row["split"]) for row in rows if row["face_id"] not in cut_all)[("fear", "test")] == 4
    assert over_class_limit(frame, SplitSettings()).count() == 0
