"""What an input looks like before it is opened: by this a layout recognises it under `--source auto`."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property

from pyspark.sql import SparkSession

from fer_spark.sources.files.names import is_picture_name
from fer_spark.sources.files.tables import TABLE_NAME
from fer_spark.sources.lake import Root, first_inside, open_root
from fer_spark.sources.numbering.one_hot import class_columns
from fer_spark.sources.plain_rows import LABEL_COLUMNS, PATH_COLUMNS
from fer_spark.sources.settings import SourceError, SourceSettings
from fer_spark.sources.split_names import SPLIT_NAMES
from fer_spark.sources.tables import form_of, table_columns

_TEXT = ".txt"
"""A table where it is the input itself: what lies beside pictures as text is seldom one."""

_TELLS_NOTHING = re.compile(
    r"(README|LICEN[CS]E|COPYING|NOTICE|CHANGELOG|CITATION)(\..*)?|.*\.(md|pdf|bib|html?)|\.DS_Store|Thumbs\.db|desktop\.ini",
    re.IGNORECASE,
)
"""What lies beside data and holds none."""

_FEW, _FEWER, _NEARLY_ALL = 20, 3, 0.9
_USEFUL = frozenset(name.casefold() for name in (*PATH_COLUMNS, *LABEL_COLUMNS, "pixels"))


class Sureness(IntEnum):
    """How much speaks for a layout. The surest is taken; two that are equally sure are a question to the user."""

    POSSIBLE = 1
    """It can be read so, as many inputs can."""
    LIKELY = 2
    """Names or columns that this layout usually has, and others may have."""
    CERTAIN = 3
    """A mark that is this layout's own."""


@dataclass(frozen=True)
class Match:
    """That a layout recognises an input. `why` ends the sentence `taken for NAME: …`; `input`: the part of it that the
    layout opens, where that is not all; `label_from`: the value of that flag by which its labels are read, where the
    user gave none. `refusal`: why it cannot be opened as it is, and what to do. `unread`: a file in it that seems to
    state labels and is not read, and what it is.
    """

    sureness: Sureness
    why: str
    input: str = ""
    label_from: str = ""
    refusal: str = ""
    unread: str = ""


@dataclass(frozen=True)
class Look:
    """An input, looked at from outside: names of the first few hundred entries, columns of a table."""

    spark: SparkSession
    settings: SourceSettings

    @cached_property
    def root(self) -> Root:
        """Raises SourceError for an input that is not there."""
        return open_root(self.spark, self.settings.input)

    @cached_property
    def _inside(self) -> tuple[list[str], list[str]]:
        if self.root.is_file or not self.root.literal:
            return [target.rsplit("/", 1)[-1] for target in self.root.targets], []
        return first_inside(self.spark, self.root.uri)

    @property
    def files(self) -> list[str]:
        """Names of files directly in it, or its own where it is a file, or those that match where it is a glob."""
        return self._inside[0]

    @property
    def name(self) -> str:
        """What the folder or file itself is called."""
        return posixpath.basename(self.root.uri.rstrip("/"))

    @property
    def folders(self) -> list[str]:
        """Names of folders directly in it."""
        return self._inside[1]

    def inside(self, folder: str) -> Look:
        """The same look at a folder in it."""
        return replace(self, settings=replace(self.settings, input=posixpath.join(self.root.uri, folder)))

    @cached_property
    def unwrapped(self) -> Look:
        """Itself, or the folder in it where that is all there is, as archives are unpacked; one called as a split says
        something, and is left."""
        more = [name for name in self.files if not _TELLS_NOTHING.fullmatch(name)]
        alone = len(self.folders) == 1 and not more and self.folders[0].lower() not in SPLIT_NAMES
        return self.inside(self.folders[0]).unwrapped if alone else self

    @cached_property
    def some_inside(self) -> list[Look]:
        """Looks at the first few folders in it."""
        return [self.inside(folder) for folder in self.folders[:_FEW]]

    @cached_property
    def places(self) -> list[Look]:
        """Itself, looks at the first few folders in it, and at the first few in each of these."""
        return [
            self,
            *self.some_inside,
            *(place for folder in self.some_inside for place in folder.some_inside[:_FEWER]),
        ]

    @property
    def pictures(self) -> list[str]:
        """Names of files directly in it that are pictures."""
        return [name for name in self.files if is_picture_name(name)]

    def mostly_named(self, pattern: re.Pattern[str]) -> str:
        """One of the pictures in it or just below, where nearly all have such names; else empty."""
        names = [name for place in [self, *self.some_inside] for name in place.pictures]
        found = [name for name in names if pattern.match(name)]
        return found[0] if len(found) > _NEARLY_ALL * len(names) else ""

    def by_names(self, pattern: str) -> Match | None:
        """For a data set whose pictures have names of its own."""
        example = self.mostly_named(re.compile(pattern))
        return Match(Sureness.CERTAIN, f"its pictures are called as {example}") if example else None

    @cached_property
    def splits(self) -> list[Look]:
        """Looks at the folders in it that are called as splits."""
        return [self.inside(name) for name in self.folders if name.lower() in SPLIT_NAMES]

    @cached_property
    def tables(self) -> list[str]:
        """The tables that it is or holds, one of each form; of several forms, those that name pictures or labels."""
        names = self._table_files
        if self.root.is_file and self.files[0].lower().endswith(_TEXT):
            return [self.settings.input]
        if not names or self.root.is_file or not self.root.literal:
            return [self.settings.input] if names else []
        forms = set(map(form_of, names))
        if len(forms) == 1 and len(names) > 1:
            return [self.settings.input]
        if len(forms) > 1:
            names = [name for name in names[:_FEW] if self._columns(posixpath.join(self.root.uri, name)) & _USEFUL]
        by_form = [[name for name in names if form_of(name) == form] for form in sorted(forms)]
        return [posixpath.join(self.root.uri, _one_or_all(of_form)) for of_form in by_form if of_form]

    @property
    def _table_files(self) -> list[str]:
        return [name for name in self.files if TABLE_NAME.match(name)]

    @property
    def chosen_table(self) -> str:
        """The table, where it is not all of the tables that the folder holds; else empty."""
        return self.table if len(self._table_files) > 1 and self.table != self.settings.input else ""

    @property
    def table(self) -> str:
        """The one table that it is or holds, itself where it holds the parts of one; empty where none, or of several
        forms."""
        return self.tables[0] if len(self.tables) == 1 else ""

    @cached_property
    def columns(self) -> frozenset[str]:
        """Names of the table's columns, in lower case; none where there is no table that can be read."""
        return self._columns(self.table) if self.table else frozenset()

    def _columns(self, table: str) -> frozenset[str]:
        try:
            names = table_columns(self.spark, table)
        except SourceError:
            names = []
        return frozenset(name.strip().casefold() for name in names)

    def has_column(self, usual: tuple[str, ...]) -> bool:
        """Whether the table has a column of one of these names."""
        return any(name.casefold() in self.columns for name in usual)

    @property
    def labels(self) -> str:
        """How the table states labels: "labels", or "has a column for each class, such as happy"; empty if not."""
        if self.has_column(LABEL_COLUMNS):
            return "labels"
        classes = sorted(class_columns(self.columns))
        return f"has a column for each class, such as {classes[0]}" if classes else ""


def _one_or_all(names: list[str]) -> str:
    """A name, or a glob of names that end alike."""
    return names[0] if len(names) == 1 else f"*{names[0][names[0].index('.') :]}"
