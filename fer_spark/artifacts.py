"""Publishing files and directories so that a reader sees the old or the new one whole, locally and through Hadoop."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import uuid4

from fer_spark.spark.committers import commit_without_renaming

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_RENAMING_SCHEMES = frozenset({"file", "hdfs", "viewfs"})
"""Where a rename is atomic. Elsewhere (object stores) an object appears whole when its stream is closed."""

_CONDITIONAL = "fs.option.create.conditional.overwrite"
"""What S3A of Hadoop 3.4.2 or newer calls it that the store itself refuses to write over an object."""
_EXISTS = ("FileAlreadyExistsException", "RemoteFileChangedException")
_LOST = "Upload failed for "
"""What connectors to Google's store say when a file is closed and is not there: an upload broke off, which they do not
repeat, or another has got the name since it was opened (412 Precondition Failed). A second try tells these apart.

The client closes the connection of each error, such as of a file that is not there, though Java may have given that
connection to another thread since: uploads break off where several threads write."""
_TRIES = 4


def replace_file(target: Path, content: bytes | str) -> None:
    """Write a local file, a text in UTF-8, so that it appears under its name only when complete and on the disk."""
    with written_aside(target) as aside:
        aside.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))


@contextmanager
def written_aside(target: Path, ending: str = ".tmp") -> Iterator[Path]:
    """Where to write what becomes the local file `target` when the block ends; after an error `target` is as before.

    `ending` is for writers that take no other.
    """
    aside = target.with_name(f".{target.name}.{os.getpid()}{ending}")
    try:
        yield aside
        _to_disk(aside)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def replace_directory(target: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write into an empty local directory beside `target`, then swap: `target` is the old or the new whole,
    its files on the disk.

    A kill between the two renames leaves no `target`; an error, or a failure there, leaves the old one.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside, old = (target.with_name(f".{target.name}.{os.getpid()}.{kind}") for kind in ("new", "old"))
    _tidy(target, aside, old)  # left by a killed process of the same number: in containers many have number 1
    aside.mkdir()
    try:
        fill(aside)
        for path in aside.rglob("*"):
            if path.is_file():
                _to_disk(path)
        if target.exists():
            target.rename(old)
        aside.rename(target)
    finally:
        _tidy(target, aside, old)


def _tidy(target: Path, aside: Path, old: Path) -> None:
    if old.exists() and not target.exists():  # failed between the two renames
        old.rename(target)
    for left in (aside, old):
        shutil.rmtree(left, ignore_errors=True)


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


@dataclass(frozen=True)
class StoredFile:
    """One file below a root: its path relative to that root and its size in bytes."""

    path: str
    length: int


class Storage:
    """One directory, local or not: read, publish and delete what lies below it. Paths are relative to `root`."""

    def __init__(self, spark: SparkSession, root: str) -> None:
        from fer_spark.spark.places import open_place

        jvm: Any = spark._jvm
        self._jvm = jvm
        self._conf: Any = spark._jsc.hadoopConfiguration()
        self._fs, self._root = open_place(jvm, self._conf, root)
        self.root: str = self._root.toString()
        self._scheme: str = self._root.toUri().getScheme()

    @classmethod
    def to_write(cls, spark: SparkSession, root: str) -> Storage:
        """A directory that Spark's tasks will write to: on stores they commit without renaming folders."""
        from fer_spark.spark.places import PlaceError

        storage = cls(spark, root)
        if storage._scheme in ("http", "https"):
            raise PlaceError(f"{root}: nothing can be written to {storage._scheme}:// addresses; give another place")
        commit_without_renaming(spark, storage._scheme)
        return storage

    def uri(self, path: str) -> str:
        """The full URI of a relative path, as Spark's readers and writers take it."""
        return f"{self.root.rstrip('/')}/{path}" if path else self.root

    def local(self, path: str) -> Path | None:
        """Where it is on a local disk, or one that is mounted; None on other storage."""
        return _local(self._path(path)) if self._scheme == "file" else None

    def make_directory(self, path: str) -> None:
        """With those above it, as Spark would make them; nothing happens where it is there."""
        self._fs.mkdirs(self._path(path))

    def exists(self, path: str) -> bool:
        return bool(self._fs.exists(self._path(path)))

    def read_text(self, path: str) -> str | None:
        """The whole of a small UTF-8 file; None where there is none."""
        target = self._path(path)
        if not self._fs.exists(target):
            return None
        stream = self._fs.open(target)
        try:
            return bytes(self._jvm.org.apache.commons.io.IOUtils.toByteArray(stream)).decode("utf-8")
        finally:
            stream.close()

    def read_start(self, path: str, size: int) -> bytes:
        """The first `size` bytes of a file that is there."""
        stream = self._fs.open(self._path(path))
        try:
            return bytes(stream.readNBytes(size))
        finally:
            stream.close()

    def publish_text(self, path: str, text: str) -> None:
        """`publish_bytes` of a text in UTF-8."""
        self.publish_bytes(path, text.encode("utf-8"))

    def publish_bytes(self, path: str, content: bytes) -> None:
        """Write a small file so that a reader sees the old one or the new one whole, never a part of either."""
        target = self._path(path)
        if self._scheme not in _RENAMING_SCHEMES:
            self._write(target, content)
            return
        aside = self._path(path + ".tmp")
        self._write(aside, content)
        self._rename(aside, target, "OVERWRITE")

    def create_text(self, path: str, text: str) -> bool:
        """Publish a text under a name that nothing has, whole; returns False where something has it.

        Of several that try at once, one succeeds: by a link on a local disk, by a rename in HDFS, by a condition of
        the store's own where it has one (S3 through Hadoop 3.4.2 or newer, Google's store). Where it has none, two may
        both succeed, as the last look is before the writing. The text is unlike any other's: what says the same is
        ours, written by a try whose answer was lost.
        """
        content, target = text.encode("utf-8"), self._path(path)
        if self._scheme not in _RENAMING_SCHEMES:
            return self._unless_exists(lambda: self._write(target, content, over=False)) or self.read_text(path) == text
        aside = self._path(f"{path}.{uuid4().hex[:8]}.tmp")
        self._write(aside, content)
        try:
            if self._scheme == "file":
                return _linked(_local(aside), _local(target))
            return self._unless_exists(lambda: self._rename(aside, target, "NONE"))
        finally:
            self._fs.delete(aside, False)

    def delete(self, path: str) -> None:
        """Remove a file, or a directory and all below it; nothing happens where there is none."""
        self._fs.delete(self._path(path), True)

    def list_files(self, path: str = "") -> list[StoredFile]:
        """Every file below `path`, in order of path; empty where there is no such directory."""
        start = self._path(path)
        if self._scheme == "file":  # Hadoop starts a process for each file here, to learn who may read it
            return _local_files(_local(start), _local(self._root))
        if not self._fs.exists(start):
            return []
        listing = self._fs.listFiles(start, True)
        prefix = len(self.root.rstrip("/")) + 1
        found = []
        while listing.hasNext():
            status = listing.next()
            found.append(StoredFile(status.getPath().toString()[prefix:], int(status.getLen())))
        return sorted(found, key=lambda file: file.path)

    def _path(self, path: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(self._root, path) if path else self._root

    def _write(self, target: Any, content: bytes, over: bool = True) -> None:
        """Without `over`, raises a Py4JJavaError of one of _EXISTS where something is there."""
        from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]

        for left in reversed(range(_TRIES)):
            try:
                self._write_once(target, content, over)
                return
            except Py4JJavaError as error:
                if _LOST not in str(error) or left == 0:
                    raise

    def _write_once(self, target: Any, content: bytes, over: bool) -> None:
        if over or not self._fs.hasPathCapability(target, _CONDITIONAL):
            stream = self._fs.create(target, over)
        else:
            stream = self._fs.createFile(target).overwrite(False).recursive().must(_CONDITIONAL, "true").build()
        try:
            stream.write(bytearray(content))
        finally:
            stream.close()

    def _rename(self, source: Any, target: Any, option: str) -> None:
        kind = self._jvm.java.lang.Class.forName("org.apache.hadoop.fs.Options$Rename")
        options = self._jvm.java.lang.reflect.Array.newInstance(kind, 1)
        chosen = next(item for item in kind.getEnumConstants() if item.name() == option)
        self._jvm.java.lang.reflect.Array.set(options, 0, chosen)
        context = self._jvm.org.apache.hadoop.fs.FileContext.getFileContext(self._root.toUri(), self._conf)
        context.rename(source, target, options)

    @staticmethod
    def _unless_exists(write: Callable[[], None]) -> bool:
        from py4j.protocol import Py4JJavaError

        try:
            write()
        except Py4JJavaError as error:
            if error.java_exception.getClass().getSimpleName() not in _EXISTS:
                raise
            return False
        return True


def _local_files(start: Path, root: Path) -> list[StoredFile]:
    """As Hadoop lists them: links are followed, what is gone meanwhile is passed over, checksums are not named."""
    if start.is_file():
        return [StoredFile(str(start.relative_to(root)), start.stat().st_size)]
    found = []
    for folder, _, names in os.walk(start, onerror=_raise_unreadable, followlinks=True):
        for name in names:
            if name.startswith(".") and name.endswith(".crc"):
                continue
            file = Path(folder, name)
            with suppress(FileNotFoundError):
                found.append(StoredFile(str(file.relative_to(root)), file.stat().st_size))
    return sorted(found, key=lambda file: file.path)


def _raise_unreadable(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


def _local(path: Any) -> Path:
    return Path(unquote(path.toUri().getRawPath()))


def _linked(aside: Path, target: Path) -> bool:
    """Give a local file a second name that nothing has; returns False where something has it."""
    try:
        os.link(aside, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without links: the name first, then what it stands for
        try:
            target.touch(exist_ok=False)
        except FileExistsError:
            return False
        aside.replace(target)
    return True


def literal(path: str) -> str:
    """A path for Spark's readers, which take *?[]{} for a glob. Their option not to reads several such files twice."""
    return re.sub(r"([*?\[\]{}\\])", r"\\\1", path)
