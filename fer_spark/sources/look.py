"""What an input looks like before it is opened: by this a layout recognises it under `--source auto`."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property

from pyspark.sql import SparkSession

from fer_spark.sources.files.names import is_picture_name
from fer_spark.sources.lake import Root, first_inside, open_root
from fer_spark.sources.settings import SourceError, SourceSettings
from fer_spark.sources.tables import table_columns

_TABLE = re.compile(r"\.(csv|tsv|parquet|json|jsonl|ndjson)(\.(zst|gz|bz2|lz4|snappy|deflate))?$", re.IGNORECASE)
_TEXT = ".txt"
"""A table where it is the input itself: what lies beside pictures as text is seldom one."""

_FEW, _NEARLY_ALL = 20, 0.9


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
    user gave none."""

    sureness: Sureness
    why: str
    input: str = ""
    label_from: str = ""


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
    def folders(self) -> list[str]:
        """Names of folders directly in it."""
        return self._inside[1]

    def inside(self, folder: str) -> Look:
        """The same look at a folder in it."""
        return replace(self, settings=replace(self.settings, input=posixpath.join(self.root.uri, folder)))

    @cached_property
    def unwrapped(self) -> Look:
        """Itself, or the folder in it where that is all there is, as archives are unpacked."""
        alone = len(self.folders) == 1 and not self.files
        return self.inside(self.folders[0]).unwrapped if alone else self

    @cached_property
    def some_inside(self) -> list[Look]:
        """Looks at the first few folders in it."""
        return [self.inside(folder) for folder in self.folders[:_FEW]]

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
    def table(self) -> str:
        """The table that it is, the only table in it, or itself where it holds the parts of one; empty where none."""
        tables = [name for name in self.files if _TABLE.search(name)]
        if self.root.is_file and self.files[0].lower().endswith(_TEXT):
            return self.settings.input
        if len(tables) == 1 and self.root.literal and not self.root.is_file:
            return posixpath.join(self.root.uri, tables[0])
        return self.settings.input if tables else ""

    @cached_property
    def columns(self) -> frozenset[str]:
        """Names of the table's columns, in lower case; none where there is no table that can be read."""
        try:
            names = table_columns(self.spark, self.table) if self.table else []
        except SourceError:
            names = []
        return frozenset(name.strip().casefold() for name in names)

    def has_column(self, usual: tuple[str, ...]) -> bool:
        """Whether the table has a column of one of these names."""
        return any(name.casefold() in self.columns for name in usual)
