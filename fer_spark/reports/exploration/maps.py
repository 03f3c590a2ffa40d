"""Valence × arousal as maps: all rows in linear and in logarithmic colour, split by split, and label by label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import altair as alt

from fer_spark.exploration import ALL, Figures, Value
from fer_spark.reports.exploration.cells import label_name, split_name
from fer_spark.reports.exploration.draw import TICKS, Drawing, bitmap, data, finite, number
from fer_spark.reports.look import MUTED

Record = dict[str, Value]
SIDE = 300
"""Side of a fine map's frame, px; a whole number of px for each of 40 or 20 cells."""

SOME = ["#dbe9f6", "#a9cfe5", "#6baed6", "#2171b5", "#08306b"]
"""From one row to many: even one row differs from none, which is white."""

EDGES = ("valence_low", "valence_high", "arousal_low", "arousal_high")


def fine_maps(figures: Figures, split: str = ALL) -> list[Drawing]:
    """All rows as two maps side by side: linear and logarithmic colour."""
    rows = known(figures.where(split=split))
    return [_fine(rows, kind, f"{split_name(split)}, {kind} colour") for kind in ("linear", "logarithmic")]


def fine_maps_of_splits(figures: Figures) -> list[Drawing]:
    """One map in logarithmic colour for each split."""
    splits = [split for split in dict.fromkeys(figures.column("split")) if split != ALL]
    return [_fine(known(figures.where(split=split)), "logarithmic", split_name(split)) for split in splits]


def maps_by_label(figures: Figures) -> list[Drawing]:
    """One small map for each category, all on one scale, and that scale."""
    rows = known(figures.records())
    most = max([2.0, *(number(row["count"]) for row in rows)])
    scale = log_scale(most)
    drawn = [_key(scale, most)]
    for label in dict.fromkeys(row["label"] for row in rows):
        own = [row for row in rows if row["label"] == label]
        total = sum(number(row["count"]) for row in own)
        chart = _map(own, scale, 200, None)
        words = f"Valence by arousal of {label_name(label)}. {_where(own)}"
        drawn.append(bitmap(chart, f"{label_name(label)}: {total:,.0f}", words))
    return drawn


def _fine(rows: Sequence[Record], kind: str, title: str) -> Drawing:
    most = max([2.0, *(number(row["count"]) for row in rows)])
    scale = log_scale(most) if kind == "logarithmic" else alt.Scale(domain=[0, most], range=SOME)
    key = legend("rows per cell", SIDE, decades(most) if kind == "logarithmic" else None)
    words = f"Map of valence by arousal, {title}. {_where(rows)}"
    return bitmap(_map(rows, scale, SIDE, key), title, words)


def log_scale(most: float) -> alt.Scale:
    """Colours of numbers from 1 to `most`, which is at least 2."""
    return alt.Scale(type="log", domain=[1, most], range=SOME)


def decades(most: float) -> list[int]:
    """Powers of ten from 1 to `most`."""
    return [10**power for power in range(13) if 10**power <= most]


def legend(title: str, length_px: int, ticks: list[int] | None) -> alt.Legend:
    """A bar of colours below a chart; `ticks` None leaves them to Vega."""
    more: dict[str, Any] = {"values": ticks} if ticks else {}
    return alt.Legend(
        orient="bottom", gradientLength=length_px, gradientThickness=11, title=title, labelExpr=TICKS, **more
    )


def _map(rows: Sequence[Record], scale: alt.Scale, side: int, key: alt.Legend | None) -> Any:
    whole = alt.Scale(domain=[-1, 1], nice=False)
    axis: dict[str, Any] = {"grid": False, "values": [-1, -0.5, 0, 0.5, 1], "labelFlush": False, "labelExpr": TICKS}
    x = alt.X("valence_low:Q", scale=whole, title="valence", axis=alt.Axis(**axis))
    y = alt.Y("arousal_low:Q", scale=whole, title="arousal", axis=alt.Axis(**axis, titlePadding=2))
    cells = (
        alt.Chart(data([row for row in rows if number(row["count"]) > 0]))
        .mark_rect()
        .encode(x=x, x2="valence_high:Q", y=y, y2="arousal_high:Q", color=alt.Color("count:Q", scale=scale, legend=key))
    )
    turns = [2 * math.pi * k / 120 for k in range(121)]
    circle = alt.Chart(data({"x": math.cos(t), "y": math.sin(t), "k": k} for k, t in enumerate(turns))).mark_line(
        color=MUTED, strokeWidth=1.3
    )
    circle = circle.encode(
        x=alt.X("x:Q", scale=whole, title="valence"), y=alt.Y("y:Q", scale=whole, title="arousal"), order="k:Q"
    )
    cross = alt.Chart(data([{"at": 0}])).mark_rule(color=MUTED, strokeWidth=1, strokeDash=[4, 3])
    frame = (
        alt.Chart(data([{"a": -1, "b": 1}]))
        .mark_rect(fillOpacity=0, stroke="#b7c0c8", strokeWidth=1)
        .encode(x="a:Q", x2="b:Q", y="a:Q", y2="b:Q")
    )
    layers = alt.layer(cells, frame, circle, cross.encode(x="at:Q"), cross.encode(y="at:Q"))
    return layers.properties(width=side, height=side)


def _key(scale: alt.Scale, most: float) -> Drawing:
    steps = [most ** (k / 60) for k in range(61)]
    x = alt.X(
        "low:Q",
        scale=alt.Scale(type="log", domain=[1, most], nice=False),
        title="rows per cell, in every panel",
        axis=alt.Axis(values=decades(most), labelExpr=TICKS, grid=False),
    )
    bars = [{"low": low, "high": min(most, 1.1 * high)} for low, high in pairwise(steps)]
    chart = (
        alt.Chart(data(bars)).mark_rect().encode(x=x, x2="high:Q", color=alt.Color("low:Q", scale=scale, legend=None))
    )
    return bitmap(chart.properties(width=SIDE, height=14), "One scale for all", f"Colours from 1 to {most:,.0f} rows")


def known(rows: Sequence[Record], field: str = "count") -> list[Record]:
    """The rows whose edges and `field` can be drawn."""
    return [row for row in rows if all(finite(row[key]) for key in (*EDGES, field))]


def _where(rows: Sequence[Record]) -> str:
    total = sum(number(row["count"]) for row in rows)
    most = max(rows, key=lambda row: number(row["count"]), default=None)
    if most is None:
        return "No rows."
    low = f"valence {number(most['valence_low']):.2f} to {number(most['valence_high']):.2f}"
    return (
        f"{total:,.0f} rows; the fullest cell, {low} and arousal {number(most['arousal_low']):.2f} to"
        f" {number(most['arousal_high']):.2f}, holds {number(most['count']):,.0f}."
    )
