"""The picture of a comparison: a dot per run, a bar at the mean, one panel per figure."""

from __future__ import annotations

from typing import Any

import altair as alt

from fer_spark.reports.look import BLUE, INK, png, title

_TITLES = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro-F1"}


def comparison_picture(rows: list[dict[str, Any]], split: str) -> bytes:
    """PNG; `rows` hold method, figure (accuracy, balanced_accuracy, macro_f1) and value in [0, 1], one per run."""
    order = list(dict.fromkeys(row["method"] for row in rows))
    panels = []
    for number, (figure, text) in enumerate(_TITLES.items()):
        data = alt.InlineData(values=[row for row in rows if row["figure"] == figure])
        labels = alt.Axis(title=None) if number == 0 else alt.Axis(title=None, labels=False, ticks=False)
        y = alt.Y("method:N", sort=order, axis=labels)
        scale = alt.Scale(zero=False, nice=True)
        x = alt.X("value:Q", scale=scale, axis=alt.Axis(title=text, format=".0%", tickCount=5))
        dots = alt.Chart(data).mark_circle(size=60, opacity=0.6, color=BLUE).encode(x=x, y=y)
        mean = alt.X("mean(value):Q", scale=scale)
        bars = alt.Chart(data).mark_tick(thickness=3, size=18, color=INK).encode(x=mean, y=y)
        panels.append((dots + bars).properties(width=240, height=26 * len(order)))
    chart = alt.hconcat(*panels, spacing=18).properties(
        title=title("Remedies for imbalance", f"on {split}: a dot per run, a bar at the mean")
    )
    return png(chart)
