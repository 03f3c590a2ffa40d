"""Zip archives on the executors: each archive is listed once, and its pictures are read by all cores, in any chunks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import astuple, fields
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from fer_spark.rows import PICTURE
from fer_spark.sources.archives.find import Archives
from fer_spark.sources.archives.reach import Batches, reaching
from fer_spark.sources.archives.select import accepted, to_batches
from fer_spark.sources.archives.tar_stream import Member
from fer_spark.sources.archives.zip import Place, list_zip, read_placed
from fer_spark.sources.base import TASKS_PER_CORE, Slice
from fer_spark.sources.files.names import PictureNames
from fer_spark.spark.held import held

_PLACE = [field.name for field in fields(Place)]
_LISTED = pa.schema(
    [
        *PICTURE.arrow_schema,
        ("file", pa.string()),
        ("name", pa.string()),
        *((name, pa.string() if name == "raw_name" else pa.int64()) for name in _PLACE),
    ]
)
_DDL = ", ".join(f"{field.name} {'bigint' if field.type == pa.int64() else field.type}" for field in _LISTED)
_ROWS = 4096


def placed_members(
    archives: Archives, glob: str, limit: int, key: Callable[[Column], Column]
) -> tuple[DataFrame, Callable[[Slice], DataFrame]]:
    """PICTURE rows of the listing, with those that `accepted` only counts; and what reads a slice of `key(path)`."""
    listed = held(archives.read(archives.names, _lister(glob, limit), _DDL))
    tasks = TASKS_PER_CORE * listed.sparkSession.sparkContext.defaultParallelism

    def read(part: Slice) -> DataFrame:
        rows = part.of(listed, key(F.col("path")))
        lost = rows.where("at IS NULL").select(PICTURE.names)
        # members that lie side by side go to one task: it reads its part of the archive once, from front to back
        here = rows.where("at IS NOT NULL").repartitionByRange(tasks, "file", "at").sortWithinPartitions("file", "at")
        return here.mapInArrow(reaching(archives.store, _read), PICTURE.ddl).unionAll(lost)

    return listed.select(PICTURE.names), read


def _lister(glob: str, limit: int) -> Batches:
    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for row in (row for batch in batches for row in batch.to_pylist()):
            places: dict[str, Place] = {}
            members = _noted(list_zip(row["file"], row["name"], limit), places)
            found = accepted(members, glob, PictureNames(glob), True)
            while some := list(itertools.islice(found, _ROWS)):
                yield _listed_batch(some, places, row)

    return read


def _noted(entries: Iterator[tuple[Member, Place | None]], places: dict[str, Place]) -> Iterator[Member]:
    for member, place in entries:
        if place is not None:
            places[member.path] = place
        yield member


def _listed_batch(members: list[Member], places: dict[str, Place], archive: dict[str, Any]) -> pa.RecordBatch:
    rows = []
    for member in members:
        place = places.pop(member.path, None) if member.reason is None else None
        values = dict.fromkeys(_PLACE) if place is None else dict(zip(_PLACE, astuple(place), strict=True))
        described = {"path": member.path, "reject_reason": member.reason, "reject_detail": member.detail}
        rows.append({**described, "content": None, "file": archive["file"], "name": archive["name"], **values})
    return pa.RecordBatch.from_pylist(rows, schema=_LISTED)


def _read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    rows = (row for batch in batches for row in batch.to_pylist())
    for (file, name), here in itertools.groupby(rows, key=lambda row: (row["file"], row["name"])):
        placed = ((row["path"], Place(*(row[field] for field in _PLACE))) for row in here)
        yield from to_batches(read_placed(file, name, placed))
