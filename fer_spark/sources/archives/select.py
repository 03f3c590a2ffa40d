"""Which members of an archive are pictures, and rows of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from fer_spark.rows import PICTURE
from fer_spark.sources.archives.tar_stream import Member
from fer_spark.sources.files.globs import glob_pattern
from fer_spark.sources.files.names import PictureNames, passed_over_line

_BATCH_BYTES = 16 << 20
_BATCH_ROWS = 512
PASSED_OVER = "not_a_picture"
"""Stands in for a reason in the listing alone, beside what says so of the member's name."""


def without_others(everything: DataFrame, lists: Collection[str] = ()) -> tuple[DataFrame, Callable[[], list[str]]]:
    """The rows of a listing that are inputs, and what says how many others, without `lists`, `accepted` passed over."""
    passed_over = F.coalesce(F.col("reject_reason") == PASSED_OVER, F.lit(False))

    def lines() -> list[str]:
        others = everything.where(passed_over & ~F.col("path").isin(*lists)) if lists else everything.where(passed_over)
        kinds = others.groupBy("reject_detail").count().collect()
        return passed_over_line(Counter({row["reject_detail"]: row["count"] for row in kinds}))

    return everything.where(~passed_over), lines


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
    schema = PICTURE.arrow_schema
    columns = [[getattr(member, name) for member in members] for name in ("path", "content", "reason", "detail")]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )
