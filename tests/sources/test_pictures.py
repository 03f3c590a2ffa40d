"""Pictures as files: every one is accounted for, whatever its name, size or place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from fer_spark.sources.catalog import open_source
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.sources.lakes import by_path, check, reasons, write

AWKWARD = {
    "a b/100% #1?.jpg": b"one",
    "a b/plus+and;semi=colon&[1].png": b"two2",
    "ünï/日本.jpg": b"three",
    "café/plain.gif": b"fourth",
}


def _images(spark: SparkSession, path: Path | str, **more: Any) -> Any:
    limit = more.pop("max_file_bytes", 1000)
    return open_source(spark, SourceSettings(source="images", input=str(path), **more), limit)


def test_awkward_names_come_back_as_they_are(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path / "lake [1] {x} é%20", AWKWARD)
    source = _images(spark, root)
    check(source)
    assert {path: bytes(row["content"]) for path, row in by_path(source).items()} == AWKWARD


def test_what_spark_passes_over_is_found(spark: SparkSession, tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "good.jpg": b"x",
            "empty.jpg": b"",
            "_hidden.jpg": b"x",
            ".dot.PNG": b"x",
            "_dir/sub/in.jpg": b"x",
            "big.jpg": b"x" * 1001,
            "limit.jpg": b"x" * 1000,
            "notes.txt": b"text is read, the decoder will refuse it",
            ".gitignore": b"junk",
            "._good.jpg": b"junk",
            "Thumbs.db": b"junk",
            "_SUCCESS": b"",
            "_manifest.json": b"junk",
            "old.jpg.crc": b"junk",
        },
    )
    (root / os.fsdecode(b"lat\xe9.jpg")).write_bytes(b"x")
    rows = check(_images(spark, root))
    assert reasons(rows) == {
        "good.jpg": None,
        "limit.jpg": None,
        "notes.txt": None,
        "empty.jpg": "empty",
        "_hidden.jpg": "hidden_name",
        ".dot.PNG": "hidden_name",
        "_dir/sub/in.jpg": "hidden_name",
        "lat\\xe9.jpg": "hidden_name",
        "big.jpg": "too_large",
    }
    details = {row["source_path"]: row["reject_detail"] for row in rows}
    assert "1001 bytes" in details["big.jpg"]
    assert "'_dir'" in details["_dir/sub/in.jpg"]


def test_a_glob_chooses_names_also_among_the_omitted(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {"a.jpg": b"x", "b.png": b"x", "c.txt": b"x", "d.jpg": b"", "e.png": b"", "s/_f.jpg": b"x"})
    assert reasons(check(_images(spark, root, glob="*.{jpg,jpeg}"))) == {
        "a.jpg": None,
        "d.jpg": "empty",
        "s/_f.jpg": "hidden_name",
    }


def test_a_file_and_a_glob_are_inputs_too(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {"n1/a.jpg": b"x", "n2/b.jpg": b"xx", "n2/c.jpg": b"", "m/d.jpg": b"xxx"})
    assert reasons(check(_images(spark, root / "m" / "d.jpg"))) == {"d.jpg": None}
    found = reasons(check(_images(spark, f"{root}/n*")))
    assert found == {"n1/a.jpg": None, "n2/b.jpg": None, "n2/c.jpg": "empty"}


def test_another_file_system_gives_the_same(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {**AWKWARD, "e/empty.jpg": b"", "_u.jpg": b"x", "big.jpg": b"x" * 1001, "Thumbs.db": b"x"})
    conf: Any = spark._jsc.hadoopConfiguration()
    conf.set("fs.viewfs.mounttable.tests.link./lake", f"file://{root}")
    local, remote = _images(spark, root), _images(spark, "viewfs://tests/lake")
    assert sorted(map(repr, check(remote))) == sorted(map(repr, check(local)))
    assert remote.fingerprint == local.fingerprint


def test_a_file_that_vanishes_stays_a_key(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {"a.jpg": b"x", "b.jpg": b"y"})
    source = _images(spark, root)
    (root / "b.jpg").unlink()
    old = spark.conf.get("spark.sql.files.ignoreMissingFiles")
    spark.conf.set("spark.sql.files.ignoreMissingFiles", "true")
    try:
        assert set(by_path(source)) == {"a.jpg"}
    finally:
        spark.conf.set("spark.sql.files.ignoreMissingFiles", str(old))
    assert sorted(row["source_path"] for row in source.keys().collect()) == ["a.jpg", "b.jpg"]


def test_fingerprint_sees_names_and_sizes_not_the_mount(spark: SparkSession, tmp_path: Path) -> None:
    one = _images(spark, write(tmp_path / "one", {"a.jpg": b"x", "s/b.jpg": b"yy"})).fingerprint
    same = _images(spark, write(tmp_path / "other place", {"s/b.jpg": b"zz", "a.jpg": b"w"})).fingerprint
    longer = _images(spark, write(tmp_path / "three", {"a.jpg": b"x", "s/b.jpg": b"yyy"})).fingerprint
    renamed = _images(spark, write(tmp_path / "four", {"a.jpg": b"x", "s/c.jpg": b"yy"})).fingerprint
    assert one == same
    assert len({one, longer, renamed}) == 3
    assert len(one) == 32


def test_a_chunk_reads_only_its_own_files(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {f"{i:02d}.jpg": bytes([i]) for i in range(40)})
    source = _images(spark, root)
    first = source.raw(0, 4)
    kept = {row["source_path"] for row in first.collect()}
    for path in set(AWKWARD) | {f"{i:02d}.jpg" for i in range(40)} - kept:
        (root / path).unlink(missing_ok=True)
    assert {row["source_path"] for row in source.raw(0, 4).collect()} == kept  # opening another file would fail
    assert 0 < len(kept) < 25
    assert source.suggested_chunks(15) == 3


def test_folders_name_splits_and_labels(spark: SparkSession, tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "train/Happy/a.jpg": b"1",
            "Validation/sadness/deep/b.jpg": b"2",
            "test/fear/c.jpg": b"",
            "angry/d.jpg": b"3",
            "train/hapy/e.jpg": b"4",
            "f.jpg": b"5",
        },
    )
    source = open_source(spark, SourceSettings(source="folder", input=str(root)))
    rows = {row["source_path"]: row for row in check(source)}
    told = {path: (row["split"], row["label"], row["reject_reason"]) for path, row in rows.items()}
    assert told == {
        "train/Happy/a.jpg": ("train", "happy", None),
        "Validation/sadness/deep/b.jpg": ("val", "sad", None),
        "test/fear/c.jpg": ("test", "fear", "empty"),
        "angry/d.jpg": (None, "angry", None),
        "train/hapy/e.jpg": ("train", None, "bad_label"),
        "f.jpg": (None, None, "bad_label"),
    }
    assert rows["train/hapy/e.jpg"]["reject_detail"] == "'hapy' is no known expression; nearest: happy"
    assert len(source.label_names) == 7


def test_folders_may_be_numbers_once_somebody_says_what_they_mean(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {"train/0/a.jpg": b"1", "train/7/b.jpg": b"2", "val/1/c.jpg": b"3"})
    for labels in ("", "affectnet8"):
        with pytest.raises(SourceError, match="the numbers 0, 1, 7, and nothing says what they mean"):
            open_source(spark, SourceSettings(source="folder", input=str(root), labels=labels))
    expected = {"train/0/a.jpg": "neutral", "train/7/b.jpg": "contempt", "val/1/c.jpg": "happy"}
    coded = SourceSettings(source="folder", input=str(root), labels="affectnet8", codes="0=neutral,1=happy,7=contempt")
    named = open_source(spark, coded)
    assert {path: row["label"] for path, row in by_path(named).items()} == expected
    write(root, {"data.yaml": "names: {0: neutral, 1: happy, 7: contempt}\n"})
    stored = open_source(spark, SourceSettings(source="folder", input=str(root), glob="*.jpg"))
    assert {path: row["label"] for path, row in by_path(stored).items()} == expected
    assert str(stored.numbering).endswith("from data.yaml beside the data")


def test_a_number_among_folders_of_names_is_rejected_alone(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {"happy/a.jpg": b"1", "3/b.jpg": b"2"})
    rows = by_path(open_source(spark, SourceSettings(source="folder", input=str(root))))
    assert (rows["happy/a.jpg"]["label"], rows["3/b.jpg"]["reject_reason"]) == ("happy", "bad_label")
    assert "say with --codes what it means" in rows["3/b.jpg"]["reject_detail"]


def test_label_from_parent(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {"x/contempt/a.jpg": b"1", "x/joy/b.jpg": b"2"})
    source = open_source(spark, SourceSettings(source="images", input=str(root), label_from="parent"))
    assert {path: row["label"] for path, row in by_path(source).items()} == {
        "x/contempt/a.jpg": "contempt",
        "x/joy/b.jpg": "happy",
    }
    assert len(source.label_names) == 8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (SourceSettings(source="imges", input="x"), "did you mean images"),
        (SourceSettings(source="images"), "--input is missing"),
        (SourceSettings(source="images", input="/no/such/place"), "does not exist"),
        (SourceSettings(source="images", input="/no/such/*.jpg"), "nothing matches"),
        (SourceSettings(source="images", input="nosuch://bucket/x"), "cannot be reached"),
        (SourceSettings(source="images", input="x", votes="y"), "--votes goes with --source fer2013 or ferplus"),
        (SourceSettings(source="folder", input="x", label_from="parent"), "--label-from goes with"),
    ],
)
def test_wrong_flags_say_what_to_give(spark: SparkSession, settings: SourceSettings, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        open_source(spark, settings)
