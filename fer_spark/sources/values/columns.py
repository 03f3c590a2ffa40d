"""Pictures spread over a table's columns, a value each: pixel0 … pixel2303, 1x1 … 28x28, or bare numbers."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ByteType

from fer_spark.pixels.raw import RawPixels
from fer_spark.sources.tables import MARK, AnnotationTable, quoted
from fer_spark.sources.values.cells import Cells

_NUMBERED = re.compile(r"((?:pixels?|pix|px|p)?[\W_]*)(\d{1,7})", re.IGNORECASE)
_PLACED = re.compile(r"(?:(?:pixels?|pix|px|p)[\W_]*)?(\d{1,4})[x_,](\d{1,4})", re.IGNORECASE)
"""A row and a column."""
_LEAST_PX = 8
"""Of a side: fewer columns called by numbers may be anything."""


@dataclass(frozen=True)
class PixelColumns:
    """`names` in the order of their pixels: rows from the top, a pixel's colours together."""

    names: tuple[str, ...]
    shape: RawPixels


def pixel_columns(columns: Iterable[str]) -> PixelColumns | None:
    """The columns that are called by the numbers of a picture's values, none missing, from 0 or 1 on; None where
    they are not as many as a square of at least 8 px has, gray or in three colours, or a stated height times width.
    """
    names = list(columns)
    return _by_place(names) or _by_number(names)


def gathered(table: AnnotationTable) -> tuple[AnnotationTable, Cells] | None:
    """The table with one column for them all, called as the first, and this as cells; None where there are none.

    A row that lacks a value has fewer than its picture: the decoder says how many, and it is quarantined.
    """
    found = pixel_columns(table.columns)
    if found is None:
        return None
    written = F.concat_ws(" ", *(_value(table, name) for name in found.names))
    text = F.trim(F.regexp_replace(written, r"\.0+(?=\s|$)", ""))
    spread = {MARK + name for name in found.names}
    kept = [F.col(quoted(name)) for name in table.frame.columns if name not in spread]
    first = found.names[0]
    pixels = F.col(quoted(MARK + first))
    cells = Cells(
        first,
        pixels.cast("binary"),
        F.lit(str(found.shape)),
        F.when(pixels == "", "empty"),
        F.when(pixels == "", "the row has no pixels"),
        f"values in its columns {first} to {found.names[-1]}",
    )
    return replace(table, frame=table.frame.select(*kept, text.alias(MARK + first))), cells


def _value(table: AnnotationTable, name: str) -> Column:
    """As text; a signed byte stands for the unsigned one."""
    value = F.col(quoted(MARK + name))
    if isinstance(table.frame.schema[MARK + name].dataType, ByteType):
        value = F.pmod(value.cast("int"), F.lit(256))
    return value.cast("string")


def _by_number(names: list[str]) -> PixelColumns | None:
    families: dict[str, dict[int, str]] = defaultdict(dict)
    for name in names:
        match = _NUMBERED.fullmatch(name.strip())
        if match:
            families[match[1].casefold()][int(match[2])] = name
    numbers = max(families.values(), key=len, default={})
    count, first = len(numbers), min(numbers, default=0)
    if first > 1 or max(numbers, default=0) - first != count - 1:
        return None
    shape = _square(count)
    return PixelColumns(tuple(numbers[i] for i in sorted(numbers)), shape) if shape else None


def _square(count: int) -> RawPixels | None:
    for channels in (1, 3):
        side = math.isqrt(count // channels)
        if side >= _LEAST_PX and side * side * channels == count:
            return RawPixels(True, side, side, channels)
    return None


def _by_place(names: list[str]) -> PixelColumns | None:
    matches = {name: _PLACED.fullmatch(name.strip()) for name in names}
    places = {(int(match[1]), int(match[2])): name for name, match in matches.items() if match}
    if not places:
        return None
    top, left = min(places)
    height, width = (end - start + 1 for end, start in zip(max(places), (top, left), strict=True))
    whole = len(places) == height * width and max(top, left) <= 1 and min(height, width) >= _LEAST_PX
    expected = {(top + row, left + column) for row in range(height) for column in range(width)}
    if not whole or places.keys() != expected:
        return None
    return PixelColumns(tuple(places[place] for place in sorted(places)), RawPixels(True, height, width, 1))
