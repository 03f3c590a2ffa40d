"""One pass over the names below a root: what Spark's readers pass over in silence, and what its listing stumbles at.

Spark skips files without bytes and names that it takes for its own (`_x`, `.x`). Its listing follows a link that leads
back up until the system refuses, and fails as a whole at a folder that may not be read. Pictures among what it does not
list are read by the Python workers instead.
"""

from __future__ import annotations

import errno
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from pyspark.sql import SparkSession

from fer_spark.sources.archives.find import ARCHIVE_NAME
from fer_spark.sources.files.globs import NameFilter
from fer_spark.sources.files.listing import Listing
from fer_spark.sources.files.names import PictureNames, is_picture_name, passed_over_line
from fer_spark.sources.files.remote import remote_files
from fer_spark.sources.files.store import Store, why_closed
from fer_spark.sources.lake import Root, file_system, hadoop_path
from fer_spark.sources.settings import SourceError
from fer_spark.spark.places import JVM_ERRORS, first_line

MOST_LISTED_BY_SPARK = 100_000
"""Files of an input. With more, the Python workers open every file by the names that this pass collected, where they
can: Spark's listing takes about a kilobyte of the driver's memory for each."""
MOST_LOCAL_LISTED_BY_SPARK = 2_000
"""The same, of an input on a local disk whose files the Python workers open anyway, or nobody does: every plan over
Spark's listing puts all names through its expressions on one core of the driver."""
MOST_READ_BY_SPARK = 100
"""The same, of an input on S3: Spark's tasks ask three times for each picture, and wait for each answer."""


@dataclass(frozen=True)
class Omitted:
    """A file that is there and that will not be read; `reason` is `empty` or `hidden_name`."""

    path: str
    reason: str
    detail: str


class Entry(NamedTuple):
    """A file below a root. `inner`: its path below the part of the input that names it; `valid`: the name is UTF-8."""

    path: str
    inner: str
    valid: bool
    size: int
    modified_us: int | None


@dataclass
class Found:
    """What the pass found. `own`: pictures that Spark does not list. `spark_lists`: False where its listing would fail,
    or would be of more files than a driver's memory should hold; then `own` holds every picture, and `other_bytes`
    are those of the other files that Spark would list.

    `probe`: a picture that the Python workers can open, where `own` lies beyond this machine.
    `not_pictures`: Java pattern of paths that are passed over; `lines`: one for each thing that the user should know;
    `only_archives`: no picture lies there, and archives do.
    """

    not_pictures: str
    omitted: list[Omitted] = field(default_factory=list)
    own: Listing = field(default_factory=Listing)
    spark_lists: bool = True
    other_bytes: int = 0
    probe: str = ""
    lines: list[str] = field(default_factory=list)
    only_archives: bool = False


def look_through(
    spark: SparkSession,
    root: Root,
    glob: str,
    by_name: bool = True,
    lists: Collection[str] | re.Pattern[str] = (),
    by_spark: bool = True,
) -> Found:
    """Walk over the names; only what Spark does not read is kept. A lone file is read whatever its name.

    `by_name`: pass over files that are no pictures by their names. `lists`: of these, the ones that the source reads
    itself, which are not counted: URL-encoded URIs, or a pattern that is searched in paths below the root. `by_spark`:
    Spark is to read the files where it can, also local ones.

    Raises SourceError for remote storage that cannot be listed.
    """
    try:
        return _pass(spark, root, glob, by_name, _list_test(root, lists), by_spark)
    except JVM_ERRORS as error:
        raise SourceError(f"{root.uri} cannot be listed: {first_line(error)}") from error


def _list_test(root: Root, lists: Collection[str] | re.Pattern[str]) -> Callable[[str], bool]:
    if isinstance(lists, re.Pattern):
        return lambda path: lists.search(path) is not None
    below = _without_scheme(root.uri).rstrip("/")
    known = {_without_scheme(unquote(uri)) for uri in lists}
    return lambda path: f"{below}/{path}" in known


def _pass(
    spark: SparkSession, root: Root, glob: str, by_name: bool, is_list: Callable[[str], bool], by_spark: bool
) -> Found:
    names = PictureNames(glob, root.glob)
    by_name = by_name and not root.is_file
    found, accepted, passed_over = Found(names.pattern if by_name else ""), NameFilter(glob), Counter[str]()
    hidden_in = lru_cache(_hidden_in)
    trouble: list[str] = []
    everything, unlisted = Listing(), Listing()
    archives = pictures = other_bytes = 0
    for entry in _walk_local(root, trouble) if root.is_local else _walk_remote(spark, root):
        archives += ARCHIVE_NAME.search(entry.path) is not None
        if not accepted.accepts(entry.path):
            continue
        folder, _, name = entry.inner.rpartition("/")
        hidden = hidden_in(folder) or (name if _is_hidden(name) else None)
        none = _why_none(names, entry, hidden) if by_name else None
        if hidden is None and none is not None:
            other_bytes += entry.size
        if none is not None:
            passed_over[none] += not is_list(entry.path)
            continue
        pictures += 1
        if not entry.valid:
            detail = "the name is not valid UTF-8 (bytes shown as \\x..): rename the file"
            found.omitted.append(Omitted(entry.path, "hidden_name", detail))
        elif entry.size == 0:
            found.omitted.append(Omitted(entry.path, "empty", "the file has no bytes"))
        else:
            everything.add(entry.path, entry.size, entry.modified_us)
            if hidden is not None:
                unlisted.add(entry.path, entry.size, entry.modified_us)
    too_many = everything.files > MOST_LISTED_BY_SPARK
    if root.is_local and not by_spark:
        too_many = too_many or everything.files > MOST_LOCAL_LISTED_BY_SPARK
    slow = root.uri.startswith("s3a:") and everything.files > MOST_READ_BY_SPARK
    found.own = everything if trouble or too_many or slow else unlisted
    found.probe = next((file.path for file in found.own), "")
    why = why_closed(spark, Store.of(spark, root.uri), found.probe) if found.own and not root.is_local else ""
    if why:
        found.own = Listing()
        _reject_hidden(found, unlisted, why)
        if too_many:
            trouble.append(_listed_by_spark(everything.files, why))
        elif slow:
            trouble.append(_read_by_spark(everything.files, why))
    elif trouble or too_many or slow:
        found.spark_lists, found.other_bytes = False, 0 if trouble else other_bytes
    found.only_archives = archives > 0 and not pictures
    found.lines = [*trouble, *accepted.missed_line(), *passed_over_line(+passed_over)]
    return found


def _listed_by_spark(files: int, why: str) -> str:
    return (
        f"Spark lists these {files:,} files, in about a kilobyte of the driver's memory each, as the Python workers "
        f"cannot open them: {why}"
    )


def _read_by_spark(files: int, why: str) -> str:
    return (
        f"Spark reads these {files:,} files one after another, as the Python workers, which read several at a time, "
        f"cannot open them: {why}"
    )


def _why_none(names: PictureNames, entry: Entry, hidden: str | None) -> str | None:
    """What says that a file is no picture; of hidden names, all but a picture's ending or a wanted one does."""
    none = names.why_none(entry.path)
    if none is not None or hidden is None or is_picture_name(entry.path) or names.names_ending_of(entry.path):
        return none
    return hidden if entry.inner.endswith(hidden) else f"in {hidden}"


def _reject_hidden(found: Found, hidden: Listing, why: str) -> None:
    """What neither Spark lists nor Python opens."""
    for file in hidden:
        name = next(part for part in file.path.split("/") if _is_hidden(part))
        detail = f"Spark does not read what is named {name!r}, and Python cannot ({why[:120]}): rename it"
        found.omitted.append(Omitted(file.path, "hidden_name", detail))


def _hidden_in(folder: str) -> str | None:
    return next((part for part in folder.split("/") if _is_hidden(part)), None)


def _is_hidden(name: str) -> bool:
    # As Spark's HadoopFSUtils.shouldFilterOutPathName.
    if name.startswith("_"):
        return "=" not in name and not name.startswith(("_common_metadata", "_metadata"))
    return name.startswith(".") or name.endswith("._COPYING_")


def _walk_local(root: Root, trouble: list[str]) -> Iterator[Entry]:
    """Every file, links followed but for those that lead back up. `trouble` gets a line for each place left out."""
    base = os.fsencode(local_folder(root))
    for target in root.targets:
        start = os.fsencode(_local_path(target))
        if os.path.isfile(start):
            folder = os.path.dirname(start).rstrip(b"/")
            yield _entry(start, len(base.rstrip(b"/")) + 1, len(folder) + 1, os.stat(start))
            continue
        pending = [(start, frozenset[tuple[int, int]]())]
        while pending:
            place, above = pending.pop()
            shown = os.fsdecode(place[len(base.rstrip(b"/")) + 1 :]) or "."
            try:
                status = os.stat(place)
                if (status.st_dev, status.st_ino) in above:
                    trouble.append(f"the link {shown!r} leads back to a folder above it: not followed")
                    continue
                folders, files = _listed(place)
            except FileNotFoundError:
                continue
            except OSError as error:
                trouble.append(f"the folder {shown!r} may not be read ({error.strerror}): left out")
                continue
            pending += [(folder, above | {(status.st_dev, status.st_ino)}) for folder in folders]
            below, inner = (len(folder.rstrip(b"/")) + 1 for folder in (base, start))
            for path, of_file in files:
                yield _entry(path, below, inner, of_file)


def _listed(place: bytes) -> tuple[list[bytes], list[tuple[bytes, os.stat_result]]]:
    """Folders and files directly in a folder, links followed. Raises OSError for one that may not be read."""
    folders: list[bytes] = []
    files: list[tuple[bytes, os.stat_result]] = []
    with os.scandir(place) as entries:
        for entry in entries:
            try:
                if entry.is_dir():
                    folders.append(entry.path)
                else:
                    files.append((entry.path, entry.stat()))
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ELOOP):  # links to nothing, or deleted since it was listed
                    raise
    return folders, files


def _entry(path: bytes, below: int, inner: int, status: os.stat_result) -> Entry:
    """`below`, `inner`: where in `path` its parts below the root and below the part of the input begin."""
    modified_us = status.st_mtime_ns // 1_000_000 * 1000  # Spark's listing has milliseconds
    try:
        name = path[below:].decode("utf-8")
        inside = name if inner == below else path[inner:].decode("utf-8")
        return Entry(name, inside, True, status.st_size, modified_us)
    except UnicodeDecodeError:
        name, inside = (path[cut:].decode("utf-8", "backslashreplace") for cut in (below, inner))
        return Entry(name, inside, False, status.st_size, modified_us)


def _walk_remote(spark: SparkSession, root: Root) -> Iterator[Entry]:
    system = file_system(spark, root.uri)
    below = len(unquote(root.encoded_path)) + 1
    for target in root.targets:
        start = len(_without_scheme(target)) + 1
        for file in remote_files(spark, system.listFiles(hadoop_path(spark, target), True)):
            inner = file.path[start:] if len(file.path) >= start else file.path.rsplit("/", 1)[-1]
            yield Entry(file.path[below:], inner, True, file.size, file.modified_us)


def _without_scheme(uri: str) -> str:
    return re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*:(//[^/]*)?", "", uri)


def local_folder(root: Root) -> str:
    """The root's folder as a program on this machine names it."""
    return _local_path(root.uri).rstrip("/") or "/"


def _local_path(uri: str) -> str:
    return "/" + uri.removeprefix("file:").lstrip("/")
