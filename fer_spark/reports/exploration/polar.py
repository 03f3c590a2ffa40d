"""Valence and arousal in polar form: which way an expression points, and how strong it is."""

from __future__ import annotations

import math
from typing import Any

import altair as alt

from fer_spark.exploration import ALL, Figures
from fer_spark.reports.exploration.cells import minus
from fer_spark.reports.exploration.draw import TICKS, Drawing, bitmap, data, finite, number, vector
from fer_spark.reports.exploration.maps import decades, legend, log_scale
from fer_spark.reports.look import BLUE, INK, MUTED, PAPER

_RADIUS = 122
"""Radius of the outermost ring, px."""

_WAYS = [(0, "pleasant 0°", 0), (90, "excited 90°", -4), (180, "unpleasant 180°", 0), (270, "calm 270°", 4)]


def polar(figures: Figures, split: str = ALL) -> list[Drawing]:
    """The rose of angle and radius in logarithmic colour, and both by themselves."""
    keys = ("angle_low_deg", "angle_high_deg", "radius_low", "radius_high", "count")
    rows = [
        {key: number(row[key]) for key in keys}
        for row in figures.where(split=split)
        if all(finite(row[key]) for key in keys)
    ]
    return [_rose(rows), _along(rows, "angle"), _along(rows, "radius")]


def _rose(rows: list[dict[str, float]]) -> Drawing:
    far = max([1.0, *(row["radius_high"] for row in rows)])
    unit = _RADIUS / far
    sectors = [
        {
            "a": math.radians(90 - row["angle_high_deg"]),
            "b": math.radians(90 - row["angle_low_deg"]),
            "inner": row["radius_low"] * unit,
            "outer": row["radius_high"] * unit,
            "count": row["count"],
        }
        for row in rows
        if row["count"] > 0
    ]
    most = max([2.0, *(row["count"] for row in rows)])
    key = legend("rows per sector", 260, decades(most))
    arcs = (
        alt.Chart(data(sectors))
        .mark_arc(stroke=PAPER, strokeWidth=0.5)
        .encode(
            theta=alt.Theta("a:Q", scale=None),
            theta2="b:Q",
            radius=alt.Radius("outer:Q", scale=None),
            radius2="inner:Q",
            color=alt.Color("count:Q", scale=log_scale(most), legend=key),
        )
    )
    middle = _RADIUS + 62
    chart = alt.layer(arcs, *_guides(unit, far, middle)).properties(width=2 * middle, height=2 * (_RADIUS + 24))
    total = sum(row["count"] for row in rows)
    return bitmap(
        chart,
        "Angle and radius",
        f"Rose of {total:,.0f} rows: direction as angle, intensity as distance from the middle",
    )


def _guides(unit: float, far: float, middle: float) -> list[Any]:
    """Rings at radius 0.5 and 1, axes, and the words around."""
    up = _RADIUS + 24
    rings = [
        alt.Chart(data([{"x": 0}])).mark_arc(
            theta=0, theta2=2 * math.pi, outerRadius=ring * unit, innerRadius=ring * unit - 1.2, color=MUTED
        )
        for ring in (0.5, 1.0)
    ]
    words: list[dict[str, Any]] = []
    for degrees, text, shift in _WAYS:
        angle = math.radians(degrees)
        words.append(
            {
                "x": middle + math.cos(angle) * (_RADIUS + 6),
                "y": up - math.sin(angle) * (_RADIUS + 8) + shift,
                "text": text.replace(" ", "\n"),
                "align": {0: "left", 180: "right"}.get(degrees, "center"),
            }
        )
    marks = [
        alt.Chart(data([word]))
        .mark_text(fontSize=12, color=INK, align=word["align"], lineBreak="\n", baseline="middle")
        .encode(x=alt.X("x:Q", scale=None, axis=None), y=alt.Y("y:Q", scale=None, axis=None), text="text:N")
        for word in words
    ]
    radii = [{"x": middle + 3, "y": up - ring * unit + 9, "text": f"{ring:g}"} for ring in (0.5, 1.0) if ring <= far]
    small = [
        alt.Chart(data(radii))
        .mark_text(fontSize=11, align="left", **style)
        .encode(x=alt.X("x:Q", scale=None, axis=None), y=alt.Y("y:Q", scale=None, axis=None), text="text:N")
        for style in ({"color": PAPER, "stroke": PAPER, "strokeWidth": 4}, {"color": INK})
    ]
    return [*rings, *marks, *small]


def _along(rows: list[dict[str, float]], side: str) -> Drawing:
    """Rows by angle alone, or by radius alone."""
    low, high = ("angle_low_deg", "angle_high_deg") if side == "angle" else ("radius_low", "radius_high")
    found: dict[tuple[float, float], float] = {}
    for row in rows:
        found[row[low], row[high]] = found.get((row[low], row[high]), 0.0) + row["count"]
    bars = [{"low": edge[0], "high": edge[1], "count": count} for edge, count in sorted(found.items())]
    ticks: list[float] | None = None
    words: str = "intensity: distance from neutral (1 is the unit circle)"
    if side == "angle":
        start = -180 if bars and bars[0]["low"] < 0 else 0
        ticks, words = [start + 90 * k for k in range(5)], "angle: 0° pleasant, 90° excited, 180° unpleasant"
    unit = " + '°'" if side == "angle" else ""
    axis = alt.Axis(grid=False, labelExpr=f"({TICKS}){unit}", **({"values": ticks} if ticks else {"tickCount": 6}))
    chart = (
        alt.Chart(data(bars))
        .mark_bar(color=BLUE, stroke=PAPER, strokeWidth=0.7, binSpacing=0)
        .encode(
            x=alt.X("low:Q", scale=alt.Scale(nice=False), title=words, axis=axis),
            x2="high:Q",
            y=alt.Y("count:Q", title="rows", axis=alt.Axis(tickCount=4, tickMinStep=1, labelExpr=TICKS)),
            y2=alt.datum(0),
        )
        .properties(width=310, height=150)
    )
    most = max(bars, key=lambda bar: bar["count"], default={"low": 0.0, "high": 0.0, "count": 0.0})
    text = f"Histogram of {side}; the fullest bin, {most['low']:g} to {most['high']:g}, holds {most['count']:,.0f}"
    return vector(chart, side.capitalize(), minus(text))
