"""Tables of an exploration as a page shows them: figures a person reads, and the same as CSV to keep."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from fer_spark.exploration import NO_SPLIT, Figures, Value
from fer_spark.reports.pages import data_uri

MOST_ROWS = 1000
"""Rows of one table that stand on the page; the CSV has all."""

OPEN_ROWS = 12
"""Longer tables are folded."""

_SHARES = re.compile(r"^share(_|$)|_share$")
_EDGES = re.compile(r"_(low|high)$|^(low|high)$|_deg$")
_SIGNED = re.compile(r"difference|gain")
_WORDS = {
    "kl_nats": "KL divergence (nats)",
    "kl_bits": "KL (bits)",
    "js_bits": "JS divergence (bits)",
    "entropy_bits": "entropy (bits)",
}
_FEW_DIGITS = 4


@dataclass(frozen=True)
class Cell:
    """One cell as shown. `kind` is its CSS class: `n` a number, `t` text, `bad` something to look at."""

    text: str
    kind: str


@dataclass(frozen=True)
class Table:
    """One table of the page. `rows` are the first MOST_ROWS of `total`; `csv` is the address of all of them.

    judged   whether its rows are known to be right or wrong
    """

    name: str
    heads: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int
    csv: str
    judged: bool

    @property
    def folded(self) -> bool:
        return self.total > OPEN_ROWS

    @property
    def wrong(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows to look at."""
        return tuple(row for row in self.rows if any(cell.kind.endswith("bad") for cell in row))


def table(figures: Figures) -> Table:
    """A table ready for the page."""
    kinds = [_kind(figures, column) for column in figures.columns]
    rows = tuple(
        tuple(
            Cell(shown(column, value), f"{kind} bad" if _bad(figures, column, value) else kind)
            for column, value, kind in zip(figures.columns, row, kinds, strict=True)
        )
        for row in figures.rows[:MOST_ROWS]
    )
    heads = tuple(Cell(heading(column), kind) for column, kind in zip(figures.columns, kinds, strict=True))
    judged = figures.name == "sanity_values" or "ok" in figures.columns
    return Table(figures.name, heads, rows, len(figures.rows), csv_address(figures), judged)


def csv_address(figures: Figures) -> str:
    """A data: address of the table's CSV file, byte for byte what `Figures.to_csv` gives."""
    return data_uri(figures.to_csv().encode(), "text/csv;charset=utf-8")


def heading(column: str) -> str:
    """A column's name as words."""
    words = re.sub(r"_deg$|_deg(?=_)", " (°)", column)
    return _WORDS.get(column, words.replace("_", " "))


def shown(column: str, value: Value) -> str:
    """A value as a person reads it: thousands apart, shares in percent, – for what is not defined."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value if value or column not in ("split", "split_a", "split_b", "p", "q", "label") else _nameless(column)
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return _figure(column, value)


def split_name(value: Value) -> str:
    """A split as a person reads it."""
    return "all data" if value == "all" else "no split" if value == NO_SPLIT else str(value)


def label_name(value: Value) -> str:
    """A label as a person reads it: no_face is “no face”."""
    return str(value).replace("_", " ") if value else "no label"


def percent(share: float) -> str:
    """A share in percent: two digits where small."""
    size = abs(100 * share)
    digits = 1 if size >= 1 or size == 0 else 2
    return minus(f"{100 * share:.{digits}f} %") if size >= 0.01 or size == 0 else "< 0.01 %"


def minus(text: str) -> str:
    """Figures with a true minus sign."""
    return text.replace("-", "−")


def _nameless(column: str) -> str:
    return "no label" if column == "label" else "no split"


def _figure(column: str, value: float) -> str:
    sign = "+" if _SIGNED.search(column) and value > 0 else ""
    if isinstance(value, int) or value == 0:
        return minus(f"{sign}{int(value):,}")
    if _SHARES.search(column):
        return sign + percent(value)
    if _EDGES.search(column):
        return minus(f"{value:.{_FEW_DIGITS}g}")
    if value == int(value) and abs(value) >= 1000:
        return minus(f"{sign}{value:,.0f}")
    size = abs(value)
    digits = 0 if size >= 10_000 else 1 if size >= 100 else 2 if size >= 10 else 4 if 0 < size < 0.1 else 3
    return minus(f"{sign}{value:,.{digits}f}") if column != "difference" else minus(f"{100 * value:+.2f}") + " points"


def _kind(figures: Figures, column: str) -> str:
    values = [value for value in figures.column(column) if value is not None]
    return (
        "n"
        if values and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        else "t"
    )


def _bad(figures: Figures, column: str, value: Value) -> bool:
    if figures.name == "sanity_values" and column == "count":
        return bool(value)
    return column in ("ok", "absolutely_continuous") and value is False
