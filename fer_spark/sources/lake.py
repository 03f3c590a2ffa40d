"""Paths as Spark's JVM sees them: what exists, what lies under a root, and a path relative to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.settings import SourceError
from fer_spark.spark.places import JVM_ERRORS, reason_of, without_checksums
from fer_spark.spark.stores import await_answer

GLOB_CHARS = frozenset("*?[]{}")


@dataclass(frozen=True)
class Root:
    """Where an input lies. `uri`: its folder; `targets`: what to read under it; `literal`: targets hold no glob;
    `glob`: the input as the user gave it, where that is one."""

    uri: str
    encoded_path: str
    targets: tuple[str, ...]
    literal: bool
    is_file: bool
    glob: str = ""

    @property
    def is_local(self) -> bool:
        return self.uri.startswith("file:")

    def relative(self, encoded: Column) -> Column:
        """Path below this root, unescaped, from a URL-encoded URI such as `_metadata.file_path`.

        A filter on it is pushed into the listing, before any file is opened.
        """
        path = F.regexp_replace(encoded, "^[A-Za-z][A-Za-z0-9+.-]*:(//[^/]*)?", "")
        below = F.substring(path, len(self.encoded_path) + 2, 1 << 20)
        return F.url_decode(F.replace(below, F.lit("+"), F.lit("%2B")))


def local_path(encoded: Column) -> Column:
    """The unescaped path of a URL-encoded `file:` URI, as a program on this machine opens it."""
    path = F.regexp_replace(encoded, "^file:(//)?", "")
    return F.url_decode(F.replace(path, F.lit("+"), F.lit("%2B")))


def file_uri(folder: str, path: str) -> str:
    """The URL-encoded URI of a path below a folder, whose URI is not encoded."""
    scheme, _, place = folder.partition(":")
    return f"{scheme}:{quote(place.rstrip('/'))}/{quote(path)}"


def open_root(spark: SparkSession, text: str, flag: str = "--input") -> Root:
    """Resolve a file, folder or glob. Something that exists under the very name is not taken for a glob.

    Raises SourceError when nothing is there or the storage cannot be reached, ConnectionError where it does not answer.
    """
    if not text:
        raise SourceError(f"{flag} is missing: give a file, a folder or a glob")
    if text.startswith(("http://", "https://")):  # Hadoop opens these, and cannot list what lies there
        raise SourceError(f"{flag} {text!r}: nothing is read from web addresses; download it first")
    await_answer(text, _conf(spark))
    try:
        path = hadoop_path(spark, text)
        system = without_checksums(path.getFileSystem(_conf(spark)))
        if system.exists(path):
            status = system.getFileStatus(path)
            full = status.getPath()
            folder = full.getParent() if status.isFile() else full
            return Root(folder.toString(), _encoded(folder), (full.toString(),), True, bool(status.isFile()))
        found = system.globStatus(path) if GLOB_CHARS & set(text) else None
    except JVM_ERRORS as error:
        raise SourceError(f"{flag} {text!r} cannot be reached: {reason_of(error)}") from error
    if not found:
        raise SourceError(f"{flag} {text!r} does not exist" + (" (nothing matches)" if found is not None else ""))
    base = system.makeQualified(hadoop_path(spark, _fixed_part(text)))
    return Root(
        base.toString(), _encoded(base), tuple(status.getPath().toString() for status in found), True, False, text
    )


def exists(spark: SparkSession, text: str) -> bool:
    path = hadoop_path(spark, text)
    return bool(path.getFileSystem(_conf(spark)).exists(path))


def child_names(spark: SparkSession, uri: str) -> list[str]:
    """Names directly inside a folder, sorted; for small folders of tables."""
    path = hadoop_path(spark, uri)
    return sorted(status.getPath().getName() for status in path.getFileSystem(_conf(spark)).listStatus(path))


def first_inside(spark: SparkSession, uri: str, most: int = 500) -> tuple[list[str], list[str]]:
    """Names of files and of folders directly inside a folder, sorted: of `most` entries, as the storage gives them."""
    statuses = file_system(spark, uri).listStatusIterator(hadoop_path(spark, uri))
    found: tuple[list[str], list[str]] = ([], [])
    for _ in range(most):
        if not statuses.hasNext():
            break
        status = statuses.next()
        found[bool(status.isDirectory())].append(str(status.getPath().getName()))
    return sorted(found[False]), sorted(found[True])


def hadoop_path(spark: SparkSession, text: str) -> Any:
    return spark._jvm.org.apache.hadoop.fs.Path(text)  # type: ignore[union-attr]


def file_system(spark: SparkSession, text: str) -> Any:
    return hadoop_path(spark, text).getFileSystem(_conf(spark))


def listed_files(frame: DataFrame) -> DataFrame:
    """One column `file`: the URL-encoded URI of every file in a scan's listing, without touching the files."""
    spark = frame.sparkSession
    jvm: Any = spark._jvm
    # The array never becomes Python objects: a million paths stay in the JVM.
    paths = jvm.scala.Predef.genericWrapArray(frame._jdf.inputFiles()).toList()
    data = spark._jsparkSession.createDataset(paths, jvm.org.apache.spark.sql.Encoders.STRING())
    return DataFrame(data.toDF(), spark).withColumnRenamed("value", "file")


def listed_bytes(frame: DataFrame) -> int:
    """Total size of the files in a scan's listing."""
    jdf: Any = frame._jdf
    return int(jdf.queryExecution().analyzed().stats().sizeInBytes())


def _conf(spark: SparkSession) -> Any:
    return spark._jsc.hadoopConfiguration()


def _encoded(path: Any) -> str:
    return str(path.toUri().getRawPath()).rstrip("/")


def _fixed_part(text: str) -> str:
    parts = text.split("/")
    first = next(i for i, part in enumerate(parts) if GLOB_CHARS & set(part))
    return "/".join(parts[:first]) or ("/" if text.startswith("/") else ".")
