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


def test_what_spark_passes_over_is_read_or_found(spark: SparkSession, tmp_path: Path) -> None:
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
            "no ending": b"is read, the decoder will refuse it",
            "notes.txt": b"no picture by its name",
            ".gitignore": b"junk",
            "._good.jpg": b"junk",
            "Thumbs.db": b"junk",
            "_SUCCESS": b"",
            "_manifest.json": b"junk",
            "old.jpg.crc": b"junk",
        },
    )
    (root / os.fsdecode(b"lat\xe9.jpg")).write_bytes(b"x")
    source = _images(spark, root)
    rows = check(source)
    assert reasons(rows) == {
        "good.jpg": None,
        "limit.jpg": None,
        "no ending": None,
        "empty.jpg": "empty",
        "_hidden.jpg": None,
        ".dot.PNG": None,
        "_dir/sub/in.jpg": None,
        "lat\\xe9.jpg": "hidden_name",
        "big.jpg": "too_large",
    }
    details = {row["source_path"]: row["reject_detail"] for row in rows}
    assert "1001 bytes" in details["big.jpg"]
    assert "UTF-8" in details["lat\\xe9.jpg"]
    [line] = source.lines()
    assert line.startswith("passed over 7 files, not pictures by their names: ")
    for kind in (".txt", ".gitignore", "._*", "Thumbs.db", "_SUCCESS", "_manifest.json", ".crc"):
        assert f"1 {kind}" in line


def test_a_glob_chooses_names_also_among_the_omitted(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {"a.jpg": b"x", "b.png": b"x", "c.txt": b"x", "d.jpg": b"", "e.png": b"", "s/_f.jpg": b"x"})
    assert reasons(check(_images(spark, root, glob="*.{jpg,jpeg}"))) == {
        "a.jpg": None,
        "d.jpg": "empty",
        "s/_f.jpg": None,
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
    there, here = check(remote), check(local)
    # Spark alone opens this file system, and it does not read names with a leading underscore
    assert {**reasons(there), "_u.jpg": None} == reasons(here)
    assert sorted(repr(row) for row in there if row["source_path"] != "_u.jpg") == sorted(
        repr(row) for row in here if row["source_path"] != "_u.jpg"
    )
    assert next(row["reject_reason"] for row in there if row["source_path"] == "_u.jpg") == "hidden_name"
    (root / "_u.jpg").unlink()
    assert _images(spark, "viewfs://tests/lake").fingerprint == _images(spark, root).fingerprint


SIDECARS = {
    "2024/IMG_1.JPG.supplemental-metadata.json": b"{}",
    "2024/IMG_1.MOV": b"....ftypqt  ",
    "2024/IMG_1.AAE": b"<?xml",
    "2024/.DS_Store": b"x",
    "2024/@eaDir/IMG_1.JPG/SYNOPHOTO_THUMB_XL.jpg": b"a thumbnail",
    "__MACOSX/2024/._IMG_1.JPG": b"\0\5\x16\7",
    "archive_browser.html": b"<html>",
}


@pytest.mark.parametrize("by_path", [False, True])
def test_a_shoot_of_a_camera_among_sidecars_is_read_whole(spark: SparkSession, tmp_path: Path, by_path: bool) -> None:
    pictures = {f"2024/{'_DSC' if i % 2 else 'IMG_'}{i:04d}.JPG": bytes([i + 1]) * 3 for i in range(30)}
    root = write(tmp_path / "a b%20", {**pictures, **SIDECARS})
    source = open_source(spark, SourceSettings(source="images", input=str(root)), by_path=by_path)
    rows = {row["source_path"]: row for row in source.raw().collect()}
    opened = {path: Path(os.fsdecode(bytes(row["content"]))).read_bytes() if by_path else bytes(row["content"])
              for path, row in rows.items()}  # fmt: skip
    assert opened == pictures
    assert source.images == 30
    [line] = source.lines()
    assert line.startswith("passed over 7 files, not pictures by their names: ")
    for kind in (".json", ".mov", ".aae", ".DS_Store", "in @eaDir", "in __MACOSX", ".html"):
        assert f"1 {kind}" in line


def test_a_name_that_the_user_gives_is_read_whatever_it_is(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {"a.jpg": b"x", "b.txt": b"x", "c.txt.json": b"x"})
    assert reasons(check(_images(spark, root / "b.txt"))) == {"b.txt": None}
    assert reasons(check(_images(spark, root, glob="*.{jpg,txt}"))) == {"a.jpg": None, "b.txt": None}


@pytest.mark.parametrize("glob", ["", "*.jpg"])
def test_a_link_that_leads_back_up_is_left_out_and_said(spark: SparkSession, tmp_path: Path, glob: str) -> None:
    root = write(tmp_path, {**{f"a/{i}.jpg": bytes([i + 1]) for i in range(5)}, "b/_6.jpg": b"x", "b/e.jpg": b""})
    (root / "a" / "loop").symlink_to("..", target_is_directory=True)
    (root / "a" / "other").symlink_to("../b", target_is_directory=True)
    (root / "b" / "back").symlink_to("../a", target_is_directory=True)
    (root / "nowhere.jpg").symlink_to("gone.jpg")
    (root / "itself.jpg").symlink_to("itself.jpg")
    source = _images(spark, root, glob=glob)
    rows = check(source)
    assert sum(row["source_path"].startswith("a/") and row["source_path"][2].isdigit() for row in rows) == 5
    assert {path: reason for path, reason in reasons(rows).items() if path.startswith("b/") and "back" not in path} == {
        "b/_6.jpg": None,
        "b/e.jpg": "empty",
    }
    assert len(rows) == 2 * (5 + 2)  # each folder, and once through the link to it
    assert "the link 'a/loop' leads back to a folder above it: not followed" in source.lines()


def test_a_folder_that_may_not_be_read_is_said_and_the_rest_is_read(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path, {"a.jpg": b"x", "s/b.jpg": b"y", "lost+found/c.jpg": b"z"})
    real = os.scandir

    def refuse(place: Any) -> Any:
        if os.fspath(place) == os.fsencode(root / "lost+found"):
            raise PermissionError(13, "Permission denied")
        return real(place)

    monkeypatch.setattr(os, "scandir", refuse)
    source = _images(spark, root)
    assert reasons(check(source)) == {"a.jpg": None, "s/b.jpg": None}
    assert source.lines() == ["the folder 'lost+found' may not be read (Permission denied): left out"]


def test_a_glob_that_misses_other_cases_says_so(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {"a.jpg": b"x", "b.JPG": b"x", "c.JPG": b"x", "d.Jpg": b"x", "e.png": b"x", "f.json": b""})
    source = _images(spark, root, glob="*.jpg")
    assert reasons(check(source)) == {"a.jpg": None}
    [line] = source.lines()
    assert line == (
        "--glob '*.jpg' leaves out 3 files that differ from it in case alone: 2 .JPG, 1 .Jpg; "
        "--glob '*.{jpg,JPG,Jpg}' reads them too"
    )
    assert len(check(_images(spark, root, glob="*.{jpg,JPG,Jpg}"))) == 4


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
