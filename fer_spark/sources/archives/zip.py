"""One zip archive by its directory, which lies at its end: any member without those before it. No Spark here.

Nothing is unpacked to a disk, so a member's name such as `../x.jpg` is a name and no more.
"""

from __future__ import annotations

import io
import lzma
import posixpath
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from fer_spark.sources.archives.links import Links, why_missing
from fer_spark.sources.archives.tar_stream import Member, StorageFailedError, open_seekable, unique

Reader = TypeVar("Reader", bound=io.BufferedReader)
ZIP_NAME = re.compile(r"\.zip$", re.IGNORECASE)
_BUFFER = 1 << 18
_LONGEST_PATH = 4096
_ENCRYPTED, _UTF8 = 0x41, 0x800
"""Bits of a member's flags: encrypted in either way; its name is UTF-8."""

_ENTRY, _ENTRY_BYTES = b"PK\1\2", 46
"""How a member's entry in the directory begins, and its bytes before the name."""

_UNICODE_PATH = 0x7075
_MISNAMED = "its name is marked as UTF-8 and is not (bytes shown as \\x..): rename it and pack the archive again"
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, EOFError, struct.error, ValueError)
_BROKEN = (*_DAMAGE, OSError, OverflowError)  # bz2 raises OSError; the storage's own errors have a class of their own


@dataclass(frozen=True)
class Place:
    """Where a member lies in its archive, and what its directory says of it: enough to unpack it alone."""

    at: int
    packed: int
    size: int
    crc: int
    method: int
    flags: int
    raw_name: str

    @classmethod
    def of(cls, info: zipfile.ZipInfo) -> Place:
        sizes = info.compress_size, info.file_size
        return cls(info.header_offset, *sizes, info.CRC, info.compress_type, info.flag_bits, info.orig_filename)

    def info(self) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(self.raw_name)
        info.orig_filename, info.header_offset = self.raw_name, self.at
        info.compress_size, info.file_size, info.CRC = self.packed, self.size, self.crc
        info.compress_type, info.flag_bits = self.method, self.flags
        return info


class _Stored(io.RawIOBase):
    """An archive on any storage, whose errors are StorageFailedError."""

    def __init__(self, file: Any) -> None:
        self._file, self._at = file, 0
        self._size = int(file.size())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        at = offset + (0, self._at, self._size)[whence]
        if at < 0:
            raise OSError(f"its directory points before its beginning, to {at}")  # as files do; zipfile tries it
        self._at = at
        return at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        length = min(len(view), max(self._size - self._at, 0))
        try:
            content = self._file.read_at(length, self._at) if length else b""
        except OSError as error:
            raise StorageFailedError(error) from error
        view[: len(content)] = content
        self._at += len(content)
        return len(content)


class _Directory(io.BufferedReader):
    """Of an archive's directory read through it, names that are marked as UTF-8 and are not lose the mark, on which
    zipfile would give up the whole archive. `misnamed`: these names, as they lie there."""

    misnamed: frozenset[bytes] = frozenset()

    def read(self, size: int | None = -1, /) -> bytes:
        content = bytearray(super().read(size))
        at, found = 0, set()
        while content.startswith(_ENTRY, at) and len(content) >= at + _ENTRY_BYTES:
            flags, long, more, comment = struct.unpack_from("<8xH18xHHH", content, at)
            name_at = at + _ENTRY_BYTES
            raw = bytes(content[name_at : name_at + long]) if flags & _UTF8 else b""
            if raw.decode("utf-8", "ignore").encode() != raw:
                found.add(raw)
                struct.pack_into("<H", content, at + 8, flags & ~_UTF8)
            at += _ENTRY_BYTES + long + more + comment
        self.misnamed |= found
        return bytes(content)


class _WithoutDirectory(zipfile.ZipFile):
    """Its members' places are known: the directory is not read again."""

    def _RealGetContents(self) -> None:  # noqa: N802  # zipfile's own name
        pass


def list_zip(uri: str, name: str, limit: int) -> Iterator[tuple[Member, Place | None]]:
    """Regular files in the directory's order, without contents, then pictures' links, as what they stand for; no place
    where a member cannot be used.

    Arguments and errors as of read_archive. An archive whose directory is damaged is one row.
    """
    try:
        with _opened(uri, _Directory) as file:
            yield from _listed(file, name, limit)
    except FileNotFoundError as error:
        yield vanished(name, error), None


def read_placed(uri: str, name: str, placed: Iterable[tuple[str, Place]]) -> Iterator[Member]:
    """Members of one archive, by their paths and places. Raises OSError where the storage failed."""
    try:
        with _opened(uri, io.BufferedReader) as file, _WithoutDirectory(file) as archive:
            for path, place in placed:
                yield _unpacked(archive, path, place)
    except FileNotFoundError as error:
        for path, _ in placed:
            yield Member(path, None, "missing_file", str(vanished(name, error).detail))


def read_zip(
    uri: str, name: str, limit: int, with_content: bool = True, always: tuple[str, ...] = ()
) -> Iterator[Member]:
    """As read_archive of a tar; members in the order of their names, so that those of one name stand together."""
    found = sorted(list_zip(uri, name, limit), key=lambda entry: entry[0].path)
    to_read = {m.path: p for m, p in found if p and (with_content or m.path.lower().endswith(always))}
    contents = read_placed(uri, name, list(to_read.items()))
    for member, _ in found:
        yield next(contents) if member.path in to_read else member


def vanished(name: str, error: OSError) -> Member:
    """The row of an archive that is gone."""
    return Member(name, None, "missing_file", f"the archive vanished before it was read: {str(error)[:200]}")


def member_name(info: zipfile.ZipInfo) -> str:
    """A member's path with `/`, as whoever packed it saw it.

    A name is UTF-8 where it is marked so, where an extra field holds it in UTF-8, or where its bytes are valid UTF-8,
    which macOS does not mark; else code page 437.
    """
    if info.flag_bits & _UTF8:
        name = info.filename
    else:
        raw = _raw_name(info).partition(b"\0")[0]
        name = _extra_name(info.extra, raw) or _text(raw)
    return name.replace("\\", "/").removeprefix("./")


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    """The name of a member that is not marked as UTF-8, as it lies in the directory."""
    return info.orig_filename.encode("cp437")


def _shown(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace").removeprefix("./")


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def _extra_name(extra: bytes, raw: bytes) -> str:
    """Info-ZIP's Unicode path; empty where there is none, or that of another name."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and field[:5] == b"\1" + struct.pack("<L", zlib.crc32(raw)):
            return field[5:].decode("utf-8", "replace")
    return ""


@contextmanager
def _opened(uri: str, reader: type[Reader]) -> Iterator[Reader]:
    try:
        with open_seekable(uri) as file:
            yield reader(_Stored(file), _BUFFER)
    except StorageFailedError as failed:
        raise failed.error from failed


def _listed(file: _Directory, name: str, limit: int) -> Iterator[tuple[Member, Place | None]]:
    seen, links, named = dict[int, int](), Links(), dict[str, zipfile.ZipInfo]()
    try:
        with zipfile.ZipFile(file) as archive:
            found = archive.infolist()
            leads = {info.header_offset: _target(archive, info) for info in found if _is_link(info)}
    except _BROKEN as error:
        what = "no directory at its end: cut off, or no zip archive" if "not a zip" in str(error) else str(error)
        yield Member(name, None, "unreadable", f"damaged archive: {what[:200]}"), None
        return
    for info in found:
        misnamed = not info.flag_bits & _UTF8 and _raw_name(info) in file.misnamed
        path = _shown(_raw_name(info)) if misnamed else member_name(info)
        if not path or path.endswith("/"):
            continue
        row_path = f"{name}#{unique(path, seen)}"
        if info.header_offset in leads:
            links.add(row_path, path, leads[info.header_offset], hard=False)
        elif misnamed:
            yield Member(row_path, None, "hidden_name", _MISNAMED), None
        else:
            yield _placed(info, row_path, limit)
            if leads:
                named[posixpath.normpath(path)] = info
    targets = links.by_target()
    for target in sorted(targets.keys() & named.keys()):
        yield from (_placed(named[target], path, limit) for path in targets.pop(target))
    yield from ((Member(path, None, "missing_file", detail), None) for path, detail in why_missing(targets))


def _is_link(info: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(info.external_attr >> 16)


def _target(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    """What a symbolic link says; empty where that cannot be read."""
    if info.flag_bits & _ENCRYPTED:
        return ""
    try:
        with archive.open(info) as file:
            return file.read(_LONGEST_PATH).decode("utf-8", "surrogateescape")
    except _BROKEN:
        return ""


def _placed(info: zipfile.ZipInfo, path: str, limit: int) -> tuple[Member, Place | None]:
    member = _without_content(info, path, limit)
    return member, Place.of(info) if member.reason is None else None


def _without_content(info: zipfile.ZipInfo, path: str, limit: int) -> Member:
    if info.flag_bits & _ENCRYPTED:
        return Member(path, None, "unreadable", "it is encrypted: unpack the archive with its password")
    if info.file_size == 0:
        return Member(path, None, "empty", "the archive's member has no bytes")
    if info.file_size > limit:
        return Member(path, None, "too_large", f"{info.file_size} bytes, the limit is {limit}; see --max-file-mb")
    return Member(path, None)


def _unpacked(archive: zipfile.ZipFile, path: str, place: Place) -> Member:
    try:
        with archive.open(place.info()) as file:
            content = file.read(place.size)  # no more, whatever it unpacks to
    except _BROKEN as error:
        what = str(error) or type(error).__name__
        return Member(path, None, "unreadable", f"damaged in its archive: {what[:200]}")
    if len(content) < place.size:
        return Member(path, None, "unreadable", f"damaged in its archive: {len(content)} of {place.size} bytes")
    return Member(path, content)
