"""Collects small tables from Spark to the driver, and refuses large ones; nothing else here collects rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

LIMIT = 20_000
"""Rows that a table may have to be brought to the driver."""


class LargeTableError(RuntimeError):
    """An aggregate came out larger than the driver should hold: a mistake in the program, not in the data."""


def collect_small(frame: DataFrame, what: str, limit: int = LIMIT) -> list[Row]:
    """The rows of an aggregate, of which there must be at most `limit`. Raises LargeTableError that names it."""
    rows = frame.limit(limit + 1).collect()
    if len(rows) > limit:
        raise LargeTableError(f"{what}: more than {limit:,} rows would come to the driver; aggregate further")
    return rows
