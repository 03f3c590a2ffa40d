"""Bars of an exploration, with their numbers beside them: categories, reference counts, splits, shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from fer_spark.exploration import ALL, Figures, Value
from fer_spark.labels import NO_EXPRESSION
from fer_spark.reports.exploration.cells import label_name, percent, shown, split_name
from fer_spark.reports.exploration.draw import Drawing, data, finite, number, vector
from fer_spark.reports.look import BLUE, GREEN, INK, MUTED, ORANGE, PAPER

Record = dict[str, Value]
WIDTH = 330
"""Width of a chart with its axis, px, about: it fits a phone, and three stand side by side on a desk."""

PERCENT = "format(100 * datum.value, '~r') + ' %'"
_BAR = 24


def categories(figures: Figures) -> list[Drawing]:
    """One chart of counts and shares for all data, and one for each split where there are several."""
    names = list(dict.fromkeys(figures.column("split")))
    splits = [name for name in names if name != ALL]
    return [_categories_of(figures, name) for name in names if name == ALL or len(splits) > 1 or ALL not in names]


def _categories_of(figures: Figures, split: Value) -> Drawing:
    rows = [row for row in figures.where(split=split) if finite(row["count"])]
    total = sum(number(row["count"]) for row in rows)
    bars = [
        {
            "label": label_name(row["label"]),
            "count": number(row["count"]),
            "text": _counted(row),
            "kind": "no expression" if row["label"] in (*NO_EXPRESSION, "", None) else "expression",
        }
        for row in rows
    ]
    words = "; ".join(f"{bar['label']} {bar['text']}" for bar in bars)
    title = f"{split_name(split)}: {total:,.0f} rows"
    chart = _bars(bars, WIDTH - 40, _room(bars))
    return vector(chart, title, f"Bars of counts and shares, {title}. {words}")


def reference(figures: Figures) -> list[Drawing]:
    """The share that each category lost against the reference counts."""
    rows = [row for row in figures.records() if finite(row["share_lost"])]
    bars = [
        {
            "label": label_name(row["label"]),
            "count": number(row["share_lost"]),
            "text": f"{shown('difference', row['difference'])} of {shown('count', row['reference'])}"
            f" · {percent(number(row['share_lost']))}",
            "kind": "gained" if number(row["share_lost"]) < 0 else "lost",
        }
        for row in rows
    ]
    most = max([0.01, *(number(bar["count"]) for bar in bars)])
    least = min([0.0, *(number(bar["count"]) for bar in bars)])
    chart = _bars(bars, WIDTH - 40, alt.Scale(domain=[least, most + 1.1 * (most - least)], nice=False))
    words = "; ".join(f"{bar['label']} {bar['text']}" for bar in bars)
    return [vector(chart, "Share lost against the reference", f"Bars of the share lost by category. {words}")]


def shapes(figures: Figures) -> list[Drawing]:
    """The ten most frequent shapes."""
    bars = [
        {
            "label": f"{row['width']} × {row['height']}, {_colour(row['channels'])}, {row['format']}",
            "count": number(row["count"]),
            "text": _counted(row),
            "kind": "expression",
        }
        for row in [row for row in figures.records() if all(finite(row[side]) for side in ("width", "height"))][:10]
    ]
    chart = _bars(bars, WIDTH - 110, _room(bars))
    words = "; ".join(f"{bar['label']} {bar['text']}" for bar in bars)
    return [vector(chart, "Most frequent shapes", f"Bars of the most frequent sizes, colours and file types. {words}")]


def rows_by_split(figures: Figures) -> list[Drawing]:
    """Rows of each split, with their share of all."""
    rows = [row for row in figures.records() if finite(row["rows"]) and finite(row["share"])]
    total = sum(number(row["rows"]) for row in rows)
    bars = [
        {
            "label": split_name(row["split"]),
            "count": number(row["rows"]),
            "text": f"{number(row['rows']):,.0f} · {100 * number(row['share']):.2f} %",
            "kind": "expression",
        }
        for row in rows
    ]
    words = "; ".join(f"{bar['label']} {bar['text']}" for bar in bars)
    return [vector(_bars(bars, WIDTH - 40, _room(bars)), f"{total:,.0f} rows", f"Bars of rows by split. {words}")]


def split_shares(figures: Figures) -> list[Drawing]:
    """Share of each category, splits beside each other."""
    rows = [row for row in figures.records() if row["split"] != ALL and finite(row["share"])]
    seen = {row["label"] for row in rows if row["share"]}
    rows = [row for row in rows if row["label"] in seen]
    if not rows:
        return []
    splits = [split_name(name) for name in names_in(rows, "split")]
    labels = list(dict.fromkeys(label_name(row["label"]) for row in rows))
    dots = [
        {"label": label_name(row["label"]), "split": split_name(row["split"]), "share": number(row["share"])}
        for row in rows
    ]
    axis = alt.Axis(tickCount=5, labelExpr=PERCENT)
    base = alt.Chart(data(dots)).encode(
        x=alt.X("share:Q", title="share of the split", axis=axis),
        y=alt.Y("label:N", sort=labels, title=None, axis=names_axis(grid=True)),
    )
    line = base.mark_line(color=MUTED, strokeWidth=1.5).encode(detail="label:N")
    key = alt.Legend(title=None, orient="top", symbolSize=90, columns=3)
    points = base.mark_point(filled=True, size=90, opacity=1, stroke=PAPER, strokeWidth=0.7).encode(
        shape=alt.Shape("split:N", scale=alt.Scale(domain=splits, range=cycle(SHAPES, splits)), legend=key),
        color=alt.Color("split:N", scale=alt.Scale(domain=splits, range=cycle(COLOURS, splits)), legend=key),
    )
    chart = alt.layer(line, points).properties(width=WIDTH - 40, height=_BAR * len(labels))
    words = "; ".join(f"{dot['label']} in {dot['split']} {percent(float(str(dot['share'])))}" for dot in dots)
    return [vector(chart, "Share of each category", f"Dots of the share of each category by split. {words}")]


SHAPES = ["circle", "diamond", "triangle-up", "square"]
COLOURS = [BLUE, ORANGE, GREEN, MUTED]


def _bars(bars: Sequence[dict[str, Any]], width: int, scale: alt.Scale) -> Any:
    """Bars with their number and share beside them, in place of an axis."""
    names = [bar["label"] for bar in bars]
    colours = alt.Scale(domain=["expression", "lost", "gained", "no expression"], range=[BLUE, ORANGE, BLUE, MUTED])
    base = alt.Chart(data(bars)).encode(
        x=alt.X("count:Q", scale=scale, axis=None),
        y=alt.Y("label:N", sort=names, title=None, axis=names_axis(labelLimit=WIDTH + 100 - width)),
    )
    bar = base.mark_bar(height=15).encode(color=alt.Color("kind:N", scale=colours, legend=None))
    text = base.mark_text(align="left", dx=5, fontSize=12, color=INK).encode(
        text="text:N", x=alt.X("end:Q", scale=scale, axis=None)
    )
    text = text.transform_calculate(end="max(0, datum.count)")
    return alt.layer(bar, text).properties(width=width, height=_BAR * max(1, len(bars)))


def _room(bars: Sequence[dict[str, Any]]) -> alt.Scale:
    """A scale from 0 that leaves room for the words beside the longest bar."""
    return alt.Scale(domain=[0, 1.6 * max([1.0, *(bar["count"] for bar in bars)])], nice=False)


def _counted(row: Record) -> str:
    count = number(row["count"])
    return f"{count:,.0f} · {percent(number(row['share']))}" if count else "0"


def names_axis(**more: Any) -> alt.Axis:
    """An axis of names, none left out; long ones are cut, as the table has them whole."""
    return alt.Axis(
        **{"ticks": False, "domain": False, "labelPadding": 6, "labelOverlap": False, "labelLimit": 140, **more}
    )


def names_in(rows: Sequence[Record], column: str) -> list[Value]:
    """The values of a column, each once, in row order."""
    return list(dict.fromkeys(row[column] for row in rows))


def cycle(choices: Sequence[Any], names: Sequence[Any]) -> list[Any]:
    """One choice for each name, from the start again where they run out."""
    return [choices[k % len(choices)] for k in range(len(names))]


def _colour(channels: Value) -> str:
    known = {1: "gray", 3: "colour", 4: "colour and alpha"}
    return known.get(channels, f"{channels} channels") if isinstance(channels, int) else "?"
