"""Files and directories are replaced whole: the old one or the new one, after any error; a new name is taken once."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from fer_spark.artifacts import Storage, _local_files, replace_directory, replace_file, written_aside


@pytest.mark.parametrize(("content", "stored"), [(b"\x00\xff", b"\x00\xff"), ("ü\n", b"\xc3\xbc\n")])
def test_a_file_is_replaced_and_nothing_is_left_beside_it(content: bytes | str, stored: bytes, tmp_path: Path) -> None:
    target = tmp_path / "card.json"
    for old in (None, b"a longer file that was there before"):
        if old is not None:
            target.write_bytes(old)
        replace_file(target, content)
        assert target.read_bytes() == stored
        assert list(tmp_path.iterdir()) == [target]


def test_it_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, seen = tmp_path / "card.json", []
    target.write_text("old")
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(target.read_text()))
    replace_file(target, "new")
    assert seen == ["old"]
    assert target.read_text() == "new"


def test_an_error_on_the_way_leaves_the_old_file_alone(tmp_path: Path) -> None:
    target = tmp_path / "graph.onnx"
    target.write_text("old")

    def write() -> None:
        with written_aside(target, ".pt2") as aside:
            aside.write_text("new")
            assert aside.suffix == ".pt2"
            raise ValueError("not equal")

    with pytest.raises(ValueError, match="not equal"):
        write()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("graph.onnx", "old")]


@pytest.mark.parametrize("fails", ["", "fill", "rename"])
def test_a_directory_is_the_old_one_or_the_new_one(fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "below" / "out"
    replace_directory(target, lambda aside: (aside / "a").touch())
    renamed = Path.rename

    def rename(self: Path, to: Path) -> Path:
        if fails == "rename" and self.suffix == ".new":
            raise OSError("no rename")
        return renamed(self, to)

    def fill(aside: Path) -> None:
        (aside / "b").touch()
        if fails == "fill":
            raise OSError("disk full")

    monkeypatch.setattr(Path, "rename", rename)
    if fails:
        with pytest.raises(OSError, match=r"disk full|no rename"):
            replace_directory(target, fill)
    else:
        replace_directory(target, fill)
    assert [path.name for path in target.iterdir()] == ["a" if fails else "b"]
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("there", [True, False])
def test_what_a_killed_process_of_the_same_number_left_is_no_hindrance(there: bool, tmp_path: Path) -> None:
    target = tmp_path / "out"
    for place in (target, tmp_path / f".out.{os.getpid()}.new", tmp_path / f".out.{os.getpid()}.old"):
        place.mkdir()
        (place / "a").write_text(place.suffix)
    if not there:  # killed between the two renames
        (target / "a").unlink()
        target.rmdir()

    def fail(_: Path) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        replace_directory(target, fail)
    assert [path.read_text() for path in target.iterdir()] == ["" if there else ".old"]
    replace_directory(target, lambda aside: (aside / "b").touch())
    assert [path.name for path in target.iterdir()] == ["b"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_directorys_files_are_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, seen = tmp_path / "out", []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(target.exists()))

    def fill(aside: Path) -> None:
        (aside / "below").mkdir()
        for name in ("a", "below/b"):
            (aside / name).touch()

    replace_directory(target, fill)
    assert seen == [False, False]


def _no_links(*_: object) -> None:
    raise PermissionError(errno.EPERM, "no links here")


@pytest.mark.parametrize("links", [True, False])
def test_of_many_that_create_a_name_at_once_one_succeeds(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    storage = Storage(spark, str(tmp_path / "a b%20+ä"))
    texts = [str(number) * 50 for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        created = list(pool.map(lambda text: storage.create_text("batches/1.json", text), texts))
    assert sum(created) == 1
    assert storage.read_text("batches/1.json") == texts[created.index(True)]
    assert [file.path for file in storage.list_files()] == ["batches/1.json"]
    storage.publish_text("batches/1.json", "new")
    assert not storage.create_text("batches/1.json", "newer")
    assert storage.read_text("batches/1.json") == "new"


def test_local_files_are_listed_as_hadoop_lists_them(spark: SparkSession, tmp_path: Path) -> None:
    here, other = tmp_path / "a b%20+ä", tmp_path / "other"
    (here / "below" / "deeper").mkdir(parents=True)
    (here / "empty").mkdir()
    other.mkdir()
    for name in ("_SUCCESS", ".hidden", ".part.crc", "below/100% of #2.json", "below/deeper/part ü", "below/.x.tmp"):
        (here / name).write_bytes(bytes(len(name)))
    (other / "linked").write_bytes(b"12")
    (here / "link").symlink_to(other)
    (here / "gone").symlink_to(tmp_path / "nothing")
    storage = Storage(spark, str(here))
    for path in ("", "below", "below/100% of #2.json", "below/100% of #2.json/x", "empty", "nothing"):
        found = {file.path: file.length for file in storage.list_files(path)}
        assert found == _by_hadoop(spark, storage, path)
        assert list(found) == sorted(found)


def _by_hadoop(spark: SparkSession, storage: Storage, path: str) -> dict[str, int]:
    jvm: Any = spark._jvm
    start = jvm.org.apache.hadoop.fs.Path(storage.uri(path))
    system = start.getFileSystem(spark._jsc.hadoopConfiguration())
    found, listing = {}, system.listFiles(start, True) if system.exists(start) else None
    while listing is not None and listing.hasNext():
        status = listing.next()
        found[status.getPath().toString().removeprefix(storage.uri("") + "/")] = status.getLen()
    return found


def test_a_local_folder_that_may_not_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: str) -> None:
        raise PermissionError(errno.EACCES, "no right", path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(PermissionError):
        _local_files(tmp_path, tmp_path)
