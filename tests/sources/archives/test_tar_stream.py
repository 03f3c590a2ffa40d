"""Archives: streamed whole, in any packing, damaged or not."""

from __future__ import annotations

import gzip
import importlib
import io
import tarfile
import tempfile
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from fer_spark.sources.archives.tar_stream import open_seekable, open_stream, read_archive
from fer_spark.sources.catalog import open_source
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.sources.lakes import by_path, check, reasons


def _tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


MEMBERS = {"./happy/a.jpg": b"1" * 700, "sad/日 #2.png": b"22", "x" * 150 + "/long.gif": b"333", "._a.jpg": b"junk"}
PATHS = ["happy/a.jpg", "sad/日 #2.png", "x" * 150 + "/long.gif"]


@pytest.mark.parametrize("name", ["t.tar", "t.tar.gz", "t.tgz", "t.tar.bz2", "t.tar.xz"])
def test_every_packing_gives_the_same_members(spark: SparkSession, tmp_path: Path, name: str) -> None:
    packing = {"t.tar": "w", "t.tar.bz2": "w:bz2", "t.tar.xz": "w:xz"}.get(name, "w:gz")
    _tar(tmp_path / name, MEMBERS, packing)
    source = open_source(spark, SourceSettings(source="tar", input=str(tmp_path / name)))
    rows = by_path(source)
    assert sorted(rows) == sorted(f"{name}#{path}" for path in PATHS)
    assert bytes(rows[f"{name}#happy/a.jpg"]["content"]) == b"1" * 700


def test_links_folders_copies_and_limits(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "in" / "sub dir").mkdir(parents=True)
    path = tmp_path / "in" / "sub dir" / "a 1%.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind, size in [
            ("d", tarfile.DIRTYPE, 0),
            ("l.jpg", tarfile.SYMTYPE, 0),
            ("h.jpg", tarfile.LNKTYPE, 0),
        ]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, "big.jpg", size
            archive.addfile(info)
        for name, content in [("big.jpg", b"x" * 101), ("empty.jpg", b""), ("a.jpg", b"1"), ("a.jpg", b"2")]:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        odd = tarfile.TarInfo("lat\udce9.jpg")
        odd.size = 1
        archive.addfile(odd, io.BytesIO(b"3"))
    (path.parent / "t.tar.zst").write_bytes(
        pa.compress(_tar(tmp_path / "z", {"z.jpg": b"4"}).read_bytes(), codec="zstd", asbytes=True)
    )
    source = open_source(spark, SourceSettings(source="tar", input=str(tmp_path / "in")), 100)
    found = reasons(check(source))
    inside = "sub dir/a 1%.tar#"
    assert found == {
        f"{inside}big.jpg": "too_large",
        f"{inside}l.jpg": "too_large",  # links to it
        f"{inside}h.jpg": "too_large",
        f"{inside}empty.jpg": "empty",
        f"{inside}a.jpg": None,
        f"{inside}a.jpg~2": None,
        f"{inside}lat\\xe9.jpg": None,
        "sub dir/t.tar.zst#z.jpg": None,
    }
    by_parent = SourceSettings(source="tar", input=str(tmp_path / "in"), label_from="parent", glob="a*")
    assert {row["reject_reason"] for row in check(open_source(spark, by_parent))} == {"bad_label"}


def test_labels_from_the_members_folder(spark: SparkSession, tmp_path: Path) -> None:
    _tar(tmp_path / "t.tar", MEMBERS)
    by_parent = SourceSettings(source="tar", input=str(tmp_path / "t.tar"), label_from="parent", glob="*.{jpg,png}")
    rows = by_path(open_source(spark, by_parent))
    assert {path: row["label"] for path, row in rows.items()} == {
        "t.tar#happy/a.jpg": "happy",
        "t.tar#sad/日 #2.png": "sad",
    }


def _damaged(path: Path, kind: str) -> Path:
    whole = _tar(
        path, {f"{i}.jpg": bytes([65 + i]) * 900 for i in range(6)}, "w:gz" if kind == "gz" else "w"
    ).read_bytes()
    cut = {
        "member": whole[: 3 * 1536 + 512 + 300],
        "boundary": whole[: 3 * 1536],
        "header": whole[: 3 * 1536] + b"garbage " * 64 + whole[3 * 1536 + 512 :],
        "gz": whole[: len(whole) * 2 // 3],
        "none": b"this is no archive at all" * 100,
        "nothing": b"",
    }[kind]
    path.write_bytes(cut)
    return path


@pytest.mark.parametrize(
    ("kind", "readable"), [("member", 3), ("boundary", 3), ("header", 3), ("gz", None), ("none", 0), ("nothing", 0)]
)
def test_a_damaged_archive_gives_what_can_be_read_and_says_so(tmp_path: Path, kind: str, readable: int | None) -> None:
    path = _damaged(tmp_path / "t.tar", kind)
    *members, last = read_archive(f"file://{path}", "t.tar", 1 << 20)
    assert (last.path, last.content, last.reason) == ("t.tar", None, "unreadable")
    assert readable is None or [member.path for member in members] == [f"t.tar#{i}.jpg" for i in range(readable)]
    assert all(member.content == bytes([65 + i]) * 900 for i, member in enumerate(members))


def test_a_whole_archive_has_no_such_row(tmp_path: Path) -> None:
    path = _tar(tmp_path / "t.tar", MEMBERS)
    assert all(member.reason is None for member in read_archive(f"file://{path}", "t.tar", 1 << 20))


@settings(max_examples=40, deadline=None)
@given(
    parts=st.lists(st.integers(0, 4), min_size=1, max_size=4),
    packing=st.sampled_from(["", "gzip", "bz2", "lzma"]),
    cut=st.integers(0, 10_000),
)
def test_all_members_of_archives_behind_each_other_are_read(parts: list[int], packing: str, cut: int) -> None:
    """As `cat a.tar b.tar` and `cat a.gz b.gz` leave them; the packed bytes may be cut anywhere into members."""
    numbers = iter(range(100))
    whole, names = b"", []
    for count in parts:
        members = {f"{next(numbers)}.jpg": b"x" * 700 for _ in range(count)}
        names += members
        with tempfile.NamedTemporaryFile() as file:
            whole += _tar(Path(file.name), members).read_bytes()
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        at = cut % len(whole)
        pack = importlib.import_module(packing).compress if packing else bytes
        Path(file.name).write_bytes(pack(whole[:at]) + pack(whole[at:]))
        found = list(read_archive(f"file://{file.name}", "t.tar", 1 << 20))
    assert [member.path for member in found] == [f"t.tar#{name}" for name in names]
    assert all(member.content == b"x" * 700 for member in found)


def test_what_follows_an_archive_and_is_none_is_said(tmp_path: Path) -> None:
    path = _tar(tmp_path / "t.tar", {"a.jpg": b"1"})
    path.write_bytes(path.read_bytes() + b"more " * 200)
    first, last = read_archive(f"file://{path}", "t.tar", 1 << 20)
    assert (first.path, last.path, last.reason) == ("t.tar#a.jpg", "t.tar", "unreadable")
    assert "more data follows its end" in str(last.detail)
    path.write_bytes(gzip.compress(_tar(tmp_path / "u.tar", {"a.jpg": b"1"}).read_bytes()) + b"more")
    first, last = read_archive(f"file://{path}", "t.tar", 1 << 20)
    assert (first.path, last.reason) == ("t.tar#a.jpg", "unreadable")


def test_sidecars_of_a_webdataset_are_passed_over_and_counted(spark: SparkSession, tmp_path: Path) -> None:
    members = {f"{i:03d}.{ending}": b"1" for i in range(4) for ending in ("jpg", "cls", "json")}
    _tar(tmp_path / "t.tar", {**members, "_u.jpg": b"1", "._0.jpg": b"1"})
    source = open_source(spark, SourceSettings(source="tar", input=str(tmp_path)))
    assert reasons(check(source)) == {
        f"t.tar#{name}": None for name in ("000.jpg", "001.jpg", "002.jpg", "003.jpg", "_u.jpg")
    }
    assert source.lines() == ["passed over 9 files, not pictures by their names: 4 .cls, 4 .json, 1 ._*"]


def test_a_damaged_archive_is_one_row_of_the_source(spark: SparkSession, tmp_path: Path) -> None:
    _damaged(tmp_path / "bad.tar", "header")
    _tar(tmp_path / "good.tar", {"g.jpg": b"1"})
    rows = check(open_source(spark, SourceSettings(source="tar", input=str(tmp_path))))
    assert reasons(rows) == {
        **{f"bad.tar#{i}.jpg": None for i in range(3)},
        "bad.tar": "unreadable",
        "good.tar#g.jpg": None,
    }


def test_an_archive_is_never_whole_in_memory(tmp_path: Path) -> None:
    path = _tar(tmp_path / "t.tar", {f"{i:04d}.jpg": bytes(20_000) for i in range(1500)})
    tracemalloc.start()
    total = sum(len(member.content or b"") for member in read_archive(f"file://{path}", "t.tar", 1 << 20))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 30_000_000
    assert peak < 4_000_000


@pytest.mark.job
def test_of_many_archives_a_chunk_streams_its_own(spark: SparkSession, tmp_path: Path) -> None:
    for i in range(17):
        _tar(tmp_path / f"{i:02d}.tar", {"a.jpg": bytes([65 + i]), "b.jpg": b"b"})
    source = open_source(spark, SourceSettings(source="tar", input=str(tmp_path)))
    assert len(check(source)) == 34
    chunks = [{path.split("#")[0] for path in by_path(source, chunk, 2)} for chunk in range(2)]
    assert not chunks[0] & chunks[1]


def test_no_archive_here(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(SourceError, match="holds no archive"):
        open_source(spark, SourceSettings(source="tar", input=str(tmp_path)))


def test_archives_on_hdfs_name_the_client_that_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrow's own way looked for Hadoop's library in every folder where Java may be."""
    monkeypatch.setattr("fer_spark.filesystems._has_client", lambda scheme: False)
    for opened in (open_stream, open_seekable):
        with pytest.raises(OSError, match=r"^no reader for hdfs: .*/a b\.tar\); pip install hdfs-native"):
            opened("hdfs://lake:8020/in/a%20b.tar")
