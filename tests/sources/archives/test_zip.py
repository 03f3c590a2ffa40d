"""Zip archives: by their directory, in any packing, with names of any kind, damaged or not."""

from __future__ import annotations

import io
import random
import re
import stat
import struct
import tempfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from fer_spark.sources.archives.tar_stream import Member
from fer_spark.sources.archives.zip import read_zip
from fer_spark.sources.catalog import open_source, recognised
from fer_spark.sources.layouts.webdataset import samples_of
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.poison import jpeg
from tests.sources.examples import write_tar
from tests.sources.lakes import check, reasons, write

PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def zipped(members: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED, large: bool = False) -> bytes:
    """An archive's bytes. `large`: the sizes of each member in zip64's form."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, content in members.items():
            with archive.open(name, "w", force_zip64=large) as member:
                member.write(content)
    return out.getvalue()


def members_of(content: bytes, limit: int = 1 << 20, with_content: bool = True) -> list[Member]:
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        Path(file.name).write_bytes(content)
        return list(read_zip(f"file://{file.name}", "a.zip", limit, with_content))


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(st.text("ab/é日ß .", min_size=1, max_size=6), min_size=1, max_size=6, unique=True),
    packing=st.sampled_from(PACKINGS),
    large=st.booleans(),
    prefix=st.binary(max_size=40),
)
def test_every_member_comes_out_as_it_went_in(names: list[str], packing: int, large: bool, prefix: bytes) -> None:
    """Also behind other bytes, as a program that unpacks itself has them."""
    members = {f"x{name}.jpg": random.Random(name).randbytes(1 + len(name) * 400) for name in names}
    found = members_of(prefix + zipped(members, packing, large))
    assert {member.path: member.content for member in found} == {f"a.zip#{n}": c for n, c in members.items()}
    assert [member.path for member in found] == sorted(member.path for member in found)
    assert {member.content for member in members_of(zipped(members, packing), with_content=False)} == {None}


def renamed(raw: bytes, marked: bool, extra: bytes = b"") -> bytes:
    """An archive with one member of this name in bytes, marked as UTF-8 or not."""
    flags, content = 0x800 * marked, b"x"
    common = struct.pack("<HHHHHLLLHH", 20, flags, 0, 0, 0, zlib.crc32(content), 1, 1, len(raw), len(extra))
    local = b"PK\3\4" + common + raw + extra + content
    central = b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack("<HHHLL", 0, 0, 0, 0, 0) + raw + extra
    return local + central + b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, 1, 1, len(central), len(local), 0)


@settings(max_examples=80, deadline=None)
@given(name=st.text("azÄéßñ/\\.", min_size=1, max_size=8))
def test_names_of_every_kind_are_read(name: str) -> None:
    name, seen = f"d/{name}x.jpg", f"d/{name}x.jpg".replace("\\", "/")
    utf8, dos = name.encode(), name.encode("cp437")
    assume(dos.isascii() or "\ufffd" in dos.decode("utf-8", "replace"))  # a name that could be either is UTF-8
    assert [member.path for member in members_of(renamed(utf8, True))] == [f"a.zip#{seen}"]
    assert [member.path for member in members_of(renamed(utf8, False))] == [f"a.zip#{seen}"]  # as macOS writes it
    assert [member.path for member in members_of(renamed(dos, False))] == [f"a.zip#{seen}"]
    field = b"\1" + struct.pack("<L", zlib.crc32(b"??.jpg")) + utf8
    extra = struct.pack("<HH", 0x7075, len(field)) + field
    assert [member.path for member in members_of(renamed(b"??.jpg", False, extra))] == [f"a.zip#{seen}"]


@settings(max_examples=60, deadline=None)
@given(name=st.binary(min_size=1, max_size=6), before=st.lists(st.text("aé", min_size=1), max_size=3, unique=True))
def test_a_name_that_is_not_what_it_is_marked_as_costs_one_member(name: bytes, before: list[str]) -> None:
    raw = b"d/" + name.replace(b"/", b"").replace(b"\\", b"").replace(b"\0", b"") + b"\xff.jpg"
    stand_in = "d/" + "e" * (len(raw) - 2)
    good = {f"{one}.jpg": one.encode() for one in before}
    whole = zipped({**good, stand_in: b"lost", "z\u00e9.jpg": b"last"})
    at = [found.start() for found in re.finditer(re.escape(stand_in.encode()), whole)]
    assert len(at) == 2
    for place, flags in ((at[0], at[0] - 24), (at[1], at[1] - 38)):  # in its own header, and in the directory
        whole = whole[:place] + raw + whole[place + len(raw) :]
        whole = whole[: flags + 1] + b"\x08" + whole[flags + 2 :]
    shown = f"a.zip#{raw.decode('utf-8', 'backslashreplace')}"
    found = {member.path: member for member in members_of(whole)}
    lost = found.pop(shown)
    assert (lost.content, lost.reason) == (None, "hidden_name")
    assert "bytes shown as" in str(lost.detail)
    expected = {**good, "z\u00e9.jpg": b"last"}
    assert {path: member.content for path, member in found.items()} == {f"a.zip#{n}": c for n, c in expected.items()}


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 2**31), bits=st.binary(min_size=1, max_size=6), cut=st.booleans())
def test_damage_never_raises_and_what_comes_out_is_whole(at: int, bits: bytes, cut: bool) -> None:
    members = {f"{i}.jpg": bytes([65 + i]) * 300 + bytes(range(200)) for i in range(4)}
    whole = zipped(dict(list(members.items())[:2])) if at % 2 else zipped(members, PACKINGS[at % 4])
    place = at % len(whole)
    broken = whole[:place] if cut else whole[:place] + bits + whole[place + len(bits) :]
    for member in members_of(broken):
        assert (member.content is None) == (member.reason is not None) == (member.detail is not None)
        if member.content is not None:
            assert member.content in members.values()


def test_what_cannot_be_read_says_why() -> None:
    whole = zipped({"a.jpg": b"1" * 500, "b.jpg": b"2" * 500}, zipfile.ZIP_STORED)
    at = whole.index(b"1111")
    one, two = members_of(whole[:at] + b"0" + whole[at + 1 :])
    assert (one.reason, two.content) == ("unreadable", b"2" * 500)
    assert "damaged in its archive: Bad CRC-32" in str(one.detail)
    encrypted = bytearray(whole)
    encrypted[whole.index(b"PK\1\2") + 8] |= 1
    one, two = members_of(bytes(encrypted))
    assert (one.reason, one.detail) == ("unreadable", "it is encrypted: unpack the archive with its password")
    assert two.content == b"2" * 500
    [cut] = members_of(whole[:-30])
    assert (cut.path, cut.detail) == (
        "a.zip", "damaged archive: no directory at its end: cut off, or no zip archive"
    )  # fmt: skip
    assert [member.reason for member in members_of(zipped({"e.jpg": b"", "l.jpg": b"x" * 101}), 100)] == [
        "empty", "too_large"
    ]  # fmt: skip


def test_a_member_that_says_it_is_small_unpacks_to_no_more(tmp_path: Path) -> None:
    content = zipped({"a.jpg": bytes(200_000_000)})
    lying = content.replace(struct.pack("<L", 200_000_000), struct.pack("<L", 1000))
    tracemalloc.start()
    [member] = members_of(lying)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (member.content, member.reason) == (None, "unreadable")
    assert peak < 10_000_000


def test_labels_of_webdataset_meet_their_pictures_in_any_order(tmp_path: Path) -> None:
    names = [f"d/{i}.{ending}" for ending in ("cls", "jpg") for i in (2, 0, 1)]
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({name: name.encode() for name in names}))
    members = read_zip(f"file://{path}", "a.zip", 1000, with_content=False, always=(".cls",))
    samples = [one for one in samples_of(members, SourceSettings()) if one.pictures]
    found = {one.pictures[0].path: one.stated for one in samples}
    assert found == {f"a.zip#d/{i}.jpg": {"label_raw": f"d/{i}.cls"} for i in range(3)}


def test_links_out_of_the_archive_are_not_followed_and_folders_are_no_members() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("l.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("d/", b"")
        archive.writestr("../../up.jpg", b"1")
        archive.writestr("/top.jpg", b"2")
    assert {member.path: member.content for member in members_of(out.getvalue())} == {
        "a.zip#../../up.jpg": b"1",
        "a.zip#/top.jpg": b"2",
        "a.zip#l.jpg": None,
    }


@pytest.mark.job
def test_archives_of_all_kinds_in_folders(spark: SparkSession, tmp_path: Path) -> None:
    pictures = {"t/happy/1.jpg": jpeg(), "t/sad/_2.PNG": jpeg(61), "t/sad/__MACOSX/._2.png": b"x", "t/list.csv": b"x"}
    write(tmp_path, {"in/sub dir/a 1%.ZIP": zipped(pictures), "in/bad.zip": zipped(pictures)[:-9], "in/n.txt": "x"})
    write_tar(tmp_path / "in" / "b.tar", {"happy/1.jpg": jpeg(62)})
    opened = open_source(spark, SourceSettings(source="tar", input=str(tmp_path / "in"), label_from="parent"))
    rows = check(opened)
    inside = "sub dir/a 1%.ZIP#t/"
    assert reasons(rows) == {
        f"{inside}happy/1.jpg": None, f"{inside}sad/_2.PNG": None, "bad.zip": "unreadable", "b.tar#happy/1.jpg": None
    }  # fmt: skip
    assert {row["source_path"][-5:]: row["label"] for row in rows} == {
        "1.jpg": "happy", "2.PNG": "sad", "d.zip": None
    }  # fmt: skip
    assert opened.lines() == ["passed over 2 files, not pictures by their names: 1 .csv, 1 in __MACOSX"]
    by_csv = write(tmp_path, {"l.csv": "image,emotion\nt/happy/1.jpg,sad\nt/gone.jpg,sad\n"}) / "l.csv"
    named = SourceSettings(source="legend", input=str(by_csv), images=str(tmp_path / "in" / "sub dir" / "a 1%.ZIP"))
    assert {row["source_path"]: (row["label"], row["reject_reason"]) for row in check(open_source(spark, named))} == {
        "a 1%.ZIP#t/happy/1.jpg": ("sad", None),
        "a 1%.ZIP#t/sad/_2.PNG": (None, "unlisted"),
        "t/gone.jpg": ("sad", "missing_file"),
    }


def test_a_download_with_classes_is_labelled_and_split_by_its_folders(spark: SparkSession, tmp_path: Path) -> None:
    members = {
        f"archive/{part}/{word}/x/{i}.jpg": jpeg(60 + i)
        for part in ("Train", "test")
        for i, word in enumerate(("Angry", "happy"))
    }
    write(tmp_path, {"fer.zip": zipped(members), "README.md": "x"})
    said: list[str] = []
    found = recognised(spark, SourceSettings(input=str(tmp_path)), said.append)
    assert (found.source, found.label_from) == ("zip", "class")
    assert "fer.zip has folders called Angry, happy" in said[0]
    rows = check(open_source(spark, found))
    assert sorted((row["label"], row["split"]) for row in rows) == [
        ("angry", "test"), ("angry", "train"), ("happy", "test"), ("happy", "train")
    ]  # fmt: skip


def test_an_archive_beside_what_was_unpacked_from_it_is_passed_over(spark: SparkSession, tmp_path: Path) -> None:
    folders = {f"{word}/1.jpg": jpeg() for word in ("angry", "happy")}
    write(tmp_path, {"fer.zip": zipped(folders), **folders})
    assert recognised(spark, SourceSettings(input=str(tmp_path)), str).source == "folder"
    write(tmp_path / "t", {"fer.zip": zipped({"fer2013.csv": b"emotion,pixels"})})
    with pytest.raises(SourceError, match=r"fer.zip holds no pictures, but fer2013.csv: unpack it"):
        recognised(spark, SourceSettings(input=str(tmp_path / "t")), str)
