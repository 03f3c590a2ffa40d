"""Colours and type shared by all pictures: Okabe and Ito's palette, which colour-blind readers can tell apart."""

from __future__ import annotations

from typing import Any

import altair as alt
import vl_convert

BLUE, ORANGE, GREEN, PALE_ORANGE = "#0072B2", "#E69F00", "#009E73", "#f5c766"
INK, MUTED, RULE, PAPER = "#1f2933", "#5b6770", "#d9dee3", "#ffffff"
WRONG = "#9a3b00"
SHADES = ["#f7fbff", "#c6dbef", "#6baed6", "#2171b5", "#08519c"]
"""From little to much in one hue: lightness alone tells them apart."""

FONT = "DejaVu Sans, Verdana, sans-serif"
SCALE = 2.0
"""Device pixels per CSS pixel of a picture, so that it stays sharp on dense screens and in print."""


def png(chart: Any) -> bytes:
    """An Altair chart as PNG, drawn in this process: no browser, no network."""
    styled = (
        chart.configure(background=PAPER, font=FONT, padding=14)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=INK,
            titleColor=MUTED,
            labelFontSize=13,
            titleFontSize=13,
            titleFontWeight="normal",
            gridColor=RULE,
            domainColor=RULE,
            tickColor=RULE,
            labelLimit=400,
        )
        .configure_title(color=INK, fontSize=17, subtitleColor=MUTED, subtitleFontSize=13, anchor="start", offset=14)
        .configure_legend(labelColor=INK, labelFontSize=13, titleColor=MUTED, titleFontSize=13, labelLimit=400)
    )
    version = "_".join(alt.SCHEMA_VERSION.split(".")[:2])
    return bytes(vl_convert.vegalite_to_png(styled.to_dict(), vl_version=version, scale=SCALE))


def title(text: str, *subtitle: str) -> alt.TitleParams:
    """A heading and lines below it."""
    return alt.TitleParams(text, subtitle=list(subtitle))
