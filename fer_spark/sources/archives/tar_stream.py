"""One tar archive as a stream of members. Plain Python: no Spark here."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import posixpath
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import IO, Any
from urllib.parse import unquote

import pyarrow as pa
from pyarrow import fs

from fer_spark.filesystems import open_file_system
from fer_spark.machine import NO_READER
from fer_spark.sources.archives.links import Links, why_missing
from fer_spark.sources.archives.reach import store_of
from fer_spark.sources.files.s3 import s3_system

_BUFFER = 1 << 20
_ARROW_SCHEMES = {"s3a": "s3", "s3n": "s3"}
_BY_FSSPEC = ("hdfs", "viewfs")
"""Arrow's own way there needs Hadoop's library, and a JVM."""


@dataclass(frozen=True)
class Member:
    """A file in an archive (`path` is `a.tar#member`), or the archive itself when it is damaged (`path` is `a.tar`)."""

    path: str
    content: bytes | None
    reason: str | None = None
    detail: str | None = None


class DamagedArchiveError(Exception):
    """The archive ends or breaks where it should not; members after that point are lost."""


class StorageFailedError(Exception):
    """The storage failed, not the archive."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class _Archive(tarfile.TarFile):
    """`ended`: whether the block read last was one of the zeros that end an archive."""

    ended = False


class _CheckedHeader(tarfile.TarInfo):
    """tarfile takes a broken header after the first member for the end of the archive; this one says so."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> _CheckedHeader:
        assert isinstance(archive, _Archive)
        try:
            header = super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            archive.ended = True  # another archive may follow, as `cat a.tar b.tar` leaves it
            raise
        except (tarfile.EmptyHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]
            if archive.ended:
                raise
            raise DamagedArchiveError("no end-of-archive mark: it was cut off, or never finished") from error
        except tarfile.HeaderError as error:
            what = "more data follows its end, which is no archive: " if archive.ended else ""
            raise DamagedArchiveError(f"{what}{error} at byte {archive.offset}") from error
        archive.ended = False
        return header


class _Stored(io.RawIOBase):
    """An archive's bytes as the storage gives them. `head`: the first ones, which tell the packing."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.head = self._read(6)
        self._pending = self.head

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        content = self._pending[: len(view)] or self._read(len(view))
        self._pending = self._pending[len(content) :]
        view[: len(content)] = content
        return len(content)

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except OSError as error:
            if "decompress" in str(error).lower():  # Arrow unpacks .zst
                raise DamagedArchiveError(str(error)) from error
            raise StorageFailedError(error) from error


def _unpacked(stream: IO[bytes]) -> Any:
    """gzip, bzip2 and xz by content; of each all members, as `cat a.gz b.gz` leaves them."""
    stored = _Stored(stream)
    plain = io.BufferedReader(stored, 1 << 16)
    if stored.head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=plain, mode="rb")
    if stored.head.startswith(b"BZh"):
        return bz2.BZ2File(plain)
    if stored.head.startswith((b"\xfd7zXZ", b"\x5d\x00\x00\x80")):
        return lzma.LZMAFile(plain)
    return plain


def read_archive(
    uri: str, name: str, max_member_bytes: int, with_content: bool = True, always: tuple[str, ...] = ()
) -> Iterator[Member]:
    """Regular files in the archive's order, and of archives that follow it, then pictures' links.

    A link is read as what it stands for: the archive is streamed once more. Folders, devices and links that are
    not called as pictures are passed over.

    `uri`: URL-encoded; `name`: the archive's relative path. A second member of the same name gets `~2` after its name.
    `always`: endings, in lower case, of members whose content is read even without `with_content`.
    Raises OSError where the storage failed, not the archive: Spark tries the task again.
    """
    links, seen = Links(), dict[int, int]()

    def files(info: tarfile.TarInfo) -> list[str]:
        if not (info.isreg() or info.issym() or info.islnk()):
            return []
        path = f"{name}#{unique(_readable(info.name), seen)}"
        if info.isreg():
            return [path]
        links.add(path, info.name, info.linkname, info.islnk())
        return []

    reading = _Reading(name, max_member_bytes, with_content, always)
    try:
        with open_stream(uri) as stream:
            yield from _members(stream, reading, files)
        targets = links.by_target()
        if targets:
            with open_stream(uri) as stream:
                found = _members(stream, reading, lambda info: _linked(info, targets))
                yield from (member for member in found if member.path != name)  # its damage has a row already
        yield from (Member(path, None, "missing_file", detail) for path, detail in why_missing(targets))
    except FileNotFoundError as error:
        yield Member(name, None, "missing_file", f"the archive vanished before it was read: {str(error)[:200]}")


@dataclass(frozen=True)
class _Reading:
    """What read_archive was called with."""

    name: str
    limit: int
    with_content: bool
    always: tuple[str, ...]


def _linked(info: tarfile.TarInfo, targets: dict[str, list[str]]) -> list[str]:
    return targets.pop(posixpath.normpath(info.name), []) if info.isreg() else []


def _members(
    stream: IO[bytes], reading: _Reading, paths_of: Callable[[tarfile.TarInfo], list[str]]
) -> Iterator[Member]:
    """Members under each path that `paths_of` gives them; then the archive itself where it is damaged."""
    try:
        with (
            _unpacked(stream) as plain,
            _Archive.open(fileobj=plain, mode="r|", tarinfo=_CheckedHeader, ignore_zeros=True) as archive,
        ):
            for info in archive:
                archive.members = []  # type: ignore[attr-defined]  # tarfile remembers every header: a leak in a long stream
                paths = paths_of(info)
                if paths:
                    member = _member(archive, info, paths[0], reading)
                    yield from (replace(member, path=path) for path in paths)
    except StorageFailedError as failed:
        raise failed.error from failed
    except (DamagedArchiveError, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        what = f"{type(error).__name__}: {str(error)[:200]}"
        yield Member(reading.name, None, "unreadable", f"damaged archive, read up to here: {what}")


def _member(archive: tarfile.TarFile, info: tarfile.TarInfo, path: str, reading: _Reading) -> Member:
    if info.size == 0:
        return Member(path, None, "empty", "the archive's member has no bytes")
    if info.size > reading.limit:
        return Member(path, None, "too_large", f"{info.size} bytes, the limit is {reading.limit}; see --max-file-mb")
    if not (reading.with_content or info.name.lower().endswith(reading.always)):
        return Member(path, None)
    file = archive.extractfile(info)
    content = file.read() if file is not None else b""
    if len(content) < info.size:
        raise DamagedArchiveError(f"{path} is cut off")
    return Member(path, content)


def open_stream(uri: str) -> IO[bytes]:
    """A forward-only file object on local or remote storage; .zst is unpacked here, tarfile unpacks the others."""
    system, path = _located(uri)
    packing = "zstd" if uri.lower().endswith(".zst") else None
    stream: Any = system.open_input_stream(path, compression=packing, buffer_size=_BUFFER)
    return stream  # type: ignore[no-any-return]


def open_seekable(uri: str) -> Any:
    """Arrow's file object, that reads anywhere, on local or remote storage."""
    system, path = _located(uri)
    return system.open_input_file(path)


def _located(uri: str) -> tuple[fs.FileSystem, str]:
    """Where a URL-encoded URI lies, as Arrow opens it."""
    scheme = re.match(r"^([A-Za-z][A-Za-z0-9+.-]*):", uri)
    kind = scheme.group(1).lower() if scheme else "file"
    if kind == "file":
        return fs.LocalFileSystem(), "/" + unquote(uri.removeprefix("file:")).lstrip("/")
    if kind in _BY_FSSPEC:
        return _fsspec(unquote(uri), kind)
    if (store := store_of(uri)) is not None:
        if store.arrow is None:
            return _fsspec(unquote(uri), kind, **store.options)
        return s3_system(store.arrow), unquote(uri).partition("://")[2]
    try:
        system, path = fs.FileSystem.from_uri(_ARROW_SCHEMES.get(kind, kind) + uri[len(kind) :])
    except pa.ArrowInvalid:
        return _fsspec(unquote(uri), kind)
    return system, path


def _fsspec(uri: str, kind: str, **options: Any) -> tuple[fs.FileSystem, str]:
    try:
        system, path = open_file_system(uri, **options)
    except ImportError as error:
        need = "pip install hdfs-native" if kind in _BY_FSSPEC else f"install fsspec with the package for {kind}"
        raise OSError(f"{NO_READER}{kind}: archives ({uri}); {need}, on executors too") from error
    return fs.PyFileSystem(fs.FSSpecHandler(system)), path


def _readable(name: str) -> str:
    """A member's name as valid text: bytes that are not UTF-8 are shown as \\x.."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").removeprefix("./")


def unique(name: str, seen: dict[int, int]) -> str:
    """The name, or for a second member of that name `name~2`. `seen`: kept from one call to the next."""
    key = hash(name)
    seen[key] = seen.get(key, 0) + 1
    return name if seen[key] == 1 else f"{name}~{seen[key]}"
