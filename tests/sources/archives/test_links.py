"""Links in archives: what they stand for is what the operating system finds behind them once all is unpacked."""

from __future__ import annotations

import os
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from fer_spark.sources.archives.find import read_members
from fer_spark.sources.archives.tar_stream import Member
from fer_spark.sources.catalog import open_source
from fer_spark.sources.settings import SourceSettings
from tests.sources.lakes import by_path

NAMES = ["a.jpg", "b.jpg", "d/c.jpg", "d/e/f.jpg", "d/e/none"]
TARGETS = [*NAMES, "../a.jpg", "./b.jpg", "e/f.jpg", "c.jpg", "../../a.jpg", "lost.jpg", "/lost.jpg", "d"]


def _paths(root: Path) -> Iterator[Path]:
    return (path for path in sorted(root.rglob("*")) if path.is_symlink() or path.is_file())


def _write_tar(root: Path, file: Path) -> None:
    with tarfile.open(file, "w:gz" if file.name.endswith("gz") else "w") as archive:
        for path in _paths(root):
            archive.add(path, str(path.relative_to(root)), recursive=False)


def _write_zip(root: Path, file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for path in _paths(root):
            info = zipfile.ZipInfo(str(path.relative_to(root)))
            info.external_attr = path.lstat().st_mode << 16
            archive.writestr(info, os.readlink(path) if path.is_symlink() else path.read_bytes())


def _expected(root: Path) -> dict[str, bytes | None]:
    """Pictures' contents by path, None for links that lead nowhere, and files of other names."""
    pictures = (path for path in _paths(root) if path.suffix == ".jpg" or not path.is_symlink())
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in pictures}


def _read(file: Path, with_content: bool = True) -> dict[str, Member]:
    members = read_members(f"file://{file}", file.name, 1 << 20, with_content)
    return {member.path.removeprefix(f"{file.name}#"): member for member in members}


@settings(max_examples=150, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(["file", "symbolic", "hard", "none"]), min_size=len(NAMES), max_size=len(NAMES)),
    targets=st.lists(st.sampled_from(TARGETS), min_size=len(NAMES), max_size=len(NAMES)),
    ending=st.sampled_from(["tar", "tar.gz", "zip"]),
)
@example(kinds=["none"] * 5, targets=["a.jpg"] * 5, ending="zip")  # an archive of nothing is no damaged one
def test_a_picture_that_is_a_link_is_read_as_what_it_stands_for(
    kinds: list[str], targets: list[str], ending: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, file = Path(folder, "in"), Path(folder, f"a.{ending}")
        (root / "d/e").mkdir(parents=True)
        for name, kind, target in zip(NAMES, kinds, targets, strict=True):
            if kind == "file":
                (root / name).write_bytes(name.encode())
            elif kind == "symbolic":
                (root / name).symlink_to(target)
            elif kind == "hard" and (root / target).is_file() and not (root / target).is_symlink():
                os.link(root / target, root / name)
        (_write_zip if ending == "zip" else _write_tar)(root, file)
        expected, found, listed = _expected(root), _read(file), _read(file, with_content=False)
    assert {path: member.content for path, member in found.items()} == expected
    assert {path: member.reason for path, member in listed.items()} == {
        path: "missing_file" if content is None else None for path, content in expected.items()
    }
    assert all("which is no member" in str(found[path].detail) for path in found if expected[path] is None)


@pytest.mark.parametrize("ending", ["tar", "zip"])
def test_links_in_archives_are_rows_of_a_source(spark: SparkSession, tmp_path: Path, ending: str) -> None:
    root = tmp_path / "in"
    (root / "happy").mkdir(parents=True)
    (root / "happy/a.jpg").write_bytes(b"1")
    (root / "happy/b.jpg").symlink_to("a.jpg")
    (root / "happy/lost.jpg").symlink_to("/elsewhere/c.jpg")
    (_write_zip if ending == "zip" else _write_tar)(root, tmp_path / f"a.{ending}")
    rows = by_path(open_source(spark, SourceSettings(source=ending, input=str(tmp_path / f"a.{ending}"))))
    assert {path.partition("#")[2]: row["reject_reason"] for path, row in rows.items()} == {
        "happy/a.jpg": None,
        "happy/b.jpg": None,
        "happy/lost.jpg": "missing_file",
    }
    assert bytes(rows[f"a.{ending}#happy/b.jpg"]["content"]) == b"1"
