"""What a source is, and the steps that every source shares."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from fer_spark.preparation.preparation import NO_DETECTOR, OWN_BOX
from fer_spark.rows import RAW_IMAGE
from fer_spark.sources.lake import listed_bytes
from fer_spark.sources.numbering.meaning import Numbering

TASKS_PER_CORE = 4
"""Fewer tasks than this leave cores idle at the end of the expensive operator that follows a source."""

_ROW_GROUP_BYTES = 128 << 20


@dataclass(frozen=True)
class Slice:
    """The rows whose key hashes to `chunk` of `chunks`: slices are disjoint, cover everything and never move."""

    chunk: int = 0
    chunks: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.chunk < self.chunks:
            raise ValueError(f"chunk {self.chunk} of {self.chunks}: expected 0 <= chunk < chunks")

    def of(self, frame: DataFrame, key: Column) -> DataFrame:
        """The rows of a frame that belong to this slice."""
        if self.chunks == 1:
            return frame
        return frame.where(F.pmod(F.xxhash64(key), F.lit(self.chunks)) == self.chunk)


@dataclass(frozen=True)
class Source:
    """An opened input.

    `read(slice)` gives RAW_IMAGE rows; `list_keys()` gives every input that must be accounted for (source_path,
    source_row, label_raw, split), taken from the listing, so a file that vanishes later is a key without a row.
    (source_path, source_row) is unique in both. `beside_table`: the pictures are files that a table names, in a folder
    of their own or beside it. `numbering`: what its number labels mean, and who says so. `lines()`: what the user
    should know of the listing, one line each. `paths_name_pictures`: a source_path is a picture's name, in which a
    person may be found; False: a row's number, and group_id is as complete as can be.
    """

    description: str
    label_names: tuple[str, ...]
    faces_are_cropped: bool
    has_boxes: bool
    read: Callable[[Slice], DataFrame]
    list_keys: Callable[[], DataFrame]
    count: Callable[[], int]
    digest: Callable[[], str]
    beside_table: bool = False
    numbering: Numbering | None = None
    lines: Callable[[], list[str]] = list
    paths_name_pictures: bool = True

    def raw(self, chunk: int = 0, chunks: int = 1) -> DataFrame:
        """RAW_IMAGE rows of one deterministic slice."""
        return self.read(Slice(chunk, chunks))

    def keys(self) -> DataFrame:
        return self.list_keys().select("source_path", "source_row", "label_raw", "split")

    @cached_property
    def images(self) -> int:
        """Inputs to account for."""
        return self.count()

    @cached_property
    def fingerprint(self) -> str:
        """32 hex digits over the listing (relative path, bytes) or the table's rows, in no particular order."""
        return self.digest()

    @property
    def detector(self) -> str | None:
        """The detector that its pictures call for: its own boxes, none for faces already; None for photographs."""
        if self.has_boxes:
            return OWN_BOX
        return NO_DETECTOR if self.faces_are_cropped else None

    def suggested_chunks(self, target_images: int) -> int:
        return max(1, math.ceil(self.images / target_images))


def raw_images(frame: DataFrame) -> DataFrame:
    """Exactly RAW_IMAGE: absent columns become null, a rejected row loses its content, types are cast."""
    have = set(frame.columns)

    def column(name: str) -> Column:
        if name not in have:
            return F.lit(None)
        if name == "content" and "reject_reason" in have:
            return F.when(F.col("reject_reason").isNull(), F.col("content"))
        return F.col(name)

    return frame.select(*(column(c.name).cast(c.sql_type).alias(c.name) for c in RAW_IMAGE.columns))


def spread(frame: DataFrame, scan: DataFrame, key: str, even: bool = True) -> DataFrame:
    """Shuffle a frame by key when its scan would leave cores idle; else leave it alone.

    It does with fewer partitions than TASKS_PER_CORE asks for. `even` False (Parquet): a split without a row group's
    middle is an empty task, so partitions count only by the bytes they can hold.
    """
    session = frame.sparkSession
    tasks = TASKS_PER_CORE * session.sparkContext.defaultParallelism
    partitions = scan.rdd.getNumPartitions()
    if not even:
        partitions = min(partitions, listed_bytes(scan) // _ROW_GROUP_BYTES)
    return frame.repartition(tasks, key) if partitions < tasks else frame


def digest_rows(frame: DataFrame, *more: object) -> str:
    """32 hex digits that depend on the set of rows (and on `more`), not on their order or partitioning."""
    value = F.xxhash64(*(F.col(f"`{name}`") for name in frame.columns))
    found = frame.agg(
        F.count(F.lit(1)),
        F.coalesce(F.sum(value.cast("decimal(20,0)")), F.lit(0)).cast("string"),
        F.coalesce(F.bit_xor(value), F.lit(0)),
    ).collect()[0]
    return hashlib.sha256(repr((*found, *more)).encode()).hexdigest()[:32]
