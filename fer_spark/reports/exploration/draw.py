"""Altair charts as pictures of a page: SVG that scales with it, or a small PNG where cells are many."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import altair as alt
import vl_convert
from PIL import Image

from fer_spark.exploration import Value
from fer_spark.reports.look import FONT, INK, MUTED, PAPER, RULE, SCALE
from fer_spark.reports.pages import data_uri

_VEGA = "_".join(alt.SCHEMA_VERSION.split(".")[:2])
_AXIS = {
    "labelColor": INK,
    "titleColor": MUTED,
    "labelFontSize": 12,
    "titleFontSize": 12,
    "titleFontWeight": "normal",
    "gridColor": RULE,
    "domainColor": RULE,
    "tickColor": RULE,
    "labelLimit": 300,
}
_LEGEND = {"labelColor": INK, "titleColor": MUTED, "labelFontSize": 12, "titleFontSize": 12}
_CONFIG: dict[str, Any] = {
    "aria": False,
    "background": PAPER,
    "font": FONT,
    "padding": 3,
    "view": {"stroke": None},
    "axis": _AXIS,
    "legend": {**_LEGEND, "titleFontWeight": "normal", "labelLimit": 300, "titleLimit": 320},
}
TICKS = "abs(datum.value) >= 1e6 ? format(datum.value, '.3~s') : datum.value == 0 ? '0' : format(datum.value, ',.4~r')"
"""Labels of an axis of numbers: thousands apart, millions as M."""

_COLOURS = 256
PNG, SVG = "image/png", "image/svg+xml"


@dataclass(frozen=True)
class Drawing:
    """One picture of a page: a heading, the words for those who cannot see it, and the picture as a file of `kind`.

    `width_px` and `height_px` are the size at which its letters have their natural size.
    """

    title: str
    text: str
    content: bytes
    kind: str
    width_px: int
    height_px: int

    @property
    def uri(self) -> str:
        """The picture as an address that holds it."""
        return data_uri(self.content, self.kind)


def vector(chart: Any, title: str, text: str) -> Drawing:
    """A chart as SVG."""
    svg = vl_convert.vegalite_to_svg(_spec(chart), vl_version=_VEGA)
    root = ElementTree.fromstring(svg)
    width, height = (round(float(root.attrib[side])) for side in ("width", "height"))
    return Drawing(title, text, svg.encode(), SVG, width, height)


def bitmap(chart: Any, title: str, text: str) -> Drawing:
    """A chart as PNG: for many cells, which as SVG are big and show seams between them."""
    drawn = vl_convert.vegalite_to_png(_spec(chart), vl_version=_VEGA, scale=SCALE)
    out = io.BytesIO()
    with Image.open(io.BytesIO(drawn)) as image:
        width, height = (round(side / SCALE) for side in image.size)
        few = image.convert("RGB").quantize(_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(out, "PNG", optimize=True)
    return Drawing(title, text, out.getvalue(), PNG, width, height)


def data(values: Iterable[Mapping[str, Any]]) -> alt.InlineData:
    """Rows that travel inside a chart."""
    return alt.InlineData(values=[dict(value) for value in values])


def number(value: Value) -> float:
    """A cell as a finite number; 0 where it has none, so that a gap in the figures never stops a chart."""
    known = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if known and value is not None else 0.0


def finite(value: Value) -> bool:
    """Whether a cell holds a number that can be drawn."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _spec(chart: Any) -> dict[str, Any]:
    return {**chart.to_dict(), "config": _CONFIG}
