"""What exploring a data set found: small tables, sentences of advice and pictures. Spark-free; reports draw it."""

from __future__ import annotations

import csv
import difflib
import io
import json
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

Value = str | int | float | bool | None
"""One cell. A float may be inf; a value that is not defined is None, never NaN."""

LEVELS = ("note", "warning", "problem")
Level = Literal["note", "warning", "problem"]
ALL = "all"
"""The value of `split` on rows over the whole data set."""

NO_SPLIT = ""
"""The value of `split` on rows of pictures whose source states none."""

FORMAT_VERSION = 1


class TableName(NamedTuple):
    """The name of a declared table, and its section: what Figures begins with."""

    name: str
    section: str


@dataclass(frozen=True)
class Section:
    """A chapter of the report, with its tables in their order. `missing`: the text shown where it has none."""

    name: str
    title: str
    missing: str
    tables: tuple[str, ...]


SECTIONS = (
    Section(
        "sanity",
        "Sanity",
        "Nothing was checked: the exploration has no table of columns or values.",
        ("sanity_columns", "sanity_values", "sanity_labels"),
    ),
    Section(
        "categories",
        "Categories",
        "No labels in this input: give a source whose rows carry one, or name the column with --label-column.",
        ("categories", "categories_summary", "categories_reference"),
    ),
    Section(
        "feelings",
        "Valence and arousal",
        "No valence and arousal in this input: AffectNet has them (--source affectnet), and tables with such columns.",
        (
            *("feelings_summary", "feelings_histogram", "feelings_grid", "feelings_bins", "feelings_reference"),
            *("feelings_polar", "feelings_by_label"),
        ),
    ),
    Section(
        "splits",
        "Splits",
        "All rows are of one split, or of none, so there is nothing to compare.",
        ("splits_sizes", "splits_divergence", "splits_difference"),
    ),
    Section(
        "pictures",
        "Pictures",
        "No pictures were opened, only the table that lists them: --pictures all opens them, --pictures sample some.",
        (
            *("pictures_shapes", "pictures_histogram", "pictures_summary", "pictures_pixels", "pictures_duplicates"),
            *("pictures_leaks", "pictures_conflicts"),
        ),
    ),
)
"""Every section and every table of an exploration. Figures are made of a TableName that `declared` gave."""

_TABLES = {table: section.name for section in SECTIONS for table in section.tables}


def declared(*names: str) -> tuple[TableName, ...]:
    """The tables of these names. Modules ask at import, so that a wrong name fails before any work: ValueError."""
    for name in names:
        if name not in _TABLES:
            near = difflib.get_close_matches(name, _TABLES, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"table {name!r} stands in no section of exploration.SECTIONS{hint}")
    return tuple(TableName(name, _TABLES[name]) for name in names)


@dataclass(frozen=True)
class Figures:
    """One table of the exploration; values are numbers and text, never formatted numbers.

    `name` is also the file name of its CSV (tables/<name>.csv); `note` says how to read it, formulas and units.
    Raises ValueError for an unknown section or a row of another length than `columns`.
    """

    name: str
    section: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        known = [section.name for section in SECTIONS]
        if self.section not in known:
            raise ValueError(f"{self.name}: section {self.section!r} is none of {', '.join(known)}")
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.name}: expected {len(self.columns)} values, got {row!r}")

    def column(self, name: str) -> tuple[Value, ...]:
        """The values of one column, in row order. Raises KeyError for an unknown one."""
        if name not in self.columns:
            raise KeyError(f"{self.name} has no column {name!r}, but {', '.join(self.columns)}")
        at = self.columns.index(name)
        return tuple(row[at] for row in self.rows)

    def records(self) -> list[dict[str, Value]]:
        """The rows as dicts, in row order."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def where(self, **values: Value) -> list[dict[str, Value]]:
        """The records whose named columns have these values, e.g. `where(split="all")`."""
        for name in values:
            self.column(name)
        return [record for record in self.records() if all(record[name] == value for name, value in values.items())]

    def to_csv(self) -> str:
        """RFC 4180 with a header line; None is empty, infinity is `inf`, booleans are true and false."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([_plain(value) for value in row] for row in self.rows)
        return out.getvalue()


@dataclass(frozen=True)
class Advice:
    """A sentence drawn from the figures: what to do, the figure behind it (`35.2 : 1`), and the table that has it."""

    text: str
    figure: str
    table: str
    level: Level = "note"


@dataclass(frozen=True)
class Exploration:
    """Everything a report shows. `facts` are (name, value) pairs for its head; `pictures` are PNG files by name.

    Pictures: `faces_<label>` contact sheets, `mean_<label>` mean faces; see picture_name.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Figures, ...]
    advice: tuple[Advice, ...] = ()
    pictures: Mapping[str, bytes] = field(default_factory=dict)

    def table(self, name: str) -> Figures | None:
        """The table of that name; None where the input gave none."""
        return next((table for table in self.tables if table.name == name), None)

    def to_json(self) -> str:
        """Everything but the pictures, of which only the names are listed. Infinity is written as the text "inf"."""
        content = {
            "format_version": FORMAT_VERSION,
            "title": self.title,
            "facts": [list(fact) for fact in self.facts],
            "advice": [asdict(advice) for advice in self.advice],
            "pictures": sorted(self.pictures),
            "tables": [
                asdict(table) | {"rows": [[_in_json(value) for value in row] for row in table.rows]}
                for table in self.tables
            ],
        }
        return json.dumps(content, indent=None, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, pictures: Mapping[str, bytes] | None = None) -> Exploration:
        """The exploration that `to_json` wrote. Raises ValueError for another format version."""
        content: dict[str, Any] = json.loads(text)
        version = content.get("format_version")
        if version != FORMAT_VERSION:
            raise ValueError(f"exploration.json: expected format_version {FORMAT_VERSION}, got {version!r}")
        tables = tuple(
            Figures(
                item["name"],
                item["section"],
                item["title"],
                tuple(item["columns"]),
                tuple(tuple(_from_json(value) for value in row) for row in item["rows"]),
                item["note"],
            )
            for item in content["tables"]
        )
        facts = tuple((str(name), str(value)) for name, value in content["facts"])
        return cls(content["title"], facts, tables, tuple(Advice(**item) for item in content["advice"]), pictures or {})


def in_order(tables: Iterable[Figures]) -> tuple[Figures, ...]:
    """Tables as SECTIONS lists them; those that it does not list come after, by name."""
    places = {name: place for place, name in enumerate(_TABLES)}
    return tuple(sorted(tables, key=lambda table: (places.get(table.name, len(places)), table.name)))


def picture_name(kind: str, label: str) -> str:
    """Name of a picture, without ending: `faces_happy`, `mean_no_face`; kind is `faces` or `mean`.

    A label that is no file name gets its CRC-32 too, so that `a b` and `a_b` keep pictures of their own.
    """
    safe = "".join(letter if letter.isalnum() else "_" for letter in label) or "unlabelled"
    ambiguous = label == "unlabelled" or (label and label != safe)
    return f"{kind}_{safe}_{zlib.crc32(label.encode()):08x}" if ambiguous else f"{kind}_{safe}"


def defined(value: float | None) -> float | None:
    """The value; None where it is NaN, as tables hold no NaN."""
    return None if value is None or math.isnan(value) else value


def rows_of(records: Sequence[Sequence[Value]]) -> tuple[tuple[Value, ...], ...]:
    """Rows as Figures takes them."""
    return tuple(tuple(record) for record in records)


def _plain(value: Value) -> str | int | float:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value


def _in_json(value: Value) -> Value:
    return "inf" if isinstance(value, float) and math.isinf(value) else value


def _from_json(value: Value) -> Value:
    return math.inf if value == "inf" else value
