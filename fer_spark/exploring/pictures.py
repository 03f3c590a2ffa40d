"""Pictures as tables: sizes, measures, pixel values, copies, leaks and contradictions among copies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fer_spark.exploration import ALL, Figures, declared
from fer_spark.exploring.found import SUMMARY_NOTE
from fer_spark.exploring.sanity import SEPARATOR

if TYPE_CHECKING:
    from fer_spark.exploring.found import PictureFigures, PixelSums, Twins

_SHAPES, _SUMMARY, _HISTOGRAM, _PIXELS = declared(
    "pictures_shapes", "pictures_summary", "pictures_histogram", "pictures_pixels"
)
_DUPLICATES, _LEAKS, _CONFLICTS = declared("pictures_duplicates", "pictures_leaks", "pictures_conflicts")
_ORDER = {name: i for i, name in enumerate((ALL, "train", "val", "test", ""))}
_MEASURES = (
    "Brightness and contrast are mean and standard deviation of gray in [0, 1], sharpness the variance of the "
    "Laplacian, all of the {what} at 48 × 48 px."
)


def picture_tables(figures: PictureFigures, what: str) -> list[Figures]:
    """Shapes, summaries and histograms; none where no picture was measured. what: `whole picture` or `face`."""
    if not figures.measured:
        return []
    share = [round(shape.count / figures.measured, 6) for shape in figures.shapes]
    shapes = tuple(
        (shape.width, shape.height, shape.channels, shape.format, shape.count, part)
        for shape, part in zip(figures.shapes, share, strict=True)
    )
    more = figures.shape_count - len(shapes)
    note = f"Upright, as the file says. The most frequent {len(shapes)} of {figures.shape_count:,} combinations" + (
        f"; the other {more:,} have {figures.measured - sum(shape.count for shape in figures.shapes):,} pictures."
        if more
        else "."
    )
    columns = ("width", "height", "channels", "format", "count", "share")
    measured = _MEASURES.format(what=what)
    summary = tuple(
        (s.split, s.measure, s.count, s.low, s.q25, s.median, s.mean, s.q75, s.high)
        for s in figures.summaries
        if s.split or any(summary.split not in (ALL, "") for summary in figures.summaries)
    )
    named = ("split", "measure", "count", "min", "q25", "median", "mean", "q75", "max")
    bins = (
        "Half-open bins; width, height, bytes and sharpness have ten bins from each power of ten to the next. "
        f"Empty bins are left out. {measured}"
    )
    return [
        Figures(*_SHAPES, "Sizes, channels and formats", columns, shapes, note),
        Figures(*_SUMMARY, "Measures", named, summary, f"{measured} {SUMMARY_NOTE}"),
        Figures(
            *_HISTOGRAM,
            "How often each measure occurs",
            ("measure", "low", "high", "count"),
            tuple(figures.histograms),
            bins,
        ),
    ]


def pixels_table(sums: Sequence[PixelSums]) -> list[Figures]:
    """Mean and deviation over all pixel values, per split and over all."""
    splits = sorted({row.split for row in sums}, key=lambda split: _ORDER.get(split, 9))
    rows = []
    for split in [ALL] if splits == [""] else [ALL, *splits]:
        of = [row for row in sums if split in (ALL, row.split)]
        pixels, pictures = sum(row.pixels for row in of), sum(row.pictures for row in of)
        if pixels:
            mean = sum(row.total for row in of) / pixels
            spread = math.sqrt(max(sum(row.squares for row in of) / pixels - mean * mean, 0.0))
            rows.append((split, round(mean / 255, 6), round(spread / 255, 6), pictures))
    if not rows:
        return []
    note = (
        "Over all values of all pixels, scaled to [0, 1]; each channel of a colour picture counts. Large JPEG pictures "
        "are decoded at a half, a quarter or an eighth of their size."
    )
    columns = ("split", "mean", "deviation", "pictures")
    return [Figures(*_PIXELS, "Pixel values", columns, tuple(rows), note)]


def twin_tables(twins: Twins, near_bits: int) -> list[Figures]:
    """Copies, leaks between splits, and copies under different labels."""
    exact = "exact: equal pixels as decoded"
    near = f"; near: unequal pixels, perceptual hashes within {near_bits} of 64 bits" if near_bits else ""
    groups = tuple((group.kind, group.groups, group.pictures, group.redundant) for group in twins.groups)
    leaks = tuple(
        (leak.kind, leak.first, leak.second, leak.count, SEPARATOR.join(leak.examples)) for leak in twins.leaks
    )
    conflicts = tuple(
        (conflict.kind, conflict.first, conflict.second, conflict.count, SEPARATOR.join(conflict.examples))
        for conflict in twins.conflicts
    )
    return [
        Figures(
            *_DUPLICATES,
            "Copies",
            ("kind", "groups", "pictures", "redundant"),
            groups,
            f"{exact}{near}. redundant = pictures − groups. Near-copies are grouped with the least hash within reach, "
            "and pictures of equal pixels count once there, so that their redundant is a lower bound.",
        ),
        Figures(
            *_LEAKS,
            "Copies in two splits",
            ("kind", "split_a", "split_b", "pictures", "examples"),
            leaks,
            f"Pictures of split_a whose nearest copy is in split_b, where train < val < test; {exact}{near}. "
            "build-shards --leak-guard drop takes them out of train.",
        ),
        Figures(
            *_CONFLICTS,
            "Copies under two labels",
            ("kind", "label_a", "label_b", "pairs", "examples"),
            conflicts,
            f"Pairs of pictures, {exact}{near}.",
        ),
    ]
