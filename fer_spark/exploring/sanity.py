"""Tables of data quality: columns, violated checks with examples, and how labels are spelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fer_spark.exploration import ALL, Figures, Value, declared

if TYPE_CHECKING:
    from fer_spark.exploring.found import ColumnFigures, Counted, PictureFigures, Repeats, Spelling

Examples = Mapping[tuple[str, str], tuple[str, ...]]
"""Up to three by (split, check)."""

_SANITY_COLUMNS, _SANITY_VALUES, _SANITY_LABELS = declared("sanity_columns", "sanity_values", "sanity_labels")
SEPARATOR = " · "
TINY_PX, FLAT_CONTRAST = 32, 0.02
_MOST = 3
_ORDER = {name: i for i, name in enumerate((ALL, "train", "val", "test", ""))}
CHECKS = {
    "null": "no value",
    "nan": "NaN",
    "sentinel": "−2, which AffectNet writes for what is not annotated",
    "outside_range": "outside [−1, 1], but not −2",
    "outside_unit_circle": "valence² + arousal² > 1, both rounded to 6 decimals",
    "not_a_number": "text where a number belongs",
    "unknown_code": "a label that stands for no expression known here",
    "unknown_split": "a split that is neither train, val nor test",
    "label_spelling": "rows whose label is not spelled as most rows of that label are, case included",
    "duplicated_name": "rows beyond the first that name the same picture",
    "conflicting_labels": "rows of pictures that are named with several labels",
    "name_in_two_splits": "rows of pictures that are named in several splits",
    "tiny_picture": f"shorter side under {TINY_PX} px",
    "nearly_constant": f"standard deviation of gray under {FLAT_CONTRAST:g} of full range",
    "other_size": "pictures that are not of the most frequent size",
}
"""What each check counts; others are reasons of rows.REASONS."""


def columns_table(figures: Sequence[ColumnFigures], expected: Mapping[str, str]) -> Figures:
    """Types, nulls and distinct values of the source's own columns."""
    rows = tuple(
        (
            column.split,
            column.column,
            column.type,
            column.rows,
            column.nulls,
            column.nan,
            column.distinct,
            expected_type,
            _fits(column, expected_type),
        )
        for column in figures
        for expected_type in (expected.get(column.column, ""),)
    )
    note = (
        "type: as stored, or for text what all of its values can be read as. distinct is approximate (HyperLogLog++, "
        "standard error 5 %). ok is empty where nothing is expected of a column; blank text counts as null. "
        "Bytes, structs and arrays are not counted."
    )
    columns = ("split", "column", "type", "rows", "nulls", "nan", "distinct", "expected", "ok")
    return Figures(*_SANITY_COLUMNS, "Columns and their types", columns, rows, note)


def _fits(column: ColumnFigures, expected: str) -> bool | None:
    if not expected:
        return None
    numeric = column.type in ("int", "bigint", "smallint", "tinyint", "float", "double") or column.type.startswith(
        "decimal"
    )
    return column.nulls == 0 and column.nan == 0 and (numeric or not expected.startswith("number"))


def values_table(counted: Counted, examples: Examples, *more: tuple[Value, ...]) -> Figures:
    """Every check of the annotations, over all rows and per split, then the rows of `more`."""
    rows: list[tuple[Value, ...]] = []
    splits = (ALL,) if counted.splits == ("",) else (ALL, *counted.splits)
    for key in dict.fromkeys(check for _, check in counted.checks):
        check, column = key.split(":")
        for split in splits:
            count = sum(n for (of, violated), n in counted.checks.items() if violated == key and split in (ALL, of))
            rows.append((split, check, column, count, _shown(examples, split, key)))
    descriptions = "; ".join(f"{name}: {text}" for name, text in CHECKS.items())
    note = f"Rows that violate each check, 0 where all is well, with up to three examples. {descriptions}."
    columns = ("split", "check", "column", "count", "examples")
    return Figures(*_SANITY_VALUES, "Invalid values", columns, (*rows, *more), note)


def _shown(examples: Examples, split: str, key: str) -> str:
    found = {
        text for (of, violated), texts in examples.items() if violated == key and split in (ALL, of) for text in texts
    }
    return SEPARATOR.join(sorted(found)[:_MOST])


def repeats_rows(found: Repeats) -> list[tuple[Value, ...]]:
    """Rows of the values table about paths that several rows name."""
    return [
        (ALL, "duplicated_name", "path", found.redundant, SEPARATOR.join(found.repeated_examples)),
        (ALL, "conflicting_labels", "path", found.conflicting_rows, SEPARATOR.join(found.conflicting_examples)),
        (ALL, "name_in_two_splits", "path", found.split_rows, SEPARATOR.join(found.split_examples)),
    ]


def spelling_rows(spellings: Sequence[Spelling], variants: Mapping[str, tuple[int, int]]) -> list[tuple[Value, ...]]:
    """One row of the values table: rows that spell their label otherwise than most."""
    odd = sum(count for _, count in variants.values())
    shown = []
    for label in sorted(variants, key=lambda name: -variants[name][1])[:_MOST]:
        ways = [f"{spelling.raw} {spelling.count:,}" for spelling in spellings if spelling.label == label][:4]
        shown.append(", ".join(ways))
    return [(ALL, "label_spelling", "label", odd, SEPARATOR.join(shown))]


def labels_table(spellings: Sequence[Spelling]) -> Figures:
    """How the source writes its labels."""
    rows = tuple((spelling.raw, spelling.label, spelling.count) for spelling in spellings)
    note = "The most frequent 200 spellings and what they stand for here; an empty label is none known."
    return Figures(*_SANITY_LABELS, "Label spellings", ("label_raw", "label", "count"), rows, note)


def picture_rows(figures: PictureFigures) -> list[tuple[Value, ...]]:
    """Rows of the values table about pictures: not there, unreadable, tiny, flat, of other sizes."""
    rows: list[tuple[Value, ...]] = []
    splits = sorted({split for split, _ in figures.unseen}, key=lambda split: _ORDER.get(split, 9))
    shown = [ALL] if splits == [""] else [ALL, *splits]
    for reason in sorted({reason for _, reason in figures.unseen}):
        for split in shown:
            count = sum(n for (of, cause), n in figures.unseen.items() if cause == reason and split in (ALL, of))
            if count:
                rows.append((split, reason, "picture", count, _shown(figures.unseen_examples, split, reason)))
    sizes: dict[tuple[int, int], int] = {}
    for shape in figures.shapes:
        sizes[shape.width, shape.height] = sizes.get((shape.width, shape.height), 0) + shape.count
    if sizes:
        most, *others = sorted(sizes, key=lambda size: -sizes[size])
        examples = SEPARATOR.join(f"{width}×{height}" for width, height in others[:_MOST])
        rows.append((ALL, "other_size", "picture", figures.measured - sizes[most], examples))
    return rows
