"""How measures are distributed: histograms, spreads, and splits beside each other as lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import altair as alt

from fer_spark.exploration import ALL, Figures
from fer_spark.reports.exploration.bars import COLOURS, PERCENT, WIDTH, Record, cycle, names_axis, names_in
from fer_spark.reports.exploration.cells import shown, split_name
from fer_spark.reports.exploration.draw import TICKS, Drawing, data, finite, number, vector
from fer_spark.reports.look import BLUE, INK, MUTED, PALE_ORANGE, PAPER

UNITS = {
    "width": "width (pixels)",
    "height": "height (pixels)",
    "aspect_ratio": "aspect ratio (width : height)",
    "bytes": "file size (bytes)",
    "brightness": "brightness (mean pixel, 0 black to 1 white)",
    "contrast": "contrast (deviation of pixels, 0 to 0.5)",
    "sharpness": "sharpness (variance of the Laplacian)",
    "valence": "valence (−1 unpleasant to 1 pleasant)",
    "arousal": "arousal (−1 calm to 1 excited)",
    "intensity": "intensity (distance from neutral)",
}
_LABEL = 0.14
"""Room that the label of a tick takes, as a share of its axis."""

_FEW = 3
"""Fewer bins than this are drawn with room beside them."""

DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3]]


def histograms(figures: Figures, by: str, split: str | None = ALL) -> list[Drawing]:
    """One histogram for each value of the column `by` (dimension, measure), of one split where there are splits."""
    rows = figures.where(split=split) if split is not None and "split" in figures.columns else figures.records()
    return [_histogram(str(name), [row for row in rows if row[by] == name]) for name in names_in(rows, by)]


def _histogram(name: str, rows: Sequence[Record]) -> Drawing:
    bins = [{key: number(row[key]) for key in ("low", "high", "count")} for row in rows if finite(row["count"])]
    bins = _from_above_zero([bar for bar in bins if bar["high"] > bar["low"]])
    signed = name in ("valence", "arousal")
    unit = "rows" if signed else "pictures"
    scale = _scale(bins, signed)
    ticks = {"values": _ticks(bins)} if scale.to_dict().get("type") == "log" else {"tickCount": 5}
    axis = alt.Axis(labelExpr=TICKS, grid=False, **ticks)
    x = alt.X("low:Q", scale=scale, title=UNITS.get(name, name.replace("_", " ")), axis=axis)
    base = alt.Chart(data(bins)).encode(
        x=x, x2="high:Q", y=alt.Y("count:Q", title=unit, axis=alt.Axis(tickCount=4, tickMinStep=1, labelExpr=TICKS))
    )
    chart: Any = base.mark_bar(color=BLUE, stroke=PAPER, strokeWidth=0.7, binSpacing=0).encode(y2=alt.datum(0))
    if signed:
        zero = alt.Chart(data([{"x": 0}])).mark_rule(color=INK, strokeDash=[4, 3]).encode(x="x:Q")
        chart = alt.layer(chart, zero)
    total = sum(bar["count"] for bar in bins)
    fullest = max(bins, key=lambda bar: bar["count"], default={"low": 0.0, "high": 0.0, "count": 0.0})
    words = (
        f"Histogram of {UNITS.get(name, name)}, {total:,.0f} values; the fullest bin, {shown('low', fullest['low'])} to"
        f" {shown('high', fullest['high'])}, holds {fullest['count']:,.0f}"
    )
    return vector(chart.properties(width=WIDTH - 20, height=170), name.replace("_", " ").capitalize(), words)


def _from_above_zero(bins: list[dict[str, float]]) -> list[dict[str, float]]:
    """Bins that grow by one factor, the first of them from 0: drawn as wide as the others, as a logarithm has no 0."""
    rest = [bar for bar in bins if bar["low"] > 0]
    if len(rest) < len(bins) and len(rest) > 2 and _grows(rest):
        factor = rest[0]["high"] / rest[0]["low"]
        return [{**bar, "low": bar["low"] or bar["high"] / factor} for bar in bins]
    return bins


def _grows(bins: Sequence[dict[str, float]]) -> bool:
    """Whether each bin is wider than the one before by the same factor, but for rounding."""
    ratios = [bar["high"] / bar["low"] for bar in bins if bar["low"] > 0]
    steps = [bar["high"] - bar["low"] for bar in bins]
    return len(ratios) == len(bins) and max(steps) > 2 * min(steps) and max(ratios) - min(ratios) < 0.1 * max(ratios)


def _scale(bins: Sequence[dict[str, float]], signed: bool) -> alt.Scale:
    """Logarithmic where the bins are: their edges then grow by one factor, but for rounding."""
    if signed:
        return alt.Scale(domain=[-1, 1])
    if len(bins) >= _FEW and _grows(bins):
        return alt.Scale(type="log", nice=False)
    if 0 < len(bins) < _FEW:  # a bar or two would fill the frame, and say nothing
        low, high = min(bar["low"] for bar in bins), max(bar["high"] for bar in bins)
        room = 3 * max(bar["high"] - bar["low"] for bar in bins)
        return alt.Scale(domain=[max(0.0, low - room), high + room], nice=False)
    return alt.Scale(zero=False, nice=False)


def _ticks(bins: Sequence[dict[str, float]]) -> list[float]:
    """Ticks of a logarithmic axis, as many as have room for their labels: 1, 2, 5, 10 or 1, 3, 10 or powers of ten."""
    low, high = min(bar["low"] for bar in bins), max(bar["high"] for bar in bins)
    for between in ((1, 2, 5), (1, 3), (1,)):
        ticks = [k * 10.0**power for power in range(-9, 16) for k in between if low <= k * 10.0**power <= high]
        least = min((math.log(b / a) for a, b in pairwise(ticks)), default=math.inf)
        if least > _LABEL * math.log(high / low):
            return ticks
    return ticks[::2]


def spreads(figures: Figures) -> list[Drawing]:
    """Least, quartiles, median, mean and greatest value, split by split, for each dimension or measure."""
    by = "dimension" if "dimension" in figures.columns else "measure"
    rows = [row for row in figures.records() if all(finite(row[key]) for key in ("min", "q25", "median", "q75", "max"))]
    return [_spread(str(name), [row for row in rows if row[by] == name]) for name in names_in(rows, by)]


def _spread(name: str, rows: Sequence[Record]) -> Drawing:
    values = [{**row, "name": split_name(row["split"])} for row in rows]
    edges = [number(row[key]) for row in rows for key in ("min", "max")]
    domain = [*_ends(edges)]
    if name in ("valence", "arousal"):
        domain = [min(-1, *edges), max(1, *edges)]
    axis = alt.Axis(tickCount=5, labelExpr=TICKS)
    base = alt.Chart(data(values)).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=names_axis()),
    )
    line = base.mark_rule(color=MUTED, strokeWidth=1.5).encode(
        x=alt.X("min:Q", title=UNITS.get(name, name), axis=axis, scale=alt.Scale(domain=domain, nice=False)), x2="max:Q"
    )
    box = base.mark_bar(color=PALE_ORANGE, height=14).encode(x="q25:Q", x2="q75:Q")
    median = base.mark_tick(color=INK, thickness=3, height=18).encode(x="median:Q")
    mean = base.transform_filter("isValid(datum.mean)").mark_point(
        shape="diamond", filled=True, size=70, color=BLUE, stroke=PAPER, strokeWidth=1, opacity=1
    )
    chart = alt.layer(line, box, median, mean.encode(x="mean:Q")).properties(width=WIDTH - 70, height=30 * len(rows))
    words = "; ".join(
        f"{row['name']}: {shown('min', row['min'])} to {shown('max', row['max'])},"
        f" quartiles {shown('q25', row['q25'])},"
        f" {shown('median', row['median'])}, {shown('q75', row['q75'])}, mean {shown('mean', row['mean'])}"
        for row in values
    )
    return vector(chart, name.replace("_", " ").capitalize(), f"Spread of {name}. {words}")


def split_histograms(figures: Figures) -> list[Drawing]:
    """Share of each bin, one line for each split, for each dimension."""
    rows = [row for row in figures.records() if row["split"] != ALL and finite(row["count"])]
    return [
        _lines(str(name), [row for row in rows if row["dimension"] == name]) for name in names_in(rows, "dimension")
    ]


def _lines(name: str, rows: Sequence[Record]) -> Drawing:
    splits = names_in(rows, "split")
    values: list[dict[str, Any]] = []
    for split in splits:
        own = [row for row in rows if row["split"] == split]
        total = sum(number(row["count"]) for row in own) or 1.0
        edges = [*((row["low"], row["count"]) for row in own), (own[-1]["high"], own[-1]["count"])]
        values += [{"split": split_name(split), "low": number(x), "share": number(n) / total} for x, n in edges]
    names = [split_name(split) for split in splits]
    key = alt.Legend(title=None, orient="top", symbolType="stroke", symbolStrokeWidth=2.5, symbolSize=900, columns=3)
    chart = (
        alt.Chart(data(values))
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X(
                "low:Q",
                title=UNITS.get(name, name),
                scale=alt.Scale(domain=[-1, 1]),
                axis=alt.Axis(tickCount=5, labelExpr=TICKS),
            ),
            y=alt.Y("share:Q", title="share of the split per bin", axis=alt.Axis(tickCount=4, labelExpr=PERCENT)),
            color=alt.Color("split:N", scale=alt.Scale(domain=names, range=cycle(COLOURS, names)), legend=key),
            strokeDash=alt.StrokeDash("split:N", scale=alt.Scale(domain=names, range=cycle(DASHES, names)), legend=key),
        )
        .properties(width=WIDTH - 30, height=190)
    )
    words = f"Share of each bin of {name} in {', '.join(names)}"
    return vector(chart, name.capitalize(), words)


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """From 0, or less, to the greatest value."""
    low, high = min(0.0, *values), max(values)
    return (low, high) if high > low else (low, low + 1.0)
