"""Spark's classes as the JVM keeps them (class-data sharing): the second session of a machine loads them ready-made.

A JVM that is told to writes the archive when it ends, in its own time, after the job has. It lies in the user's cache,
by what it was made of: this Java, these jars. A JVM checks the jars' ages and its own build once more, and does without
an archive that does not fit. Of the archives of other environments, some 200 MB each, those used last stay.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from pathlib import Path

from fer_spark.machine import cache_dir, free_bytes

_MAGIC = (0xF00BABA8).to_bytes(4, sys.byteorder)
"""Of an archive that is whole (CDS_DYNAMIC_ARCHIVE_MAGIC of the JDK's include/cds.h): its head is written last."""

_GIVEN_UP_S = 600
_KEPT = 3
"""Archives that lie in the cache at most."""
_ROOM_BYTES = 1 << 30
_QUIET = "-Xlog:cds*=off -Xlog:class+path=off"
"""An archive that does not fit is no news."""


def sharing_options(release: str, program: Path, jars: Path, leave: bool = True) -> str:
    """Options for a JVM: to use the archive, or to leave one where there is none yet; empty where it cannot.

    release, program   the Java that is to be started
    jars               the folder with Spark's
    leave              whether the JVM may leave an archive when it ends
    """
    folder = cache_dir() / "jvm"
    try:
        if " " in str(folder):  # options are cut at blanks
            return ""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        parts = (release, os.path.realpath(program), os.path.realpath(jars), jars.stat().st_mtime_ns)
        archive = folder / f"{hashlib.sha256(repr(parts).encode()).hexdigest()[:24]}.jsa"
        _take_over(archive)
        _remove_given_up(folder)
        if not archive.is_file():
            return _to_leave(archive) if leave else ""
        os.utime(archive)  # used now
    except OSError:  # a home that cannot be written: the job does without
        return ""
    return f"-XX:SharedArchiveFile={archive} {_QUIET}"


def _take_over(archive: Path) -> None:
    """Give the archive that an earlier JVM left its name, once it is whole, and make room for it."""
    for left in sorted(archive.parent.glob(f"{archive.stem}.*.part")):
        with left.open("rb") as file:
            whole = file.read(len(_MAGIC)) == _MAGIC
        if whole:
            left.replace(archive)
            os.utime(archive)
            _make_room(archive.parent)


def _make_room(folder: Path) -> None:
    """Remove the archives that were not used for longest. A JVM that runs keeps its own, removed or not."""
    for old in sorted(folder.glob("*.jsa"), key=lambda path: path.stat().st_mtime)[:-_KEPT]:
        old.unlink(missing_ok=True)


def _remove_given_up(folder: Path) -> None:
    """Remove what JVMs of any environment began long ago and neither finished nor handed over."""
    for left in folder.glob("*.part"):
        if time.time() - left.stat().st_mtime > _GIVEN_UP_S:
            left.unlink(missing_ok=True)


def _to_leave(archive: Path) -> str:
    """One JVM at a time leaves one."""
    if list(archive.parent.glob(f"{archive.stem}.*.part")) or (free_bytes(archive.parent) or 0) < _ROOM_BYTES:
        return ""
    return f"-XX:ArchiveClassesAtExit={archive.with_suffix(f'.{os.getpid()}.part')} {_QUIET}"
