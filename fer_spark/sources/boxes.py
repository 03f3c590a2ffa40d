"""Face boxes in a table's columns, as data sets spell them: four columns, or one with four numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType, StructType

from fer_spark.sources.labelling import reject
from fer_spark.sources.settings import SourceError, SourceSettings
from fer_spark.sources.tables import AnnotationTable, decimal

BOX = ("box_left", "box_top", "box_width", "box_height")
NONE = "none"

_STARTS = (
    *(("x", "y"), ("left", "top"), ("xmin", "ymin"), ("minx", "miny"), ("x1", "y1"), ("x0", "y0")),
    *(("topleftx", "toplefty"), ("lefttopx", "lefttopy"), ("xleft", "ytop")),
)
_SIZES = (("w", "h"), ("width", "height"))
_ENDS = {
    ("left", "top"): ("right", "bottom"),
    ("xmin", "ymin"): ("xmax", "ymax"),
    ("minx", "miny"): ("maxx", "maxy"),
    ("x1", "y1"): ("x2", "y2"),
    ("x0", "y0"): ("x1", "y1"),
    ("topleftx", "toplefty"): ("bottomrightx", "bottomrighty"),
    ("lefttopx", "lefttopy"): ("rightbottomx", "rightbottomy"),
    ("xleft", "ytop"): ("xright", "ybottom"),
}
_CENTRES = (("cx", "cy"), ("xcenter", "ycenter"), ("xcentre", "ycentre"), ("centerx", "centery"), ("xc", "yc"))
_PREFIXES = (
    *("", "face", "box", "bbox", "bb", "facebox", "facebbox", "boundingbox", "faceboundingbox", "rect", "facerect"),
    *("roi", "faceroi"),
)
_WHOLE = {prefix + ending for prefix in _PREFIXES if prefix not in ("", "face") for ending in ("", "es")}
_ENDINGS = {"xywh": ("xywh", "ltwh", "coco"), "xyxy": ("xyxy", "ltrb", "voc"), "cxcywh": ("cxcywh",)}
_ORDERS = {ending: order for order, endings in _ENDINGS.items() for ending in endings}
"""What the four numbers of a column are, by the ending of its name."""

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


@dataclass(frozen=True)
class BoxColumns:
    """`names`: four columns, or one that holds four numbers; `order`: xywh, xyxy or cxcywh, in px."""

    names: tuple[str, ...]
    order: str

    @property
    def columns(self) -> frozenset[str]:
        """Names of the table's columns, in lower case."""
        return frozenset(name.strip().casefold() for named in self.names for name in (named, named.split(".")[0]))


def box_columns(table: AnnotationTable, settings: SourceSettings) -> BoxColumns | None:
    """The columns of the box: those of --box-columns, else those that are called as boxes are; None where none is.

    Raises SourceError for columns that are not there, for several boxes, and for four numbers whose order nothing says.
    """
    if settings.box_columns == NONE:
        return None
    found = _given(table, settings.box_columns) if settings.box_columns else _usual(table, settings.input)
    if found is None:
        return None
    order = settings.box_format or found.order
    if not order:
        raise SourceError(
            f"nothing says what the four numbers of {','.join(found.names)} are: --box-format xywh (left, top, width, "
            "height), xyxy (left, top, right, bottom) or cxcywh (centre, width, height); --box-columns none leaves "
            "them out"
        )
    return replace(found, order=order)


def _given(table: AnnotationTable, text: str) -> BoxColumns:
    names = tuple(name.strip() for name in text.split(","))
    if len(names) not in (1, 4):
        raise SourceError(f"--box-columns {text!r}: expected one column or four, e.g. x,y,w,h")
    for name in names:
        table.column(name, (), "--box-columns", nested=True)
    known = [found.order for found in boxes_named(names, whole=len(names) == 1) if found.names == names]
    return BoxColumns(names, known[0] if known else "")


def _usual(table: AnnotationTable, what: str) -> BoxColumns | None:
    names = _columns(table)
    found = boxes_named(names) or boxes_named(names, whole=True)
    if len(found) > 1:
        several = " and ".join(",".join(columns.names) for columns in found)
        raise SourceError(
            f"{what!r} has several boxes a row, {several}: name one with --box-columns, or --box-columns none"
        )
    return found[0] if found else None


def with_boxes(rows: DataFrame, table: AnnotationTable, columns: BoxColumns | None) -> DataFrame:
    """Adds rows.BOX columns, in px; a row whose box is no four numbers is rejected, one without any has nulls."""
    if columns is None:
        return rows
    text, numbers = _four_numbers(table, columns)
    first, second, third, fourth = (F.try_element_at(numbers, F.lit(i + 1)) for i in range(4))
    sides = {
        "xywh": (first, second, third, fourth),
        "xyxy": (first, second, third - first, fourth - second),
        "cxcywh": (first - third / 2, second - fourth / 2, third, fourth),
    }[columns.order]
    whole = (F.size(numbers) == 4) & F.forall(numbers, lambda number: number.isNotNull() & ~F.isnan(number))
    good = F.coalesce(whole, F.lit(False))
    rows = rows.withColumns({name: F.when(good, side) for name, side in zip(BOX, sides, strict=True)})
    shown = F.concat(F.lit("the face's box '"), F.substring(text, 1, 60), F.lit("' is not four numbers"))
    bad = ~good & (F.regexp_replace(text, r"[\s,]", "") != "")
    return reject(rows, F.when(bad, "bad_annotation"), shown)


def _four_numbers(table: AnnotationTable, columns: BoxColumns) -> tuple[Column, Column]:
    """The box as text, for messages, and as an array of numbers."""
    found = [table.column(name, (), "--box-columns", nested=True) for name in columns.names]
    values = [column for column in found if column is not None]
    if len(values) == 4:
        texts = [F.trim(F.coalesce(value.cast("string"), F.lit(""))) for value in values]
        return F.concat_ws(", ", *texts), F.array(*(decimal(text) for text in texts))
    kind = table.frame.select(values[0]).schema[0].dataType
    if isinstance(kind, ArrayType):
        if isinstance(kind.elementType, (ArrayType, StructType)):
            raise SourceError(f"the column {columns.names[0]!r} holds several boxes a row, expected one")
        items = values[0].cast("array<string>")
        return F.array_join(items, ", ", "null"), F.transform(items, decimal)
    if not isinstance(kind, StringType):
        raise SourceError(f"the column {columns.names[0]!r} is {kind.simpleString()}; expected four numbers of a box")
    text = F.trim(F.coalesce(values[0], F.lit("")))
    spelled = F.regexp_extract_all(text, F.lit(f"({_NUMBER})"), F.lit(1))
    return text, F.transform(spelled, lambda number: number.try_cast("double"))


def _columns(table: AnnotationTable) -> list[str]:
    """The table's columns, of structs their parts."""
    found: list[str] = []
    for field in table.frame.schema.fields:
        name, kind = field.name.removeprefix("in:"), field.dataType
        if field.name != name:
            found += [f"{name}.{part}" for part in kind.names] if isinstance(kind, StructType) else [name]
    return found


def boxes_named(columns: Sequence[str], whole: bool = False) -> list[BoxColumns]:
    """Every four of these columns that are a box by their names, or, `whole`, every one that is; the order may be "".

    Of boxes with one corner in common, opposite corners win: width and height beside them are the picture's.
    """
    if whole:
        return [BoxColumns((name,), order) for name in columns if (order := _whole(_plain(name))) is not None]
    found: list[BoxColumns] = []
    known = {_plain(name): name for name in reversed(columns)}
    for prefix in _PREFIXES:
        pairs = [(start, _ENDS.get(start), "xyxy") for start in _STARTS]
        boxes = [(start, end, order) for start, end, order in pairs if end and _has(known, prefix, *start, *end)]
        used = {side for start, end, _ in boxes for side in (*start, *end)}
        sized = [(start, size, "xywh") for start, size in product(_STARTS, _SIZES) if not used & set(start)]
        sized += [(centre, size, "cxcywh") for centre, size in product(_CENTRES, _SIZES)]
        boxes += [(first, second, order) for first, second, order in sized if _has(known, prefix, *first, *second)]
        found += [
            BoxColumns(tuple(known[prefix + side] for side in (*first, *second)), order)
            for first, second, order in boxes
        ]
    return found


def _has(known: dict[str, str], prefix: str, *sides: str) -> bool:
    return all(prefix + side in known for side in sides)


def _whole(plain: str) -> str | None:
    """What the four numbers of a column are, "" where its name does not say; None where it is not called as a box."""
    stem = next((plain.removesuffix(word) for word in _ORDERS if plain.endswith(word)), plain)
    return _ORDERS.get(plain.removeprefix(stem), "") if stem in _WHOLE else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold().removesuffix("_px"))
