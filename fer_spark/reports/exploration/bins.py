"""Valence × arousal as tables of bins: a coloured cell with its number, arousal falling downwards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from fer_spark.exploration import ALL, Figures, Value
from fer_spark.reports.exploration.cells import minus, split_name
from fer_spark.reports.exploration.draw import Drawing, data, number, vector
from fer_spark.reports.exploration.maps import EDGES, Record, known
from fer_spark.reports.look import INK, PAPER, SHADES

DIVERGING = ["#7f3b08", "#e08214", "#fdd9a8", "#ffffff", "#a6cee3", "#2b7bba", "#08306b"]
"""From less to more through white: orange and blue, which colour-blind readers can tell apart."""

_CELL = (68, 36)


@dataclass(frozen=True)
class Shade:
    """How a table's values become colours; beyond `under` and `over` white letters read better on them than dark."""

    scale: alt.Scale
    over: float
    under: float = -math.inf


def counted_map(figures: Figures, split: str = ALL) -> list[Drawing]:
    """The table of 0.2 bins with its numbers, arousal falling downwards as the AffectNet paper prints it."""
    rows = known(figures.where(split=split))
    most = max([1.0, *(number(row["count"]) for row in rows)])
    shade = Shade(alt.Scale(type="sqrt", domain=[0, most], range=SHADES), 0.41 * most)
    total = sum(number(row["count"]) for row in rows)
    title = f"{split_name(split)}: {total:,.0f} rows with valence and arousal"
    return [_numbers(rows, "count", shade, title, "")]


def counted_maps_of_splits(figures: Figures) -> list[Drawing]:
    """The same, one for each split."""
    splits = [str(split) for split in dict.fromkeys(figures.column("split")) if split != ALL]
    return [drawing for split in splits for drawing in counted_map(figures, split)]


def reference_map(figures: Figures) -> list[Drawing]:
    """Rows more (blue) or fewer (orange) than the reference has, cell by cell."""
    rows = known(figures.records(), "difference")
    here = sum(number(row["count"]) for row in rows)
    there = sum(number(row["reference"]) for row in rows)
    title = f"Difference to the reference: {here:,.0f} rows here, {there:,.0f} there ({minus(f'{here - there:+,.0f}')})"
    return [_numbers(rows, "difference", _around_zero(rows), title, "+")]


def difference_maps(figures: Figures) -> list[Drawing]:
    """Share of p minus share of q, cell by cell, once for each pair of splits."""
    drawn: list[Drawing] = []
    pairs: list[frozenset[Value]] = []
    for p, q in dict.fromkeys(zip(figures.column("p"), figures.column("q"), strict=True)):
        if frozenset((p, q)) in pairs:
            continue
        pairs.append(frozenset((p, q)))
        rows = [
            {**row, "points": 100 * number(row["difference"])} for row in known(figures.where(p=p, q=q), "difference")
        ]
        title = f"{split_name(p)} minus {split_name(q)}, percentage points"
        drawn.append(_numbers(rows, "points", _around_zero(rows, "points"), title, "+.1"))
    return drawn


def _numbers(rows: Sequence[Record], field: str, shade: Shade, title: str, style: str) -> Drawing:
    """A table of bins as coloured cells with a number in each."""
    cells: list[dict[str, Any]] = [
        {
            **{edge: number(row[edge]) for edge in EDGES},
            "x": (number(row["valence_low"]) + number(row["valence_high"])) / 2,
            "y": (number(row["arousal_low"]) + number(row["arousal_high"])) / 2,
            "value": number(row[field]),
            "text": _text(number(row[field]), style),
            "ink": _ink(number(row[field]), shade, style),
        }
        for row in rows
    ]
    columns, lines = (sorted({cell[edge] for cell in cells for edge in edges}) for edges in (EDGES[:2], EDGES[2:]))
    base = alt.Chart(data(cells))
    squares = base.mark_rect(stroke=PAPER, strokeWidth=2).encode(
        x=_edges_axis(alt.X, "valence_low:Q", columns, "valence"),
        x2="valence_high:Q",
        y=_edges_axis(alt.Y, "arousal_low:Q", lines, "arousal"),
        y2="arousal_high:Q",
        color=alt.Color("value:Q", scale=shade.scale, legend=None),
    )
    x, y = _edges_axis(alt.X, "x:Q", columns, "valence"), _edges_axis(alt.Y, "y:Q", lines, "arousal")
    ink = alt.Scale(domain=["light", "faint", "dark"], range=[PAPER, "#9aa5b1", INK])
    longest = max([1, *(len(cell["text"]) for cell in cells)])
    words = base.mark_text(fontSize=12 if longest <= 7 else 10 if longest <= 9 else 8).encode(
        x=x, y=y, text="text:N", color=alt.Color("ink:N", scale=ink, legend=None)
    )
    chart = alt.layer(squares, words).resolve_scale(color="independent", y="shared", x="shared")
    size = {"width": _CELL[0] * max(1, len(columns) - 1), "height": _CELL[1] * max(1, len(lines) - 1)}
    most = max(cells, key=lambda cell: abs(cell["value"]), default=None)
    where = f" Largest: {most['text']} at valence {most['x']:.2g}, arousal {most['y']:.2g}." if most else ""
    return vector(chart.properties(**size), title, f"Table of bins with its numbers. {title}.{where}")


def _ink(value: float, shade: Shade, style: str) -> str:
    if not shade.under < value < shade.over:
        return "light"
    return "faint" if _text(value, style) in ("0", "0.0") else "dark"


def _edges_axis(channel: Any, name: str, edges: Sequence[float], words: str) -> Any:
    axis = alt.Axis(values=list(edges), grid=False, ticks=True, format=".1f", labelOverlap=False, labelFlush=False)
    ends = [edges[0], edges[-1]] if edges else [-1, 1]
    return channel(name, scale=alt.Scale(domain=ends, nice=False), title=words, axis=axis)


def _around_zero(rows: Sequence[Record], field: str = "difference") -> Shade:
    most = max([1e-9, *(abs(number(row[field])) for row in rows)])
    stops = [-1, -0.45, -0.1, 0, 0.1, 0.45, 1]
    return Shade(
        alt.Scale(domain=[stop * most for stop in stops], range=DIVERGING, interpolate="rgb"), 0.4 * most, -0.6 * most
    )


def _text(value: float, style: str) -> str:
    if style == "+.1":
        return minus(f"{value:+.1f}") if abs(value) >= 0.05 else "0.0"
    return minus(f"{value:+,.0f}") if style and value else f"{value:,.0f}"
