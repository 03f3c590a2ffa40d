"""Pictures in the cells of a table: files, Spark's own image struct, or lists of their values."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, ByteType, DataType, IntegralType, NumericType, StructType

from fer_spark.pixels.raw import CHANNELS
from fer_spark.sources.settings import SourceError, SourceSettings
from fer_spark.sources.tables import AnnotationTable

LIST_COLUMNS = ("pixels", "image", "img", "picture", "face", "data", "image_data", "pixel_values", "array")
"""A list of numbers under another name may be anything: --bytes-column says that it is pictures."""

_HEIGHTS, _WIDTHS = ("height", "rows", "image_height", "h"), ("width", "cols", "image_width", "w")
_SHAPES = ("shape", "image_shape")
SIZE_COLUMNS = (*_HEIGHTS, *_WIDTHS, *_SHAPES, "channels", "nchannels", "mode", "origin")
_IMAGE_FIELDS = frozenset(("height", "width", "nChannels", "mode", "data"))
_MODES = {0: 1, 16: 3, 24: 4}
"""OpenCV's CV_8UC1, CV_8UC3 and CV_8UC4, and their channels."""

_MOST_DIMENSIONS = 3


@dataclass(frozen=True)
class Cells:
    """Of each row of a table: `content`, `encoding`, and what is wrong with it, or null. `column`: where they are;
    `named`: a picture's name beside it, or None; `what`: in words."""

    column: str
    content: Column
    encoding: Column
    reason: Column
    detail: Column
    what: str
    named: Column | None = None


def picture_cells(table: AnnotationTable, settings: SourceSettings, max_bytes: int) -> Cells | None:
    """The column that --bytes-column names, else the first that holds pictures; None where none does.

    Raises SourceError for a named column of another type.
    """
    if settings.bytes_column:
        column = table.column(settings.bytes_column, (), "--bytes-column", nested=True)
        assert column is not None
        kind = table.frame.select(column).schema[0].dataType
        cells = _cells(table, settings.bytes_column, column, kind, max_bytes)
        if cells is None:
            raise SourceError(
                f"--bytes-column {settings.bytes_column!r} is {kind.simpleString()}; expected binary, Spark's image, "
                "or a list of numbers"
            )
        return cells
    if settings.path_column:
        return None
    for field in table.frame.schema.fields:
        name = field.name.removeprefix("in:")
        if name == field.name or (_is_list(field.dataType) and name.strip().casefold() not in LIST_COLUMNS):
            continue
        cells = _cells(table, name, F.col(f"`{field.name}`"), field.dataType, max_bytes)
        if cells is not None:
            return cells
    return None


def list_cells(table: AnnotationTable, name: str, column: Column, kind: ArrayType) -> Cells:
    """Lists of numbers, one within another or flat; shaped by columns beside, else by their lengths.

    A pixel's colours are the last dimension, or the first; flat lists without a stated size are squares. A signed byte
    stands for the unsigned one.
    """
    dimensions, element = _dimensions(kind)
    sizes, inner, flat = list[Column](), column, column
    for _ in range(dimensions - 1):
        sizes, inner, flat = [*sizes, F.size(inner)], F.get(inner, F.lit(0)), F.flatten(flat)
    sizes = [*sizes, F.size(inner)] if sizes else []
    count = F.greatest(F.coalesce(F.size(flat), F.lit(0)), F.lit(0))
    text = F.concat_ws(" ", _as_text(flat, element))
    stated = None if sizes else _stated_shape(table, count)
    shape = _nested_shape(sizes) if sizes else stated if stated is not None else _flat_shape(count)
    empty = column.isNull() | (count <= 0)
    uneven = _uneven(column, sizes)
    return Cells(
        name,
        text.cast("binary"),
        F.concat(F.lit("pixels "), shape),
        F.when(empty, "empty").when(uneven, "unreadable"),
        F.when(empty, "the row has no pixels").when(uneven, "its rows of pixels differ in length, or are no picture's"),
        f"lists of values in its column {name}",
    )


def _cells(table: AnnotationTable, name: str, column: Column, kind: DataType, most: int) -> Cells | None:
    if isinstance(kind, BinaryType):
        return _files(name, column, most)
    parts = {field.name: field.dataType for field in kind.fields} if isinstance(kind, StructType) else {}
    if parts.keys() >= _IMAGE_FIELDS and isinstance(parts["data"], BinaryType):
        return _image_struct(name, column, "origin" in parts)
    if isinstance(parts.get("bytes"), BinaryType):
        named = column.getField("path") if "path" in parts else None
        return replace(_files(name, column.getField("bytes"), most), named=named)
    return list_cells(table, name, column, kind) if isinstance(kind, ArrayType) and _is_list(kind) else None


def _files(name: str, content: Column, most: int) -> Cells:
    size = F.octet_length(content)
    empty = content.isNull() | (size == 0)
    large = F.format_string(f"%d bytes, the limit is {most}; see --max-file-mb", size)
    return Cells(
        name,
        content,
        F.lit("file"),
        F.when(empty, "empty").when(size > most, "too_large"),
        F.when(empty, "the row holds no bytes").when(size > most, large),
        f"picture files in its column {name}",
    )


def _image_struct(name: str, column: Column, has_origin: bool) -> Cells:
    """`spark.read.format("image")`: values blue first, a row of -1 for what Spark could not decode."""
    height, width, channels, mode, data = (
        column.getField(part) for part in ("height", "width", "nChannels", "mode", "data")
    )
    size = F.octet_length(data)
    known = F.lit(False)
    for number, count in _MODES.items():
        known = known | ((mode == number) & (channels == count))
    shape = F.concat_ws("x", height.cast("string"), width.cast("string"), channels.cast("string"))
    short = ~((height > 0) & (width > 0) & (size == height.cast("bigint") * width * channels))
    modes = "mode %s with %s channels: expected CV_8UC1 (0), CV_8UC3 (16) or CV_8UC4 (24)"
    counted = "%s bytes, a picture of %s has another count"
    problem = (
        F.when(column.isNull(), "the row holds no picture")
        .when(mode == -1, "Spark could not decode this picture when the table was written")
        .when(F.coalesce(~known, F.lit(True)), F.format_string(modes, mode, channels))
        .when(F.coalesce(short, F.lit(True)), F.format_string(counted, size, shape))
    )
    return Cells(
        name,
        data,
        F.concat(F.lit("bytes "), shape, F.lit(" bgr")),
        F.when(column.isNull(), "empty").when(problem.isNotNull(), "unreadable"),
        problem,
        f"Spark's own images in its column {name}",
        column.getField("origin") if has_origin else None,
    )


def _is_list(kind: DataType) -> bool:
    if not isinstance(kind, ArrayType):
        return False
    dimensions, element = _dimensions(kind)
    return isinstance(element, NumericType) and dimensions <= _MOST_DIMENSIONS


def _dimensions(kind: DataType) -> tuple[int, DataType]:
    count = 0
    while isinstance(kind, ArrayType):
        count, kind = count + 1, kind.elementType
    return count, kind


def _as_text(values: Column, element: DataType) -> Column:
    """Whole numbers as such, also where they are floats; what has no whole value stays as it is, to be named."""
    if isinstance(element, ByteType):
        return F.transform(values, lambda value: F.pmod(value.cast("int"), F.lit(256)).cast("string"))
    if isinstance(element, IntegralType):
        return values.cast("array<string>")
    return F.transform(values, lambda value: F.regexp_replace(value.cast("string"), r"\.0+$", ""))


def _uneven(column: Column, sizes: list[Column]) -> Column:
    """Whether rows differ in length, or the shape is none of a picture."""
    if not sizes:
        return F.lit(False)
    if len(sizes) == 2:
        return F.exists(column, lambda row: F.size(row) != sizes[1])
    other = F.exists(
        column, lambda row: (F.size(row) != sizes[1]) | F.exists(row, lambda inner: F.size(inner) != sizes[2])
    )
    return other | ~(sizes[2].isin(*CHANNELS) | sizes[0].isin(*CHANNELS))


def _stated_shape(table: AnnotationTable, count: Column) -> Column | None:
    """By columns beside the list: `shape`, or height and width, with channels by the count."""
    listed = table.column("", _SHAPES, "--input", nested=True)
    if listed is not None and isinstance(table.frame.select(listed).schema[0].dataType, ArrayType):
        sides = listed.cast("array<int>")
        height, width = F.try_element_at(sides, F.lit(1)), F.try_element_at(sides, F.lit(2))
    else:
        found = [table.column("", names, "--input") for names in (_HEIGHTS, _WIDTHS)]
        if found[0] is None or found[1] is None:
            return None
        height, width = found[0].try_cast("int"), found[1].try_cast("int")
    channels = F.lit(1)
    for number in CHANNELS:
        channels = F.when(count == height.cast("bigint") * width * number, number).otherwise(channels)
    stated = F.concat_ws("x", height.cast("string"), width.cast("string"), channels.cast("string"))
    good = (height > 0) & (width > 0)
    return F.when(good, F.concat(stated, F.lit(" rgb"))).otherwise(_flat_shape(count))


def _nested_shape(sizes: list[Column]) -> Column:
    if len(sizes) == 2:
        height, width = sizes
        flat = _flat_shape(height * width)
        plain = F.concat(height.cast("string"), F.lit("x"), width.cast("string"), F.lit("x1 rgb"))
        return F.when((height == 1) | (width == 1), flat).otherwise(plain)
    first, second, third = (size.cast("string") for size in sizes)
    last = F.concat_ws("x", first, second, third)
    planes = F.concat_ws("x", second, third, first)
    return F.when(sizes[2].isin(*CHANNELS), F.concat(last, F.lit(" rgb"))).otherwise(F.concat(planes, F.lit(" planes")))


def _flat_shape(count: Column) -> Column:
    """A gray square, else one of three colours; what is neither gets the shape of the gray one, which it misses."""
    gray = F.round(F.sqrt(count)).cast("int")
    colour = F.round(F.sqrt(count / 3)).cast("int")
    square, is_colour = gray.cast("string"), colour * colour * 3 == count
    return F.when(
        is_colour, F.concat(colour.cast("string"), F.lit("x"), colour.cast("string"), F.lit("x3 rgb"))
    ).otherwise(F.concat(square, F.lit("x"), square, F.lit("x1 rgb")))
