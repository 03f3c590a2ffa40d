"""Files that Spark's readers pass over in silence: without bytes, or with a name that it takes for its own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pyspark.sql import SparkSession

from fer_spark.sources.lake import Root, file_system, hadoop_path

PICTURE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff", ".heic", ".avif",
)  # fmt: skip
JUNK = re.compile(
    r"(^|/)(Thumbs\.db|ehthumbs\.db|desktop\.ini|_SUCCESS|_manifest\.json|\._[^/]*|[^/]*\.crc)$", re.IGNORECASE
)
"""What systems and Spark leave beside pictures: neither read nor reported. The same pattern serves Java."""

_STATUS = re.compile(r"path=(.*?); isDirectory=(?:true|false); length=(\d+);", re.DOTALL)
_SLICE = 10_000


@dataclass(frozen=True)
class Omitted:
    """A file that is there and that Spark will not read; `reason` is `empty` or `hidden_name`."""

    path: str
    reason: str
    detail: str


def find_omitted(spark: SparkSession, root: Root, glob: str) -> list[Omitted]:
    """Every omitted file under a root; dot files and the like count only when named like a picture.

    One pass over the names; only what is omitted is kept.
    """
    files = _walk_local(root) if root.is_local else _walk_remote(spark, root)
    accept = spark._jvm.org.apache.hadoop.fs.GlobFilter(glob) if glob else None  # type: ignore[union-attr]
    found = (judge(path, valid, size) for path, valid, size in files)
    return [
        one
        for one in found
        if one is not None and (accept is None or accept.accept(hadoop_path(spark, f"/{one.path}")))
    ]


def judge(path: str, valid: bool, size: int) -> Omitted | None:
    """Why Spark would not read a file at this relative path; None when it would, or when it is no picture anyway."""
    if JUNK.search(path):
        return None
    picture = path.lower().endswith(PICTURE_SUFFIXES)
    if not valid:
        return Omitted(path, "hidden_name", "the name is not valid UTF-8 (bytes shown as \\x..): rename the file")
    hidden = next((part for part in path.split("/") if _is_hidden(part)), None)
    if hidden is not None:
        detail = f"Spark does not read what is named {hidden!r}: rename it without the leading {hidden[0]!r}"
        return Omitted(path, "hidden_name", detail) if picture else None
    return Omitted(path, "empty", "the file has no bytes") if size == 0 else None


def _is_hidden(name: str) -> bool:
    # As Spark's HadoopFSUtils.shouldFilterOutPathName.
    if name.startswith("_"):
        return "=" not in name and not name.startswith(("_common_metadata", "_metadata"))
    return name.startswith(".") or name.endswith("._COPYING_")


def _walk_local(root: Root) -> Iterator[tuple[str, bool, int]]:
    base = os.fsencode(_local_path(root.uri))
    pending = [os.fsencode(_local_path(target)) for target in root.targets]
    while pending:
        place = pending.pop()
        if not os.path.isdir(place):
            yield _entry(place, base, os.path.getsize(place))
            continue
        with os.scandir(place) as entries:
            for entry in entries:
                try:
                    if entry.is_dir():
                        pending.append(entry.path)
                    else:
                        yield _entry(entry.path, base, entry.stat().st_size)
                except FileNotFoundError:  # a dangling link, or deleted since it was listed
                    continue


def _entry(path: bytes, base: bytes, size: int) -> tuple[str, bool, int]:
    below = path[len(base.rstrip(b"/")) + 1 :]
    try:
        return below.decode("utf-8"), True, size
    except UnicodeDecodeError:
        return below.decode("utf-8", "backslashreplace"), False, size


def _walk_remote(spark: SparkSession, root: Root) -> Iterator[tuple[str, bool, int]]:
    iterators: Any = spark._jvm.org.apache.hadoop.util.functional.RemoteIterators  # type: ignore[union-attr]
    system = file_system(spark, root.uri)
    below = len(unquote(root.encoded_path)) + 1
    for target in root.targets:
        statuses = iterators.toList(system.listFiles(hadoop_path(spark, target), True))
        for start in range(0, statuses.size(), _SLICE):
            for uri, size in _uris_and_sizes(statuses.subList(start, min(start + _SLICE, statuses.size()))):
                path = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*:(//[^/]*)?", "", uri)
                yield path[below:], True, size


def _uris_and_sizes(statuses: Any) -> list[tuple[str, int]]:
    # One call for thousands of files: fetching them one by one over the gateway takes minutes.
    found = [(uri, int(size)) for uri, size in _STATUS.findall(statuses.toString())]
    if len(found) == statuses.size() and all(uri != "null" for uri, _ in found):
        return found
    return [(str(status.getPath().toString()), int(status.getLen())) for status in statuses]  # viewfs prints no paths


def _local_path(uri: str) -> str:
    return "/" + uri.removeprefix("file:").lstrip("/")
