"""Which files of an input are archives, and how each is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.archives.reach import Batches, reaching, remember
from fer_spark.sources.archives.tar_stream import Member, read_archive
from fer_spark.sources.archives.zip import ZIP_NAME, read_zip
from fer_spark.sources.base import digest_rows
from fer_spark.sources.files.store import Store
from fer_spark.sources.lake import Root, listed_bytes, listed_files, open_root
from fer_spark.sources.settings import SourceError

_TARS = r"tar|tar\.(gz|bz2|xz|zst)|tgz|tbz2?|txz"
_ENDINGS = rf"\.(zip|{_TARS})"
TAR_NAME = re.compile(rf"\.({_TARS})$", re.IGNORECASE)
ARCHIVE_NAME = re.compile(rf"{_ENDINGS}$", re.IGNORECASE)
_GLOB = "*.{[zZ][iI][pP],tar,tar.gz,tar.bz2,tar.xz,tar.zst,tgz,tbz,tbz2,txz}"
ARCHIVE_PART = rf"(?i)^.*?{_ENDINGS}#(\./)*"
"""What comes before a member's own path."""

ARCHIVE_END = rf"(?i){_ENDINGS}#(\./)*"
"""Where a member's own path begins: with `/` in its place, the archive is as a folder."""

_ARCHIVES_PER_CHUNK = 8


@dataclass(frozen=True)
class Archives:
    """Archives under a root, on a `store`. `names`: `file`, its URL-encoded URI, and `name`, its path below the root;
    `zips` of the `count` are zip archives."""

    root: Root
    store: Store
    scan: DataFrame
    names: DataFrame
    count: int
    zips: int

    def read(self, names: DataFrame, batches: Batches, ddl: str) -> DataFrame:
        """What `batches` makes of some of the `names`, an archive a task where there are not too many."""
        return names.repartition(min(self.count, 10_000), "name").mapInArrow(reaching(self.store, batches), ddl)

    def fill(self, chunks: int) -> bool:
        """Whether there are enough of them to divide chunks by whole archives, so that none is streamed for nothing."""
        return self.count >= _ARCHIVES_PER_CHUNK * chunks

    def digest(self) -> str:
        """32 hex digits over their names and total size."""
        return digest_rows(self.names.select("name"), listed_bytes(self.scan))

    @property
    def streamed(self) -> bool:
        """Whether some are tar archives, in which a member is found by reading all before it."""
        return self.count > self.zips

    def of_kind(self, zipped: bool) -> Archives | None:
        """Those that are zip archives, or the others; None where there are none."""
        count = self.zips if zipped else self.count - self.zips
        here = _is_zip() if zipped else ~_is_zip()
        return replace(self, names=self.names.where(here), count=count, zips=count * zipped) if count else None


def find_archives(spark: SparkSession, text: str, flag: str = "--input") -> Archives:
    """The archive, every archive in a folder, or those that a glob matches. Raises SourceError where there is none."""
    root = open_root(spark, text, flag)
    reader = spark.read.format("binaryFile").option("recursiveFileLookup", "true").option("pathGlobFilter", _GLOB)
    if root.literal:
        reader = reader.option("__globPaths__", "false")
    scan = reader.load(list(root.targets))
    names = listed_files(scan).select("file", root.relative(F.col("file")).alias("name"))
    count, zips = names.agg(F.count(F.lit(1)), F.count_if(_is_zip())).collect()[0]
    if count == 0:
        raise SourceError(f"{text!r} holds no archive (.zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz, .tar.zst)")
    store = Store.of(spark, root.uri)
    remember(store)
    return Archives(root, store, scan, names, count, zips)


def read_members(
    uri: str, name: str, limit: int, with_content: bool = True, always: tuple[str, ...] = ()
) -> Iterator[Member]:
    """As read_archive, of an archive of any kind."""
    reader = read_zip if ZIP_NAME.search(name) else read_archive
    return reader(uri, name, limit, with_content, always)


def _is_zip() -> Column:
    return F.lower("name").endswith(".zip")
