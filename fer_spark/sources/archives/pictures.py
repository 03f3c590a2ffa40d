"""Pictures in archives, read on the executors, never whole in memory; a damaged one gives what it can."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import reduce

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.rows import PICTURE
from fer_spark.sources.archives.by_directory import placed_members
from fer_spark.sources.archives.find import ARCHIVE_END, ARCHIVE_PART, Archives, find_archives
from fer_spark.sources.archives.reach import Batches
from fer_spark.sources.archives.select import accepted, to_batches, without_others
from fer_spark.sources.archives.tar_stream import read_archive
from fer_spark.sources.base import TASKS_PER_CORE, Slice
from fer_spark.sources.files.names import PictureNames
from fer_spark.sources.pictures import Pictures, whole_path
from fer_spark.spark.held import held


def archive_pictures(
    spark: SparkSession,
    text: str,
    glob: str,
    max_file_bytes: int,
    key: Callable[[Column], Column] | None = None,
    lists: Collection[str] = (),
) -> Pictures:
    """Members of the archive, of every archive in a folder, or of those that a glob matches.

    A path is `a.tar#member`; with `key` (for an annotation table), the key is made of the member's path alone, or of
    `a/member` where members of several archives share that, or there are `lists`: members that the source reads itself,
    which are not counted.
    """
    archives = find_archives(spark, text, "--images" if key else "--input")
    make_key = key or whole_path

    as_folders = bool(lists)

    def member_key(path: Column) -> Column:
        if key is None:
            return path
        inside = F.regexp_replace(path, ARCHIVE_END, "/") if as_folders else F.regexp_replace(path, ARCHIVE_PART, "")
        return make_key(inside)

    streams, zips = archives.of_kind(zipped=False), archives.of_kind(zipped=True)
    members = []
    if streams is not None:
        members.append(_streamed_members(streams, glob, max_file_bytes, member_key, whole=key is None))
    if zips is not None:
        members.append(placed_members(zips, glob, max_file_bytes, member_key))
    listing, lines = without_others(reduce(DataFrame.unionAll, [listed for listed, _ in members]), lists)
    if key is not None and archives.count > 1 and not lists:
        keys = listing.select(member_key(F.col("path")).alias("key"))
        as_folders = keys.groupBy("key").count().where("count > 1").limit(1).count() > 0

    def read(part: Slice) -> DataFrame:
        return without_others(reduce(DataFrame.unionAll, [read(part) for _, read in members]))[0]

    return Pictures(text, archives.root, member_key, make_key, read, lambda: listing, archives.digest, lines=lines)


def _streamed_members(
    archives: Archives, glob: str, limit: int, key: Callable[[Column], Column], whole: bool
) -> tuple[DataFrame, Callable[[Slice], DataFrame]]:
    """As placed_members, of tar archives. `whole`: a slice may be one of archives."""

    def members(names: DataFrame, with_content: bool) -> DataFrame:
        return archives.read(names, _reader(glob, limit, with_content), PICTURE.ddl)

    def read(part: Slice) -> DataFrame:
        if whole and archives.fill(part.chunks):
            return members(part.of(archives.names, F.col("name")), True)
        rows = part.of(members(archives.names, True), key(F.col("path")))
        tasks = TASKS_PER_CORE * rows.sparkSession.sparkContext.defaultParallelism
        return rows.repartition(tasks, "path") if archives.count < tasks else rows

    # Names alone, kept: listing an archive means streaming it.
    return held(members(archives.names, False)), read


def _reader(glob: str, max_file_bytes: int, with_content: bool) -> Batches:
    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in batch.to_pylist():
                members = read_archive(row["file"], row["name"], max_file_bytes, with_content)
                yield from to_batches(accepted(members, glob, PictureNames(glob), not with_content))

    return read
