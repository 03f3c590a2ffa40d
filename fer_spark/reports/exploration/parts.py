"""The charts of an exploration's page, by table; sections and the order of tables are exploration.SECTIONS's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fer_spark.exploration import Figures, Section, declared
from fer_spark.reports.exploration import bars, bins, maps, spread
from fer_spark.reports.exploration.draw import Drawing
from fer_spark.reports.exploration.polar import polar

Draw = Callable[[Figures], list[Drawing]]
_BOX = ("valence_low", "valence_high", "arousal_low", "arousal_high", "count")


@dataclass(frozen=True)
class Part:
    """One table and what is drawn from it.

    needs     columns that the charts read; a table without one of them is shown as a table alone
    layout    how its charts stand: `two` beside each other, `many` small ones, `one` wide one below the other
    missing   the text shown where the table is missing; nothing if empty
    heading   given, the part shows a table of another section again: its charts alone, and the way to the table
    note      how to read the charts, beside the table's own note
    """

    table: str
    draw: Draw | None = None
    needs: tuple[str, ...] = ()
    layout: str = "two"
    missing: str = ""
    heading: str = ""
    note: str = ""


_CHARTS = (
    Part("categories", bars.categories, ("split", "label", "count", "share")),
    Part(
        "categories_reference",
        bars.reference,
        ("label", "count", "reference", "difference", "share_lost"),
        missing="Not compared with a reference: --reference-counts FILE does, e.g. with the counts a paper prints.",
    ),
    Part(
        "feelings_summary",
        spread.spreads,
        ("split", "dimension", "min", "q25", "median", "mean", "q75", "max"),
        note="Line: least to greatest; bar: the middle half; dark mark: median; diamond: mean.",
    ),
    Part(
        "feelings_histogram",
        partial(spread.histograms, by="dimension"),
        ("split", "dimension", "low", "high", "count"),
    ),
    Part(
        "feelings_grid",
        maps.fine_maps,
        ("split", *_BOX),
        note="Circle: intensity 1, where valence² + arousal² = 1. Dashed: the quadrants. White: no rows.",
    ),
    Part(
        "feelings_bins",
        bins.counted_map,
        ("split", *_BOX),
        layout="one",
        note="Colour grows with the square root of the number.",
    ),
    Part(
        "feelings_reference",
        bins.reference_map,
        (*_BOX, "reference", "difference"),
        layout="one",
        missing="Bins not compared with a reference: --reference-bins FILE does.",
        note="Blue: more rows than the reference; orange: fewer.",
    ),
    Part(
        "feelings_polar",
        polar,
        ("split", "angle_low_deg", "angle_high_deg", "radius_low", "radius_high", "count"),
        note="Sectors further out are larger: colour is the number of rows, not their density.",
    ),
    Part("feelings_by_label", maps.maps_by_label, ("label", *_BOX), layout="many"),
    Part("splits_sizes", bars.rows_by_split, ("split", "rows", "share")),
    Part("splits_divergence", missing="Fewer than two splits with labels, so there is nothing to compare."),
    Part(
        "splits_difference",
        bins.difference_maps,
        ("p", "q", *_BOX[:4], "difference"),
        layout="one",
        note="Blue: a larger share in the first; orange: in the second.",
    ),
    Part("pictures_shapes", bars.shapes, ("width", "height", "channels", "format", "count", "share")),
    Part(
        "pictures_histogram",
        partial(spread.histograms, by="measure", split=None),
        ("measure", "low", "high", "count"),
    ),
    Part("pictures_duplicates", missing="Duplicates were not searched for."),
)
"""Tables without an entry are shown as tables alone."""

_AGAIN = {
    "splits_sizes": (
        Part(
            "categories", bars.split_shares, ("split", "label", "share"), heading="Categories, splits beside each other"
        ),
    ),
    "splits_difference": (
        Part(
            "feelings_histogram",
            spread.split_histograms,
            ("split", "dimension", "low", "high", "count"),
            heading="Valence and arousal, splits beside each other",
        ),
        Part("feelings_grid", maps.fine_maps_of_splits, ("split", *_BOX), heading="Fine maps, split by split"),
        Part(
            "feelings_bins",
            bins.counted_maps_of_splits,
            ("split", *_BOX),
            layout="one",
            heading="Tables of bins, split by split",
        ),
    ),
}
"""After which tables others are shown again."""

_BY_TABLE = {part.table: part for part in _CHARTS}
declared(*_BY_TABLE, *_AGAIN, *(part.table for parts in _AGAIN.values() for part in parts))


def parts_of(section: Section) -> list[Part]:
    """What a chapter of the page holds, in order: each table of the section, and after some of them others again."""
    return [part for table in section.tables for part in (_BY_TABLE.get(table, Part(table)), *_AGAIN.get(table, ()))]
