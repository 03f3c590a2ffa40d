"""Pictures that are files. Spark lists and reads them; the Python workers read those that it passes over, and what
cannot be read becomes a row with a reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.rows import PICTURE
from fer_spark.sources.base import TASKS_PER_CORE, Slice, digest_rows
from fer_spark.sources.files.contents import local_contents, remote_contents
from fer_spark.sources.files.listing import Listing
from fer_spark.sources.files.store import Store
from fer_spark.sources.lake import Root, listed_bytes, listed_files, local_path, open_root
from fer_spark.sources.omitted import local_folder, look_through
from fer_spark.sources.settings import FileReading


@dataclass(frozen=True)
class Pictures:
    """Pictures by relative path, whatever holds them.

    `read(slice)` gives rows.PICTURE of the slice of `key(path)`; `listed()` the same rows without reading any
    picture (content null). `key_of_name` makes the same key of a path as an annotation table spells it.
    `encoding` says what content is: `file`, a picture's bytes, or `path`, where they lie. `lines()`: what the user
    should know of the listing, one line each. `only_archives`: no picture lies there, and archives do. `known`: how
    many are listed, where that is known without asking Spark.
    """

    description: str
    root: Root
    key: Callable[[Column], Column]
    key_of_name: Callable[[Column], Column]
    read: Callable[[Slice], DataFrame]
    listed: Callable[[], DataFrame]
    digest: Callable[[], str]
    encoding: str = "file"
    lines: Callable[[], list[str]] = list
    only_archives: bool = False
    known: int | None = None

    def count(self) -> int:
        """How many rows `listed()` has."""
        return self.listed().count() if self.known is None else self.known


def whole_path(path: Column) -> Column:
    return path


def file_name(path: Column) -> Column:
    return F.substring_index(path, "/", -1)


def file_pictures(
    spark: SparkSession,
    text: str,
    glob: str,
    reading: FileReading,
    key: Callable[[Column], Column] = whole_path,
    lists: Collection[str] | re.Pattern[str] = (),
) -> Pictures:
    """Pictures under a file, folder or glob; files that are none by their names are passed over. `lists`: those that
    the source reads itself, as of look_through."""
    root = open_root(spark, text)
    by_path = reading.by_path and root.is_local
    found = look_through(spark, root, glob, lists=lists, by_spark=not by_path)
    scan = _scan(spark, root, glob) if found.spark_lists else None
    own = found.own.frame(spark) if found.own else None
    lost = _rows(spark, [(o.path, None, o.reason, o.detail) for o in found.omitted])

    def read(part: Slice) -> DataFrame:
        rows = part.of(lost, key(F.col("path")))
        if scan is not None:
            path = root.relative(F.col("_metadata.file_path"))
            here = part.of(_of_pictures(scan, path, found.not_pictures), key(path))
            whole = local_path(F.col("_metadata.file_path")).cast("binary") if by_path else F.col("content")
            rows = _sized(here, path, whole, F.col("_metadata.file_size"), reading.max_bytes).unionAll(rows)
        if own is not None:
            here = _spread(part.of(own, key(F.col("path"))), found.own, part)
            rows = rows.unionAll(_read_own(here, root, by_path, reading.max_bytes, found.probe))
        return rows

    def listed() -> DataFrame:
        names = lost.select("path").limit(0)
        if scan is not None:
            names = _of_pictures(
                listed_files(scan).select(root.relative(F.col("file")).alias("path")), F.col("path"), found.not_pictures
            )
            names = names.join(F.broadcast(lost), "path", "left_anti")
        if own is not None:
            names = names.unionAll(own.select("path"))
        return names.select("path", F.lit(None).cast("binary").alias("content"), *_nothing()).unionAll(lost)

    def digest() -> str:
        size = (listed_bytes(scan) if scan is not None else found.other_bytes) + found.own.total_bytes
        return digest_rows(listed().select("path"), size)

    encoding = "path" if by_path else "file"
    known = found.own.files + len(found.omitted) if scan is None else None
    return Pictures(
        text, root, key, key, read, listed, digest, encoding, lambda: found.lines, found.only_archives, known
    )


def file_stats(spark: SparkSession, root: Root, glob: str, pictures: bool) -> DataFrame:
    """path (below the root), length and modified_us of every file, from the listing alone.

    `pictures`: without files that are passed over as none by their names.
    """
    found = look_through(spark, root, glob, by_name=pictures, by_spark=False)
    own = found.own.frame(spark) if found.own else None
    stats = None if own is None else own.select("path", F.col("size").alias("length"), "modified_us")
    if found.spark_lists:
        listed = _of_pictures(stats_of(_scan(spark, root, glob), root), F.col("path"), found.not_pictures)
        stats = listed if stats is None else listed.unionAll(stats)
    return stats if stats is not None else spark.createDataFrame([], "path string, length bigint, modified_us bigint")


def stats_of(files: DataFrame, root: Root) -> DataFrame:
    """The same of all files of a scan."""
    return files.select(
        root.relative(F.col("_metadata.file_path")).alias("path"),
        F.col("_metadata.file_size").alias("length"),
        F.unix_micros("_metadata.file_modification_time").alias("modified_us"),
    )


def _nothing() -> tuple[Column, Column]:
    return F.lit(None).cast("string").alias("reject_reason"), F.lit(None).cast("string").alias("reject_detail")


def _of_pictures(frame: DataFrame, path: Column, not_pictures: str) -> DataFrame:
    return frame.where(~path.rlike(not_pictures)) if not_pictures else frame


def _sized(files: DataFrame, path: Column, content: Column, size: Column, most: int) -> DataFrame:
    """PICTURE rows; the content of files of more than `most` bytes is not touched."""
    fine = files.where(size <= most).select(path.alias("path"), content.alias("content"), *_nothing())
    large = files.where(size > most)
    nothing, why = F.lit(None).cast("binary").alias("content"), _too_large(size, most)
    return fine.unionAll(large.select(path.alias("path"), nothing, F.lit("too_large"), why))


def _spread(files: DataFrame, listing: Listing, part: Slice) -> DataFrame:
    """Files of a slice in tasks of like work, as many as Spark would make of them, and no core idle in the last."""
    spark = files.sparkSession
    tasks = TASKS_PER_CORE * spark.sparkContext.defaultParallelism
    if listing.files <= tasks:
        return files
    charged = listing.total_bytes + listing.files * _bytes(spark, "openCostInBytes")
    needed, cores = (
        charged // part.chunks // _bytes(spark, "maxPartitionBytes") + 1,
        spark.sparkContext.defaultParallelism,
    )
    return files.repartition(max(-(-needed // cores) * cores, tasks), "path")


def _bytes(spark: SparkSession, name: str) -> int:
    jvm: Any = spark._jvm
    return int(jvm.org.apache.spark.network.util.JavaUtils.byteStringAsBytes(spark.conf.get(f"spark.sql.files.{name}")))


def _read_own(own: DataFrame, root: Root, by_path: bool, most: int, probe: str) -> DataFrame:
    """PICTURE rows of files that the Python workers open; of more than `most` bytes they are not opened. `probe`: a
    file that can be opened, where they lie beyond this machine."""
    large = F.col("size") > most
    place = F.concat(F.lit(local_folder(root).rstrip("/") + "/"), "path").cast("binary") if by_path else F.lit(None)
    rows = own.select(
        "path",
        F.when(~large, place).cast("binary").alias("content"),
        F.when(large, "too_large").alias("reject_reason"),
        F.when(large, _too_large(F.col("size"), most)).alias("reject_detail"),
        *([] if by_path else ["size"]),
    )
    if by_path:
        return rows
    store = None if root.is_local else Store.of(own.sparkSession, root.uri)
    return rows.mapInArrow(local_contents(root.uri) if store is None else remote_contents(store, probe), PICTURE.ddl)


def _too_large(size: Column, most: int) -> Column:
    return F.format_string(f"%d bytes, the limit is {most}; see --max-file-mb", size)


def _rows(spark: SparkSession, rows: list[tuple[Any, ...]]) -> DataFrame:
    """A few rows of rows.PICTURE; none without the Python process that createDataFrame starts to convert them."""
    if rows:
        return spark.createDataFrame(rows, PICTURE.ddl).coalesce(1)
    columns = [F.lit(None).cast(column.sql_type).alias(column.name) for column in PICTURE.columns]
    return spark.range(0).where(F.lit(False)).select(*columns)


def _scan(spark: SparkSession, root: Root, glob: str) -> DataFrame:
    reader = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    reader = reader.option("ignoreMissingFiles", "true")  # a file that vanished is found missing by its key, later
    if root.literal:
        reader = reader.option("__globPaths__", "false")
    if glob:
        reader = reader.option("pathGlobFilter", glob)
    return reader.load(list(root.targets))
