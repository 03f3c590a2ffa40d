"""What exploring a data set found: small tables, sentences of advice and pictures. Spark-free; reports draw it."""

from __future__ import annotations

import csv
import io
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Value = str | int | float | bool | None
"""One cell. A float may be inf; a value that is not defined is None, never NaN."""

SECTIONS = ("sanity", "categories", "feelings", "splits", "pictures")
LEVELS = ("note", "warning", "problem")
Level = Literal["note", "warning", "problem"]
ALL = "all"
"""The value of `split` on rows over the whole data set."""

NO_SPLIT = ""
"""The value of `split` on rows of pictures whose source states none."""

FORMAT_VERSION = 1


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
        if self.section not in SECTIONS:
            raise ValueError(f"{self.name}: section {self.section!r} is none of {', '.join(SECTIONS)}")
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


def picture_name(kind: str, label: str) -> str:
    """Name of a picture, without ending: `faces_happy`, `mean_no_face`; kind is `faces` or `mean`.

    A label that is no file name gets its CRC-32 too, so that `a b` and `a_b` keep pictures of their own.
    """
    safe = "".join(letter if letter.isalnum() else "_" for letter in label) or "unlabelled"
    taken = label == "unlabelled" or (label and label != safe)
    return f"{kind}_{safe}_{zlib.crc32(label.encode()):08x}" if taken else f"{kind}_{safe}"


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
