"""Charts of an evaluation: confusion matrix, reliability diagram, scores per class."""

from __future__ import annotations

import math
from typing import Any

import altair as alt

from fer_spark.metrics import Evaluation, row_rates
from fer_spark.reports.look import BLUE, GREEN, INK, MUTED, ORANGE, PALE_ORANGE, PAPER, SHADES, png, title

_PERCENT = "format(100 * datum.value, '.0f') + ' %'"
_SHADES = alt.Scale(type="pow", exponent=0.75, domain=[0, 1], range=SHADES)
MOST_NUMBERED = 24
_MARKS = [("precision", "triangle-right", GREEN), ("recall", "diamond", ORANGE)]


def confusion_picture(scores: Evaluation) -> bytes:
    """PNG of the confusion matrix: share of each true class as colour and number, count below it.

    Of more than MOST_NUMBERED classes only the colours: with numbers, 200 classes would take gigabytes to draw.
    """
    names, rates = scores.label_names, row_rates(scores.confusion)
    rows = [f"{label.name} ({label.support:,})" for label in scores.per_class]
    cells = []
    for i, j in ((i, j) for i in range(len(names)) for j in range(len(names))):
        known = math.isfinite(rates[i, j])
        cells.append(
            {
                "true": rows[i],
                "predicted": names[j],
                "rate": float(rates[i, j]) if known else 0.0,
                "share": f"{100 * rates[i, j]:.0f} %" if known else "–",
                "count": f"{scores.confusion[i, j]:,}",
            }
        )
    numbered = len(names) <= MOST_NUMBERED
    side = 84 if len(names) <= 8 else 72 if numbered else 20
    base = alt.Chart(_data(cells)).encode(
        x=alt.X("predicted:N", sort=list(names), title="predicted", axis=_names_on_top(names)),
        y=alt.Y("true:N", sort=rows, title="true", axis=_plain_axis(titlePadding=14)),
    )
    ink = alt.condition("datum.rate > 0.6", alt.value(PAPER), alt.value(INK))
    squares = base.mark_rect(stroke=PAPER, strokeWidth=2).encode(color=alt.Color("rate:Q", scale=_SHADES, legend=None))
    share = base.mark_text(dy=-7, fontSize=15, fontWeight="bold").encode(text="share:N", color=ink)
    count = base.mark_text(dy=12, fontSize=12).encode(text="count:N", color=ink)
    below = "and the number of pictures below it" if numbered else "as colour alone: the darker, the more"
    heading = title("Confusion matrix", "share of each true class (rows: 100 %),", below)
    layers = alt.layer(*((squares, share, count) if numbered else (squares,))).properties(
        width=side * len(names), height=side * 0.72 * len(names), title=heading
    )
    return png(layers)


def reliability_picture(scores: Evaluation) -> bytes:
    """PNG of the reliability diagram: accuracy against confidence per bin, and how many rows each bin holds."""
    found = scores.calibration
    data = _data([dict(vars(found_bin)) for found_bin in found.bins if found_bin.rows])
    whole = alt.Scale(domain=[0, 1])
    x = alt.X("lower:Q", scale=whole, title=None, axis=alt.Axis(labels=False, ticks=False, tickCount=5))
    y = alt.Y("accuracy:Q", scale=whole, title="accuracy", axis=alt.Axis(labelExpr=_PERCENT, tickCount=5))
    base = alt.Chart(data).encode(x=x, x2="upper:Q")
    bars = base.mark_bar(color=BLUE, stroke=PAPER, strokeWidth=1).encode(y=y, y2=alt.datum(0))
    gaps = base.mark_bar(color=PALE_ORANGE, stroke=PAPER, strokeWidth=1).encode(y=y, y2="confidence:Q")
    levels = base.mark_rule(color=INK, strokeWidth=3).encode(y=y)
    diagonal = (
        alt.Chart(_data([{"a": 0, "b": 0}, {"a": 1, "b": 1}]))
        .mark_line(color=INK, strokeDash=[6, 4], strokeWidth=1.5)
        .encode(x=alt.X("a:Q", scale=whole, title=None), y=alt.Y("b:Q", scale=whole, title="accuracy"))
    )
    below = base.mark_bar(color=MUTED, stroke=PAPER, strokeWidth=1).encode(
        x=alt.X(
            "lower:Q",
            scale=whole,
            title="confidence: the top probability",
            axis=alt.Axis(labelExpr=_PERCENT, tickCount=5),
        ),
        y=alt.Y("rows:Q", title="pictures", axis=alt.Axis(tickCount=3, format=",d")),
        y2=alt.datum(0),
    )
    heading = title(
        "How far a probability can be believed",
        f"expected calibration error {_points(found.ece)}, largest gap {_points(found.mce)}",
        "black: accuracy of each bin; orange: its gap to the confidence; dashed: none",
    )
    above = alt.layer(bars, gaps, levels, diagonal).properties(width=500, height=380)
    return png(alt.vconcat(above, below.properties(width=500, height=90), spacing=8).properties(title=heading))


def classes_picture(scores: Evaluation) -> bytes:
    """PNG of F1 per class as bars, with precision and recall as marks."""
    rows = [f"{label.name} ({label.support:,})" for label in scores.per_class]
    values: list[dict[str, Any]] = []
    for row, label in zip(rows, scores.per_class, strict=True):
        known = label.support > 0
        values.append(
            {
                "class": row,
                "f1": label.f1 if known else 0.0,
                "text": f"{label.f1:.2f}" if known else "no pictures",
                "precision": label.precision if known else None,
                "recall": label.recall if known else None,
            }
        )
    whole = alt.Scale(domain=[0, 1])
    base = alt.Chart(_data(values)).encode(
        y=alt.Y("class:N", sort=rows, title=None, axis=_plain_axis(labelPadding=16)),
    )
    bars = base.mark_bar(color=BLUE, height=22).encode(
        x=alt.X("f1:Q", scale=whole, title="F1 (bar, number inside), precision and recall", axis=alt.Axis(tickCount=5))
    )
    inside = base.mark_text(align="left", dx=6, fontSize=13, fontWeight="bold").encode(
        x=alt.datum(0), text="text:N", color=alt.condition("datum.f1 > 0.12", alt.value(PAPER), alt.value(INK))
    )
    kinds, shapes, colours = ([*column] for column in zip(*_MARKS, strict=True))
    marks = (
        base.transform_fold([*kinds], as_=["kind", "value"])
        .transform_filter("isValid(datum.value)")
        .mark_point(filled=True, size=110, opacity=1, stroke=INK, strokeWidth=1)
        .encode(
            x=alt.X("value:Q", scale=whole),
            shape=alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=shapes), legend=_legend()),
            fill=alt.Fill("kind:N", scale=alt.Scale(domain=kinds, range=colours), legend=_legend()),
        )
    )
    heading = title(
        "How well each class does", f"macro-F1 {scores.macro.f1:.3f}; in brackets the pictures that have the class"
    )
    layers = alt.layer(bars, inside, marks).properties(width=520, height=36 * len(rows), title=heading)
    return png(layers)


def _data(values: list[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=values)


def _names_on_top(names: tuple[str, ...]) -> alt.Axis:
    longest = max(map(len, names))
    upright = len(names) > MOST_NUMBERED
    slanted = longest > 9 or upright
    return alt.Axis(
        orient="top",
        labelAngle=-90 if upright else -35 if slanted else 0,
        labelAlign="left" if slanted else "center",
        ticks=False,
        domain=False,
        labelPadding=6,
        titlePadding=12,
        labelOverlap=False,
    )


def _plain_axis(**more: Any) -> alt.Axis:
    return alt.Axis(**{"ticks": False, "domain": False, "labelPadding": 8, "labelOverlap": False, **more})


def _legend() -> alt.Legend:
    return alt.Legend(title=None, orient="bottom", direction="horizontal", symbolSize=110)


def _points(value: float) -> str:
    return f"{100 * value:.1f} points" if math.isfinite(value) else "unknown"
