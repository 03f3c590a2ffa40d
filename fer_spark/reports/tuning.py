"""The chart of a search: hyperparameter importance."""

from __future__ import annotations

import altair as alt

from fer_spark.reports.look import BLUE, INK, MUTED, png, title


def importances_picture(importances: dict[str, float], compared: str, note: str = "") -> bytes:
    """PNG of each setting's share in the variance, largest first; without shares, of `note`, which says why.

    `compared` is the figure and the number of trials, e.g. "accuracy over 20 trials".
    """
    heading = title("Hyperparameter importance", f"share of each in the variance of {compared} (fANOVA)")
    if not importances:
        text = alt.Chart(alt.InlineData(values=[{"text": note or "nothing to compare"}]))
        words = text.mark_text(color=MUTED, fontSize=15, align="left").encode(text="text:N", x=alt.value(0))
        return png(words.properties(width=520, height=60, title=heading))
    ranked = sorted(importances.items(), key=lambda item: (-item[1], item[0]))
    values = [{"setting": name, "share": share, "text": f"{100 * share:.0f} %"} for name, share in ranked]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        y=alt.Y(
            "setting:N",
            sort=[name for name, _ in ranked],
            title=None,
            axis=alt.Axis(ticks=False, domain=False, labelPadding=8, labelOverlap=False),
        ),
        x=alt.X(
            "share:Q",
            scale=alt.Scale(domain=[0, 1]),
            title="share of the variance",
            axis=alt.Axis(labelExpr="format(100 * datum.value, '.0f') + ' %'", tickCount=5),
        ),
    )
    bars = base.mark_bar(color=BLUE, height=22)
    shares = base.mark_text(align="left", dx=6, fontSize=13, fontWeight="bold", color=INK).encode(text="text:N")
    return png(alt.layer(bars, shares).properties(width=520, height=36 * len(ranked), title=heading))
