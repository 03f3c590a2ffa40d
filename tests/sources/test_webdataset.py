"""WebDataset archives: a picture is labelled by the member of its own name, in every packing and order of members."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fer_spark.sources.archives.tar_stream import Member
from fer_spark.sources.catalog import open_source
from fer_spark.sources.layouts.webdataset import sample_key, samples_of
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.poison import jpeg
from tests.sources.examples import write_tar
from tests.sources.lakes import by_path, check


def opened(spark: SparkSession, where: Path, **more: str) -> list[tuple[object, ...]]:
    rows = check(open_source(spark, SourceSettings(source="webdataset", input=str(where), **more), 5000))  # type: ignore[arg-type]
    return sorted(
        (row["source_path"], row["label"], row["split"], row["group_id"], row["reject_reason"]) for row in rows
    )


def test_labels_come_from_the_member_of_the_same_name(spark: SparkSession, tmp_path: Path) -> None:
    told = {"label": "Sadness", "split": "validation", "subject": "p1"}
    write_tar(
        tmp_path / "a.tar",
        {
            "d/1.cls": b"happy\n", "d/1.jpg": jpeg(),
            "d/2.jpg": jpeg(), "d/2.json": json.dumps(told).encode(),
            "d/3.png": b"x" * 6000, "d/3.json": b"{}", "d/3.cls": b"fear",
            "e/1.jpg": jpeg(), "e/1.txt": b"no label",
            "f/1.left.jpg": jpeg(), "f/1.right.jpg": jpeg(61), "f/1.cls": b"joy",
            "g/1.jpg": jpeg(), "g/1.json": b"{broken",
        },
    )  # fmt: skip
    assert opened(spark, tmp_path) == [
        ("a.tar#d/1.jpg", "happy", None, None, None),
        ("a.tar#d/2.jpg", "sad", "val", "p1", None),
        ("a.tar#d/3.png", "fear", None, None, "too_large"),
        ("a.tar#e/1.jpg", None, None, None, "bad_label"),
        ("a.tar#f/1.left.jpg", "happy", None, None, None),
        ("a.tar#f/1.right.jpg", "happy", None, None, None),
        ("a.tar#g/1.jpg", None, None, None, "bad_annotation"),
    ]


@pytest.mark.job
def test_another_field_is_the_label_where_it_is_named(spark: SparkSession, tmp_path: Path) -> None:
    write_tar(tmp_path / "n.tar", {"1.jpg": jpeg(), "1.json": b'{"mood": "joy", "label": "angry"}'})
    assert [row[1] for row in opened(spark, tmp_path)] == ["angry"]
    assert [row[1] for row in opened(spark, tmp_path, label_column="Mood")] == ["happy"]


def test_numbers_mean_what_the_file_of_names_beside_the_archives_says(spark: SparkSession, tmp_path: Path) -> None:
    write_tar(
        tmp_path / "0.tar", {f"{i}.{end}": part for i in (0, 2) for end, part in (("jpg", jpeg()), ("cls", b"%d" % i))}
    )
    with pytest.raises(SourceError, match="--codes"):
        opened(spark, tmp_path)
    (tmp_path / "classnames.txt").write_text("sad\nhappy\nfear\n")
    assert [row[1] for row in opened(spark, tmp_path)] == ["sad", "fear"]
    assert [row[1] for row in opened(spark, tmp_path / "0.tar")] == ["sad", "fear"]


def test_archives_without_any_label_are_unlabelled(spark: SparkSession, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_tar(tmp_path / f"{name}.tar", {"1.jpg": jpeg(), "1.json": b'{"width": 60}'})
    source = open_source(spark, SourceSettings(source="webdataset", input=str(tmp_path)))
    assert source.label_names == ()
    rows = by_path(source)
    assert sorted(rows) == ["a.tar#1.jpg", "b.tar#1.jpg"]
    assert {row["reject_reason"] for row in rows.values()} == {None}
    assert bytes(rows["a.tar#1.jpg"]["content"]) == jpeg()


def test_a_sample_ends_where_another_name_begins() -> None:
    assert sample_key("a.tar#x.y/1.face.jpg") == "a.tar#x.y/1"
    members = [Member(f"a.tar#{name}", b"sad") for name in ("1.jpg", "1.jpg~2", "1.cls", "2.jpg", "2.mp4", "1.cls")]
    samples = [one for one in samples_of(iter(members), SourceSettings(glob="*.jpg")) if one.pictures]
    assert [([member.path for member in one.pictures], one.stated) for one in samples] == [
        (["a.tar#1.jpg", "a.tar#1.jpg~2"], {"label_raw": "sad"}),
        (["a.tar#2.jpg"], {}),
    ]
    assert not [one for one in samples_of(iter(members), SourceSettings(glob="*.png")) if one.pictures]
