"""--group-from: persons from the names of pictures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from fer_spark.sources.catalog import open_source, recognised
from fer_spark.sources.persons import group_number
from fer_spark.sources.settings import SourceError, SourceSettings, SplitSettings
from fer_spark.sources.splits import assign_splits, named_grouping
from tests.poison import jpeg
from tests.sources.lakes import write

PARTS = (r"\(", r"[(]", r"(?:a|b)", r"(x)", r"(?=c)", r"(?<!d)", r"[^\](]", "e+", "(?<other>f)", r"\\", r"[]()]")


@settings(max_examples=100)
@given(before=st.lists(st.sampled_from(PARTS), max_size=5), after=st.lists(st.sampled_from(PARTS), max_size=3))
def test_the_group_called_person_is_found_among_all_others(before: list[str], after: list[str]) -> None:
    unnamed = [part.replace("(?<other>", "(") for part in [*before, r"(?<person>\w+)", *after]]
    pattern = "".join(unnamed)
    assert group_number(pattern) == re.compile(pattern.replace("(?<person>", "(?P<person>")).groupindex["person"]
    assert group_number("".join(part for part in unnamed if "person" not in part)) == 1


def test_persons_are_read_from_paths_and_stay_in_one_split(spark: SparkSession, tmp_path: Path) -> None:
    names = {f"{word}/p{i % 9:02d}_{i}.jpg": jpeg(40 + i) for i, word in enumerate(["happy", "sad"] * 14)}
    write(tmp_path, {**names, "sad/unknown.jpg": jpeg(90)})
    asked = SourceSettings(source="folder", input=str(tmp_path), group_from=r"^(\w+)/(?P<person>p\d+)_")
    source = open_source(spark, asked)
    rows = {row["source_path"]: row["group_id"] for row in source.raw().select("source_path", "group_id").collect()}
    assert rows == {**{name: name.split("/")[1][:3] for name in names}, "sad/unknown.jpg": None}
    [said] = source.lines()
    assert said == "--group-from finds no person in the names of 1 of 29 pictures, such as 'sad/unknown.jpg'"
    splits = SplitSettings(ratios="0.5,0.25,0.25")
    grouping = named_grouping(asked.group_from, splits)
    assert grouping is not None
    assert named_grouping("", splits) is None
    assert named_grouping("(x)", SplitSettings(group_by="content")) is None
    columns = "split string, group_id string, pixel_hash string, image_id string"
    faces = spark.createDataFrame([(None, group, name, name) for name, group in rows.items()], columns)
    assigned = assign_splits(faces, splits, grouping).select("group_id", "split").distinct().collect()
    persons = [row["group_id"] for row in assigned if row["group_id"]]
    assert len(persons) == len(set(persons)) == 9
    assert len({row["split"] for row in assigned}) > 1


def test_a_wrong_pattern_is_refused_before_anything_is_opened(spark: SparkSession, tmp_path: Path) -> None:
    for pattern, message in ((r"(p\d+", "Unclosed group"), ("p[0-9]+", "has no group"), ("(?P<1>x)", "group")):
        for source in ("auto", "images"):
            asked = SourceSettings(source=source, input=str(tmp_path / "gone"), group_from=pattern)
            with pytest.raises(SourceError, match=message) as refused:
                recognised(spark, asked, str)
            assert "\n" not in str(refused.value)
    both = SourceSettings(source="legend", input=str(tmp_path), group_from="(x)", group_column="user")
    with pytest.raises(SourceError, match="give one of them"):
        open_source(spark, both)
