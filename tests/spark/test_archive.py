"""Spark's classes in an archive: left by one JVM, taken by the next, made anew for another Java or other jars."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fer_spark.spark.archive import sharing_options
from fer_spark.spark.java import check_java

BROKEN_OFF = bytes(11)


@pytest.fixture
def jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "jars"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a Java of this machine leaves."""
    java = check_java()
    if java is None:
        pytest.skip("no Java is found here")
    left = tmp_path_factory.mktemp("left") / "archive"
    command = [str(java.program), f"-XX:ArchiveClassesAtExit={left}", "-Xlog:cds*=off", "-version"]
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    return left.read_bytes()


def options(jars: Path, release: str = "17.0.15") -> dict[str, str]:
    words = sharing_options(release, Path("/usr/bin/java"), jars).split()
    return dict(word.split("=", 1) for word in words if word.startswith("-XX:"))


def test_the_first_leaves_one_and_the_next_takes_it(jars: Path, whole: bytes) -> None:
    [(name, left)] = options(jars).items()
    assert name == "-XX:ArchiveClassesAtExit"
    part = Path(left)
    assert part.parent == jars.parent / "cache" / "fer_spark" / "jvm"
    assert part.parent.stat().st_mode & 0o077 == 0
    part.write_bytes(BROKEN_OFF)
    assert options(jars) == {}  # another is at it
    part.write_bytes(whole)
    [(name, archive)] = options(jars).items()
    assert name == "-XX:SharedArchiveFile"
    assert Path(archive).read_bytes() == whole
    assert not part.exists()
    assert options(jars) == {name: archive}


def test_one_that_was_broken_off_is_begun_anew(jars: Path) -> None:
    [left] = options(jars).values()
    Path(left).write_bytes(BROKEN_OFF)
    os.utime(left, (1, 1))
    assert list(options(jars)) == ["-XX:ArchiveClassesAtExit"]
    assert not Path(left).exists()


def test_the_cache_holds_a_few_archives_those_used_last(jars: Path, whole: bytes) -> None:
    made: list[Path] = []
    for number in range(3):
        [left] = options(jars, f"17.0.{number}").values()
        Path(left).write_bytes(whole)
        [archive] = options(jars, f"17.0.{number}").values()
        made.append(Path(archive))
        os.utime(archive, (number + 1, number + 1))
    assert list(options(jars, "17.0.0")) == ["-XX:SharedArchiveFile"]  # used again
    [left] = options(jars, "17.0.3").values()
    Path(left).write_bytes(whole)
    [newest] = options(jars, "17.0.3").values()
    assert set(made[0].parent.iterdir()) == {made[0], made[2], Path(newest)}


def test_what_another_environment_began_long_ago_is_removed(jars: Path, whole: bytes) -> None:
    """It may be gone, as a folder of a build is, and never take its archive over."""
    [left] = options(jars, "17.0.1").values()
    for content in (BROKEN_OFF, whole):
        Path(left).write_bytes(content)
        assert options(jars, "17.0.2")
        assert Path(left).exists()
        os.utime(left, (1, 1))
        assert options(jars, "17.0.2")
        assert not Path(left).exists()


def test_another_java_or_other_jars_have_their_own(jars: Path) -> None:
    [first] = options(jars).values()
    [second] = options(jars, "21.0.2").values()
    os.utime(jars, (5, 5))
    [third] = options(jars).values()
    assert len({first, second, third}) == 3


def test_a_cache_that_cannot_be_written_or_named_is_done_without(jars: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (jars.parent / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(jars.parent / "file"))
    assert options(jars) == {}
    monkeypatch.setenv("XDG_CACHE_HOME", str(jars.parent / "with blank"))
    assert options(jars) == {}
