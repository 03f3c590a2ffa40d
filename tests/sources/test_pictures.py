"""Pictures as files: every one is accounted for, whatever its name, size or place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from fer_spark.sources.catalog import open_source
from fer_spark.sources.lake import open_root
from fer_spark.sources.pictures import file_stats
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.sources.lakes import by_path, check, open_images, reasons, whole, write

AWKWARD = {
    "a b/100% #1?.jpg": b"one",
    "a b/plus+and;semi=colon&[1].png": b"two2",
    "ünï/日本.jpg": b"three",
    "café/plain.gif": b"fourth",
}


def test_awkward_names_come_back_as_they_are(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path / "lake [1] {x} é%20", AWKWARD)
    source = open_images(spark, root)
    check(source)
    assert {path: bytes(row["content"]) for path, row in by_path(source).items()} == AWKWARD


def test_a_name_with_a_colon_is_read_though_hadoop_knows_no_checksum_file_of_it(
    spark: SparkSession, tmp_path: Path
) -> None:
    lake = {"a:b#c.png": b"one", "d:e/f:g.jpg": b"two"}
    root = write(tmp_path, lake)
    jvm: Any = spark._jvm
    path = jvm.org.apache.hadoop.fs.Path(f"file://{root}")
    path.getFileSystem(spark._jsc.hadoopConfiguration()).setVerifyChecksum(True)  # as in a session that just began
    assert {path: bytes(row["content"]) for path, row in by_path(open_images(spark, root)).items()} == lake


def test_a_file_and_a_glob_are_inputs_too(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {"n1/a.jpg": b"x", "n2/b.jpg": b"xx", "n2/c.jpg": b"", "m/d.jpg": b"xxx"})
    assert reasons(check(open_images(spark, root / "m" / "d.jpg"))) == {"d.jpg": None}
    found = reasons(check(open_images(spark, f"{root}/n*")))
    assert found == {"n1/a.jpg": None, "n2/b.jpg": None, "n2/c.jpg": "empty"}


@pytest.mark.job
def test_another_file_system_gives_the_same(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path, {**AWKWARD, "e/empty.jpg": b"", "_u.jpg": b"x", "big.jpg": b"x" * 1001, "Thumbs.db": b"x"})
    conf: Any = spark._jsc.hadoopConfiguration()
    conf.set("fs.viewfs.mounttable.tests.link./lake", f"file://{root}")
    local, remote = open_images(spark, root), open_images(spark, "viewfs://tests/lake")
    there, here = check(remote), check(local)
    # Spark alone opens this file system, and it does not read names with a leading underscore
    assert {**reasons(there), "_u.jpg": None} == reasons(here)
    assert sorted(repr(row) for row in there if row["source_path"] != "_u.jpg") == sorted(
        repr(row) for row in here if row["source_path"] != "_u.jpg"
    )
    assert next(row["reject_reason"] for row in there if row["source_path"] == "_u.jpg") == "hidden_name"
    (root / "_u.jpg").unlink()
    assert open_images(spark, "viewfs://tests/lake").fingerprint == open_images(spark, root).fingerprint
    few = whole(spark, "viewfs://tests/lake")
    monkeypatch.setattr("fer_spark.sources.omitted.MOST_LISTED_BY_SPARK", 4)
    *many, lines = whole(spark, "viewfs://tests/lake")  # Spark lists them as before
    assert many == list(few[:-1])
    assert set(lines) - set(few[-1]) == {line for line in lines if line.startswith("Spark lists these 5 files, in ")}
    assert any("pip install hdfs-native" in line for line in lines)


@pytest.mark.job
@pytest.mark.parametrize(
    ("most", "workers_read"),
    [("MOST_LISTED_BY_SPARK", False), ("MOST_LISTED_BY_SPARK", True), ("MOST_LOCAL_LISTED_BY_SPARK", True)],
)
def test_more_files_than_spark_should_list_give_the_same(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: str, workers_read: bool
) -> None:
    hidden = {"e/empty.jpg": b"", "_u.jpg": b"x", ".v/w.png": b"yy", "big.jpg": b"x" * 1001}
    others = {"Thumbs.db": b"x", "notes.txt": b"text", "_SUCCESS": b"", "empty.txt": b""}
    root = write(tmp_path, {**AWKWARD, **hidden, **others, **{f"many/{number}.jpg": b"z" for number in range(40)}})
    (Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.jpg"))).write_bytes(b"Latin-1")
    os.utime(root / "big.jpg", (1_600_000_000, 1_600_000_000))

    by_spark = whole(spark, root, workers_read)
    monkeypatch.setattr(f"fer_spark.sources.omitted.{most}", 10)
    monkeypatch.setattr("fer_spark.sources.pictures._scan", lambda *_: pytest.fail("Spark lists the files"))
    ours = whole(spark, root, workers_read)
    assert ours == by_spark
    source = open_source(spark, SourceSettings(source="images", input=str(root)), by_path=workers_read)
    assert source.images == source.list_keys().count() > 40


def test_the_last_tasks_of_files_that_we_list_leave_no_core_idle(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fer_spark.sources.omitted.MOST_LOCAL_LISTED_BY_SPARK", 10)
    root = write(tmp_path, {f"{number}.jpg": b"z" for number in range(40)})
    cores, charged = spark.sparkContext.defaultParallelism, 40 * (64 * 1024 + 1)
    assert cores == 2
    monkeypatch.setattr("fer_spark.sources.pictures.TASKS_PER_CORE", 1)
    before = spark.conf.get("spark.sql.files.maxPartitionBytes")
    try:
        for needed, tasks in ((2, 2), (3, 4), (4, 4), (5, 6)):
            spark.conf.set("spark.sql.files.maxPartitionBytes", str(charged // needed + 1))
            source = open_source(spark, SourceSettings(source="images", input=str(root)), by_path=True)
            assert source.raw().rdd.getNumPartitions() == tasks, needed
    finally:
        spark.conf.set("spark.sql.files.maxPartitionBytes", str(before))


SIDECARS = {
    "2024/IMG_1.JPG.supplemental-metadata.json": b"{}",
    "2024/IMG_1.MOV": b"....ftypqt  ",
    "2024/IMG_1.AAE": b"<?xml",
    "2024/.DS_Store": b"x",
    "2024/@eaDir/IMG_1.JPG/SYNOPHOTO_THUMB_XL.jpg": b"a thumbnail",
    "__MACOSX/2024/._IMG_1.JPG": b"\0\5\x16\7",
    "archive_browser.html": b"<html>",
}


def test_stats_know_every_file_that_is_read(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {"a.jpg": b"x", "_b.jpg": b"yy", "list.csv": b"zzz"})
    os.utime(root / "a.jpg", ns=(10**18, 10**18 + 123_456_789))
    os.utime(root / "_b.jpg", ns=(10**18, 10**18 + 123_456_789))
    stats = {row["path"]: row for row in file_stats(spark, open_root(spark, str(root)), "", pictures=True).collect()}
    assert {path: row["length"] for path, row in stats.items()} == {"a.jpg": 1, "_b.jpg": 2}
    assert stats["a.jpg"]["modified_us"] == stats["_b.jpg"]["modified_us"] == 10**15 + 123_000
    every = file_stats(spark, open_root(spark, str(root)), "", pictures=False).collect()
    assert {row["path"]: row["length"] for row in every} == {"a.jpg": 1, "_b.jpg": 2, "list.csv": 3}


def test_a_file_that_vanishes_stays_a_key(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {"a.jpg": b"x", "b.jpg": b"y"})
    source = open_images(spark, root)
    (root / "b.jpg").unlink()
    old = spark.conf.get("spark.sql.files.ignoreMissingFiles")
    spark.conf.set("spark.sql.files.ignoreMissingFiles", "true")
    try:
        assert set(by_path(source)) == {"a.jpg"}
    finally:
        spark.conf.set("spark.sql.files.ignoreMissingFiles", str(old))
    assert sorted(row["source_path"] for row in source.keys().collect()) == ["a.jpg", "b.jpg"]


def test_fingerprint_sees_names_and_sizes_not_the_mount(spark: SparkSession, tmp_path: Path) -> None:
    one = open_images(spark, write(tmp_path / "one", {"a.jpg": b"x", "s/b.jpg": b"yy"})).fingerprint
    same = open_images(spark, write(tmp_path / "other place", {"s/b.jpg": b"zz", "a.jpg": b"w"})).fingerprint
    longer = open_images(spark, write(tmp_path / "three", {"a.jpg": b"x", "s/b.jpg": b"yyy"})).fingerprint
    renamed = open_images(spark, write(tmp_path / "four", {"a.jpg": b"x", "s/c.jpg": b"yy"})).fingerprint
    assert one == same
    assert len({one, longer, renamed}) == 3
    assert len(one) == 32


def test_a_chunk_reads_only_its_own_files(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {f"{i:02d}.jpg": bytes([i]) for i in range(40)})
    source = open_images(spark, root)
    first = source.raw(0, 4)
    kept = {row["source_path"] for row in first.collect()}
    for path in set(AWKWARD) | {f"{i:02d}.jpg" for i in range(40)} - kept:
        (root / path).unlink(missing_ok=True)
    assert {row["source_path"] for row in source.raw(0, 4).collect()} == kept  # opening another file would fail
    assert 0 < len(kept) < 25
    assert source.suggested_chunks(15) == 3


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
