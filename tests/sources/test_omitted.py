"""What Spark passes over or stumbles at is read, or passed over and said: hidden names, sidecars, links, folders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from fer_spark.sources.catalog import open_source
from fer_spark.sources.settings import SourceSettings
from tests.sources.lakes import check, open_images, reasons, write

SIDECARS = {
    "2024/IMG_1.JPG.supplemental-metadata.json": b"{}",
    "2024/IMG_1.MOV": b"....ftypqt  ",
    "2024/IMG_1.AAE": b"<?xml",
    "2024/.DS_Store": b"x",
    "2024/@eaDir/IMG_1.JPG/SYNOPHOTO_THUMB_XL.jpg": b"a thumbnail",
    "__MACOSX/2024/._IMG_1.JPG": b"\0\5\x16\7",
    "archive_browser.html": b"<html>",
}


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
    source = open_images(spark, root)
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
    assert reasons(check(open_images(spark, root, glob="*.{jpg,jpeg}"))) == {
        "a.jpg": None,
        "d.jpg": "empty",
        "s/_f.jpg": None,
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
    assert reasons(check(open_images(spark, root / "b.txt"))) == {"b.txt": None}
    assert reasons(check(open_images(spark, root, glob="*.{jpg,txt}"))) == {"a.jpg": None, "b.txt": None}


@pytest.mark.parametrize("glob", ["", "*.jpg"])
def test_a_link_that_leads_back_up_is_left_out_and_said(spark: SparkSession, tmp_path: Path, glob: str) -> None:
    root = write(tmp_path, {**{f"a/{i}.jpg": bytes([i + 1]) for i in range(5)}, "b/_6.jpg": b"x", "b/e.jpg": b""})
    (root / "a" / "loop").symlink_to("..", target_is_directory=True)
    (root / "a" / "other").symlink_to("../b", target_is_directory=True)
    (root / "b" / "back").symlink_to("../a", target_is_directory=True)
    (root / "nowhere.jpg").symlink_to("gone.jpg")
    (root / "itself.jpg").symlink_to("itself.jpg")
    source = open_images(spark, root, glob=glob)
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
    source = open_images(spark, root)
    assert reasons(check(source)) == {"a.jpg": None, "s/b.jpg": None}
    assert source.lines() == ["the folder 'lost+found' may not be read (Permission denied): left out"]


def test_a_glob_that_misses_other_cases_says_so(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {"a.jpg": b"x", "b.JPG": b"x", "c.JPG": b"x", "d.Jpg": b"x", "e.png": b"x", "f.json": b""})
    source = open_images(spark, root, glob="*.jpg")
    assert reasons(check(source)) == {"a.jpg": None}
    [line] = source.lines()
    assert line == (
        "--glob '*.jpg' leaves out 3 files that differ from it in case alone: 2 .JPG, 1 .Jpg; "
        "--glob '*.{jpg,JPG,Jpg}' reads them too"
    )
    assert len(check(open_images(spark, root, glob="*.{jpg,JPG,Jpg}"))) == 4
