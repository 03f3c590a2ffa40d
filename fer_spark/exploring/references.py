"""Published counts to compare with: CSV tables of labels, or of valence and arousal bins."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fer_spark.exploration import ALL, Figures, Value, declared
from fer_spark.exploring.bins import COARSE, count_of, edges_of
from fer_spark.exploring.feelings import cells_by_split, coarse, paper_cells
from fer_spark.labels import NO_EXPRESSION, canonical

if TYPE_CHECKING:
    from fer_spark.exploring.found import Counted

(_FEELINGS_REFERENCE,) = declared("feelings_reference")
_LABEL_COLUMNS = ("label", "category", "expression", "emotion", "name", "class")
_COUNT_COLUMNS = ("reference", "paper_total", "paper_count", "count", "total", "rows")
_EDGES = ("arousal_low", "arousal_high", "valence_low", "valence_high")


class CountsError(ValueError):
    """A reference table cannot be used; the message says which, what was expected, and what to do."""


def read_counts(text: str, column: str, where: str) -> tuple[dict[str, int], str]:
    """Counts by label of a CSV with a label column and one or more columns of counts; and the column's name.

    column: which counts; "" for the usual name, or the only column of numbers. Raises CountsError.
    """
    header, rows = _table(text, where)
    label = next((name for name in _LABEL_COLUMNS if name in header), None)
    if label is None:
        raise CountsError(f"{where}: none of {', '.join(_LABEL_COLUMNS)} is a column; it has {', '.join(header)}")
    chosen = _chosen(header, rows, column, (label, "code"), where, "--reference-column")
    counts: dict[str, int] = {}
    for number, row in enumerate(rows, 2):
        name = _name(row[label])
        if name in counts:
            raise CountsError(f"{where}, line {number}: {row[label]!r} stands for {name}, which was there before")
        counts[name] = _whole(row[chosen], where, number, chosen)
    return counts, chosen


def read_bins(text: str, column: str, where: str) -> tuple[dict[tuple[int, int], int], str]:
    """Counts by (valence, arousal) index of the 0.2 bins, and the column's name. Bins not listed are 0.

    Raises CountsError for edges that are not those of the 0.2 bins over [-1, 1], and for a bin listed twice.
    """
    header, rows = _table(text, where)
    if missing := [name for name in _EDGES if name not in header]:
        raise CountsError(f"{where}: no column {', '.join(missing)}; it has {', '.join(header)}")
    chosen = _chosen(header, rows, column, _EDGES, where, "--reference-bins-column")
    places = {edges_of(i, COARSE): i for i in range(count_of(COARSE))}
    counts: dict[tuple[int, int], int] = {}
    for number, row in enumerate(rows, 2):
        edges = [round(_number(row[name], where, number, name), 6) + 0.0 for name in _EDGES]
        arousal, valence = places.get((edges[0], edges[1])), places.get((edges[2], edges[3]))
        if arousal is None or valence is None:
            raise CountsError(f"{where}, line {number}: {edges} are no edges of bins of 0.2 over [-1, 1]")
        if (valence, arousal) in counts:
            raise CountsError(f"{where}, line {number}: this bin was there before")
        counts[valence, arousal] = _whole(row[chosen], where, number, chosen)
    return counts, chosen


def bins_reference(counted: Counted, reference: Mapping[tuple[int, int], int], what: str) -> Figures:
    """All 100 bins of all rows beside published ones."""
    cells = coarse(cells_by_split(counted)[ALL])
    rows: list[tuple[Value, ...]] = []
    for valence, arousal in paper_cells():
        count, stated = cells.get((valence, arousal), 0), reference.get((valence, arousal), 0)
        rows.append((*edges_of(arousal, COARSE), *edges_of(valence, COARSE), count, stated, count - stated))
    note = f"reference: {what}. difference = count − reference. Bins and their order as in feelings_bins, all splits."
    columns = (*_EDGES, "count", "reference", "difference")
    return Figures(*_FEELINGS_REFERENCE, "Compared with a published table", columns, tuple(rows), note)


def _table(text: str, where: str) -> tuple[list[str], list[dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    header = [name.strip() for name in reader.fieldnames or []]
    reader.fieldnames = header
    rows = [{name: (value or "").strip() for name, value in row.items() if name is not None} for row in reader]
    if not rows:
        raise CountsError(f"{where}: no rows; expected a CSV table with a header")
    return header, rows


def _chosen(
    header: Sequence[str], rows: list[dict[str, str]], column: str, others: tuple[str, ...], where: str, flag: str
) -> str:
    numbers = [name for name in header if name not in others and all(_is_number(row[name]) for row in rows)]
    if column:
        if column in numbers:
            return column
        raise CountsError(f"{flag} {column!r}: {where} has these columns of counts: {', '.join(numbers) or 'none'}")
    usual = [name for name in _COUNT_COLUMNS if name in numbers]
    if usual or len(numbers) == 1:
        return (usual or numbers)[0]
    raise CountsError(f"{where}: which column is the reference? Choose with {flag}: {', '.join(numbers) or 'none'}")


def _name(text: str) -> str:
    plain = text.strip().lower().replace("-", "_").replace(" ", "_")
    plain = {"non_face": "no_face", "nonface": "no_face"}.get(plain, plain)
    return plain if plain in NO_EXPRESSION else canonical(text) or text.strip().lower()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(text: str, where: str, line: int, column: str) -> float:
    if not _is_number(text):
        raise CountsError(f"{where}, line {line}: {column} is {text!r}, expected a number")
    return float(text)


def _whole(text: str, where: str, line: int, column: str) -> int:
    number = _number(text, where, line, column)
    if not math.isfinite(number) or number != int(number) or number < 0:
        raise CountsError(f"{where}, line {line}: {column} is {text!r}, expected a count")
    return int(number)
