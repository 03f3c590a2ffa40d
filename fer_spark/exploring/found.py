"""Results of the Spark passes over the data, as small plain values from which the tables are built."""

from __future__ import annotations

from dataclasses import dataclass

EXACT, NEAR = "exact", "near"
ACCURACY = 10_000
SUMMARY_NOTE = (
    f"Quartiles are Spark's percentile_approx with accuracy {ACCURACY:,}: values of the data whose rank is off by at "
    f"most 1/{ACCURACY:,} of the rows. std divides by n − 1. Figures are rounded to 6 decimals."
)


@dataclass(frozen=True)
class Counted:
    """What the pass found. Splits and labels are names, "" for none; bins are indices (bins.FINE, bins.MEDIUM).

    labels     (split, label) → rows
    fine       (split, valence bin, arousal bin) → rows; a bin is None where that value is missing or unusable
    polar      (split, angle index, ring index) → rows
    by_label   (label, valence bin, arousal bin) → rows, in bins of 0.1
    checks     (split, check) → rows; check as in `checks_of`
    """

    labels: dict[tuple[str, str], int]
    fine: dict[tuple[str, int | None, int | None], int]
    polar: dict[tuple[str, int, int], int]
    by_label: dict[tuple[str, int, int], int]
    checks: dict[tuple[str, str], int]

    @property
    def splits(self) -> tuple[str, ...]:
        """train, val, test, then rows without a split, as far as they are there."""
        return tuple(name for name in ("train", "val", "test", "") if any(split == name for split, _ in self.labels))

    @property
    def rows(self) -> int:
        return sum(self.labels.values())


@dataclass(frozen=True)
class Summary:
    """Of one measure in one split ("all" for all): everything but `count` is None where there is no value."""

    split: str
    measure: str
    count: int
    low: float | None
    q25: float | None
    median: float | None
    mean: float | None
    q75: float | None
    high: float | None
    std: float | None


@dataclass(frozen=True)
class ColumnFigures:
    """Of one column in one split: `type` is Spark's, or of text what all of its values can be read as."""

    split: str
    column: str
    type: str
    rows: int
    nulls: int | None
    nan: int | None
    distinct: int | None


@dataclass(frozen=True)
class Spelling:
    """One way of writing a label, the name it stands for ("" for none known), and its rows."""

    raw: str
    label: str
    count: int


@dataclass(frozen=True)
class Repeats:
    """Paths on several rows. `redundant` rows beyond each path's first; rows of paths with several labels, splits."""

    paths: int
    redundant: int
    conflicting_rows: int
    split_rows: int
    repeated_examples: tuple[str, ...]
    conflicting_examples: tuple[str, ...]
    split_examples: tuple[str, ...]


@dataclass(frozen=True)
class Shape:
    width: int
    height: int
    channels: int
    format: str
    count: int


@dataclass(frozen=True)
class PixelSums:
    """Of one split and label; values are 0-255."""

    split: str
    label: str
    pictures: int
    pixels: int
    total: int
    squares: int


@dataclass(frozen=True)
class PictureFigures:
    """What was seen of pictures.

    unseen      (split, note) → pictures; a note is a reason why one was not measured, tiny_picture or nearly_constant
    shapes      the most frequent 50 of `shape_count`
    histograms  (measure, low, high, count)
    """

    measured: int
    unseen: dict[tuple[str, str], int]
    unseen_examples: dict[tuple[str, str], tuple[str, ...]]
    shapes: list[Shape]
    shape_count: int
    summaries: list[Summary]
    histograms: list[tuple[str, float, float, int]]


@dataclass(frozen=True)
class TwinGroups:
    """`pictures` in `groups` of equals; `redundant` = pictures − groups. Near: of pictures that differ in pixels."""

    kind: str
    groups: int
    pictures: int
    redundant: int


@dataclass(frozen=True)
class Pairs:
    """So many of `kind` between two splits or labels, in order, with up to three examples `path = path`."""

    kind: str
    first: str
    second: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Twins:
    """leaks: pictures of `first` with an equal (near: nearly equal) one in `second`, the higher split; train < val <
    test. conflicts: pairs of pictures under two labels."""

    groups: list[TwinGroups]
    leaks: list[Pairs]
    conflicts: list[Pairs]
