"""Pictures in tar archives, streamed on the executors, never whole in memory; a damaged one gives what it can."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.rows import PICTURE
from fer_spark.sources.base import TASKS_PER_CORE, Slice, digest_rows
from fer_spark.sources.files.globs import glob_pattern
from fer_spark.sources.files.names import PictureNames, passed_over_line
from fer_spark.sources.lake import Root, listed_bytes, listed_files, open_root
from fer_spark.sources.pictures import Pictures, whole_path
from fer_spark.sources.settings import SourceError
from fer_spark.sources.tar_stream import Member, read_archive

TAR_NAME = re.compile(r"\.(tar|tar\.(gz|bz2|xz|zst)|tgz|tbz2?|txz)$", re.IGNORECASE)
_TAR_GLOB = "*.{tar,tar.gz,tar.bz2,tar.xz,tar.zst,tgz,tbz,tbz2,txz}"
ARCHIVE_PART = r"(?i)^.*?\.(tar|tar\.(gz|bz2|xz|zst)|tgz|tbz2?|txz)#(\./)*"
"""What comes before a member's own path."""
_Batches = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
_ARCHIVES_PER_CHUNK = 8
_BATCH_BYTES = 16 << 20
_BATCH_ROWS = 512
PASSED_OVER = "not_a_picture"
"""Stands in for a reason in the listing alone, beside what says so of the member's name."""
_SCHEMA = pa.schema(
    [("path", pa.string()), ("content", pa.binary()), ("reject_reason", pa.string()), ("reject_detail", pa.string())]
)


@dataclass(frozen=True)
class Archives:
    """Tar archives under a root. `names`: `file`, its URL-encoded URI, and `name`, its path below the root."""

    root: Root
    scan: DataFrame
    names: DataFrame
    count: int

    def read(self, names: DataFrame, batches: _Batches, ddl: str) -> DataFrame:
        """What `batches` makes of some of the `names`, an archive a task where there are not too many."""
        return names.repartition(min(self.count, 10_000), "name").mapInArrow(batches, ddl)

    def fill(self, chunks: int) -> bool:
        """Whether there are enough of them to divide chunks by whole archives, so that none is streamed for nothing."""
        return self.count >= _ARCHIVES_PER_CHUNK * chunks

    def digest(self) -> str:
        """32 hex digits over their names and total size."""
        return digest_rows(self.names.select("name"), listed_bytes(self.scan))


def find_archives(spark: SparkSession, text: str, flag: str = "--input") -> Archives:
    """The archive, every archive in a folder, or those that a glob matches. Raises SourceError where there is none."""
    root = open_root(spark, text, flag)
    reader = spark.read.format("binaryFile").option("recursiveFileLookup", "true").option("pathGlobFilter", _TAR_GLOB)
    if root.literal:
        reader = reader.option("__globPaths__", "false")
    scan = reader.load(list(root.targets))
    names = listed_files(scan).select("file", root.relative(F.col("file")).alias("name"))
    count = names.count()
    if count == 0:
        raise SourceError(f"{text!r} holds no archive (.tar, .tar.gz, .tgz, .tar.bz2, .tar.xz, .tar.zst)")
    return Archives(root, scan, names, count)


def tar_pictures(
    spark: SparkSession, text: str, glob: str, max_file_bytes: int, key: Callable[[Column], Column] | None = None
) -> Pictures:
    """Members of the archive, of every archive in a folder, or of those that a glob matches.

    A path is `a.tar#member`; with `key` (for an annotation table), the key is made of the member's path alone.
    """
    archives = find_archives(spark, text, "--images" if key else "--input")
    make_key = key or whole_path

    def members(names: DataFrame, with_content: bool) -> DataFrame:
        return archives.read(names, _reader(glob, max_file_bytes, with_content), PICTURE.ddl)

    def member_key(path: Column) -> Column:
        return path if key is None else make_key(F.regexp_replace(path, ARCHIVE_PART, ""))

    def read(part: Slice) -> DataFrame:
        if key is None and archives.fill(part.chunks):
            return members(part.of(archives.names, F.col("name")), True)
        rows = part.of(members(archives.names, True), member_key(F.col("path")))
        wanted = TASKS_PER_CORE * spark.sparkContext.defaultParallelism
        return rows.repartition(wanted, "path") if archives.count < wanted else rows

    # Names alone, kept: listing an archive means streaming it.
    listing, lines = told_apart(members(archives.names, False).persist(StorageLevel.MEMORY_AND_DISK))
    return Pictures(text, archives.root, member_key, make_key, read, lambda: listing, archives.digest, lines=lines)


def told_apart(everything: DataFrame) -> tuple[DataFrame, Callable[[], list[str]]]:
    """The rows of a listing that are inputs, and what says how many others `accepted` passed over."""
    passed_over = F.coalesce(F.col("reject_reason") == PASSED_OVER, F.lit(False))

    def lines() -> list[str]:
        kinds = everything.where(passed_over).groupBy("reject_detail").count().collect()
        return passed_over_line(Counter({row["reject_detail"]: row["count"] for row in kinds}))

    return everything.where(~passed_over), lines


def _reader(glob: str, max_file_bytes: int, with_content: bool) -> _Batches:
    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in batch.to_pylist():
                members = read_archive(row["file"], row["name"], max_file_bytes, with_content)
                yield from to_batches(accepted(members, glob, PictureNames(glob), not with_content))

    return read


def accepted(members: Iterator[Member], glob: str, names: PictureNames, listing: bool) -> Iterator[Member]:
    """Members that the glob matches and whose names are pictures'; of the others the listing keeps what they are."""
    accepts = glob_pattern(glob)
    for member in members:
        inside = member.path.partition("#")[2]
        if inside and not accepts.fullmatch(inside.rsplit("/", 1)[-1]):
            continue
        none = names.why_none(inside)
        if none is None:
            yield member
        elif listing:
            yield Member(member.path, None, PASSED_OVER, none)


def to_batches(members: Iterator[Member]) -> Iterator[pa.RecordBatch]:
    """Arrow batches bounded by bytes and rows."""
    held: list[Member] = []
    held_bytes = 0
    for member in members:
        held.append(member)
        held_bytes += len(member.content or b"")
        if held_bytes >= _BATCH_BYTES or len(held) >= _BATCH_ROWS:
            yield _batch(held)
            held, held_bytes = [], 0
    if held:
        yield _batch(held)


def _batch(members: list[Member]) -> pa.RecordBatch:
    columns = [[getattr(member, name) for member in members] for name in ("path", "content", "reason", "detail")]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)], schema=_SCHEMA
    )
