"""Valence and arousal as tables: figures, histograms, maps, polar form, one map per label."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fer_spark.exploration import ALL, Figures, Value, declared
from fer_spark.exploring.bins import ANGLE_DEG, COARSE, FINE, MEDIUM, MICRO, NOTE, RADIUS, coarser, count_of, edges_of
from fer_spark.exploring.found import SUMMARY_NOTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fer_spark.exploring.found import Counted, Summary

Cells = dict[tuple[int, int], int]
"""(valence bin, arousal bin) → rows."""

_FEELINGS_SUMMARY, _FEELINGS_HISTOGRAM, _FEELINGS_GRID, _FEELINGS_BINS, _FEELINGS_POLAR, _FEELINGS_BY_LABEL = declared(
    "feelings_summary", "feelings_histogram", "feelings_grid", "feelings_bins", "feelings_polar", "feelings_by_label"
)
_UNUSABLE = "Rows without a usable value (missing, NaN, −2, outside [−1, 1]) are left out; see sanity_values."


def cells_by_split(counted: Counted) -> dict[str, Cells]:
    """Fine cells of all rows and of each split; only rows with both values."""
    found: dict[str, Cells] = {ALL: Counter(), **{split: Counter() for split in counted.splits}}
    for (split, valence, arousal), count in counted.fine.items():
        if valence is not None and arousal is not None:
            found[split][valence, arousal] += count
            found[ALL][valence, arousal] += count
    return found if len(counted.splits) > 1 or counted.splits != ("",) else {ALL: found[ALL]}


def coarse(cells: Mapping[tuple[int, int], int], width: int = COARSE) -> Cells:
    """Fine cells summed up in bins of `width`."""
    found: Cells = Counter()
    for (valence, arousal), count in cells.items():
        found[coarser(valence, FINE, width), coarser(arousal, FINE, width)] += count
    return found


def feelings_tables(counted: Counted, summaries: Sequence[Summary], label_order: Sequence[str]) -> list[Figures]:
    """Every table of the section `feelings` but the reference; none without a row that has a usable value."""
    if not any(v is not None or a is not None for _, v, a in counted.fine):
        return []
    by_split = cells_by_split(counted)
    return [
        _summary(summaries),
        _histogram(counted),
        _grid(by_split),
        _bins(by_split),
        _polar(counted),
        _by_label(counted, label_order),
    ]


def _summary(summaries: Sequence[Summary]) -> Figures:
    columns = ("split", "dimension", "count", "min", "q25", "median", "mean", "q75", "max", "std")
    rows = tuple((s.split, s.measure, s.count, s.low, s.q25, s.median, s.mean, s.q75, s.high, s.std) for s in summaries)
    note = f"intensity is the distance from the neutral point, √(valence² + arousal²). {_UNUSABLE} {SUMMARY_NOTE}"
    return Figures(*_FEELINGS_SUMMARY, "Valence, arousal and intensity", columns, rows, note)


def _histogram(counted: Counted) -> Figures:
    sums: dict[tuple[str, str, int], int] = Counter()
    for (split, valence, arousal), count in counted.fine.items():
        for dimension, index in (("valence", valence), ("arousal", arousal)):
            if index is not None:
                sums[ALL, dimension, index] += count
                sums[split, dimension, index] += count
    rows = [
        (split, dimension, *edges_of(index, FINE), sums[split, dimension, index])
        for split in _shown(counted)
        for dimension in ("valence", "arousal")
        for index in range(count_of(FINE))
    ]
    note = f"Bins of 0.05. {NOTE} {_UNUSABLE}"
    columns = ("split", "dimension", "low", "high", "count")
    return Figures(*_FEELINGS_HISTOGRAM, "Histograms of valence and arousal", columns, tuple(rows), note)


def _grid(by_split: Mapping[str, Cells]) -> Figures:
    rows = [
        (split, *edges_of(valence, FINE), *edges_of(arousal, FINE), cells[valence, arousal])
        for split, cells in by_split.items()
        for valence, arousal in sorted(cells)
    ]
    columns = ("split", "valence_low", "valence_high", "arousal_low", "arousal_high", "count")
    note = f"Bins of 0.05 by 0.05; empty ones are left out. {NOTE}"
    return Figures(*_FEELINGS_GRID, "Valence and arousal of all rows", columns, tuple(rows), note)


def paper_cells() -> Iterable[tuple[int, int]]:
    """(valence, arousal) indices of the 10 by 10 table as the AffectNet paper prints it: high arousal on top."""
    bins = range(count_of(COARSE))
    return ((valence, arousal) for arousal in reversed(bins) for valence in bins)


def _bins(by_split: Mapping[str, Cells]) -> Figures:
    rows: list[tuple[Value, ...]] = []
    for split, cells in by_split.items():
        sums = coarse(cells)
        for valence, arousal in paper_cells():
            rows.append(
                (split, *edges_of(arousal, COARSE), *edges_of(valence, COARSE), sums.get((valence, arousal), 0))
            )
    columns = ("split", "arousal_low", "arousal_high", "valence_low", "valence_high", "count")
    note = (
        "All 100 bins of 0.2 by 0.2, in the order of the table in the AffectNet paper (Mollahosseini et al., 2017): "
        f"arousal falls from row to row, valence rises from column to column. {NOTE}"
    )
    return Figures(*_FEELINGS_BINS, "The 10 × 10 table of the AffectNet paper", columns, tuple(rows), note)


def _polar(counted: Counted) -> Figures:
    sums: dict[tuple[str, int, int], int] = Counter()
    for (split, angle, ring), count in counted.polar.items():
        sums[ALL, angle, ring] += count
        sums[split, angle, ring] += count
    rows = [
        (
            split,
            angle * ANGLE_DEG,
            (angle + 1) * ANGLE_DEG,
            ring * RADIUS / MICRO,
            (ring + 1) * RADIUS / MICRO,
            sums[split, angle, ring],
        )
        for split in _shown(counted)
        for angle in range(360 // ANGLE_DEG)
        for ring in range(max((r for _, _, r in sums), default=0) + 1)
        if sums.get((split, angle, ring))
    ]
    columns = ("split", "angle_low_deg", "angle_high_deg", "radius_low", "radius_high", "count")
    note = (
        "Angle and distance from the neutral point: 0° is pleasant, 90° excited, 180° unpleasant, 270° calm; the "
        "neutral point itself counts as 0°. Half-open bins of 15° by 0.1; empty ones are left out."
    )
    return Figures(*_FEELINGS_POLAR, "Direction and intensity", columns, tuple(rows), note)


def _by_label(counted: Counted, label_order: Sequence[str]) -> Figures:
    place = {label: i for i, label in enumerate(label_order)}
    rows = [
        (label, *edges_of(valence, MEDIUM), *edges_of(arousal, MEDIUM), count)
        for (label, valence, arousal), count in sorted(
            counted.by_label.items(), key=lambda item: (place.get(item[0][0], len(place)), item[0])
        )
    ]
    columns = ("label", "valence_low", "valence_high", "arousal_low", "arousal_high", "count")
    note = f"Bins of 0.1 by 0.1; empty ones are left out; at most the 40 most frequent labels. {NOTE}"
    return Figures(*_FEELINGS_BY_LABEL, "Valence and arousal by label", columns, tuple(rows), note)


def _shown(counted: Counted) -> tuple[str, ...]:
    """`all`, and the splits where there are some."""
    return (ALL,) if counted.splits == ("",) else (ALL, *counted.splits)
