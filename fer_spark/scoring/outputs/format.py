"""What an output format has to do: take rows of SCORE in commits, tell what lies there, and give the rows back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from fer_spark.artifacts import Storage
from fer_spark.rows import SCORE, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from fer_spark.scoring.ledger import Ledger


SINGLE_RUN = "scores-"
"""The names of what a single run writes begin so; those of a commit with `batch-`, as scoring/ledger.py says."""


@dataclass(frozen=True)
class Format(ABC):
    """An output in one format. A subclass, listed in catalog.FORMATS, is all that knows the format.

    name     the output as the user spells it
    books    where summary and staging lie: the data's own place, but for formats that are `named`
    columns  what this release writes: SCORE
    """

    form: ClassVar[str]
    """As --format spells it; files end with it."""

    package: ClassVar[str] = ""
    """What a Spark without the format's classes needs; empty where every Spark has them."""

    python: ClassVar[str] = ""
    """The Python package that does without those classes; empty where there is none."""

    named: ClassVar[bool] = False
    """Whether --output is a table's name in a catalog: it has no place for summary and staging, --checkpoint has."""

    spark: SparkSession
    name: str
    books: Storage
    columns: Table = SCORE

    @property
    def address(self) -> str:
        """What tells this output from every other, wherever the program was started: a full URI, or a table's name."""
        return self.name if self.named else self.books.root

    @abstractmethod
    def occupied(self) -> bool:
        """Whether there is data already, whoever wrote it."""

    @abstractmethod
    def check_free(self, published: bool, overwrite: bool) -> None:
        """Raise OutputError where something is in the way of a single run. `published`: there is a summary."""

    @abstractmethod
    def check_columns(self) -> None:
        """Raise OutputError where the columns that stand there cannot take this release's rows."""

    @abstractmethod
    def lost(self, ledger: Ledger) -> str:
        """What the ledger lists and is missing, in words; empty if nothing is."""

    @abstractmethod
    def drop_uncommitted(self, ledger: Ledger) -> None:
        """Remove what a killed run left: what no entry of the ledger lists."""

    @abstractmethod
    def replace(self, rows: DataFrame, count: int, name: str) -> list[str]:
        """Write all rows of a single run, `count` of them, as `name`; returns files that the summary has to list."""

    @abstractmethod
    def append(self, rows: DataFrame, batch: int, name: str) -> list[str]:
        """Write the rows of one commit, or replace those of an earlier try at it; returns files as `replace` does.

        Where the standing data lack a column, older rows have null in it; where they have one more, new rows have.
        """

    @abstractmethod
    def drop_replaced(self, files: list[str]) -> None:
        """Once the summary is published: remove what `replace` has put `files` in place of."""

    @classmethod
    @abstractmethod
    def read(cls, spark: SparkSession, uri: str, summary: dict[str, Any], columns: Table = SCORE) -> DataFrame:
        """The rows that a summary describes, `uri` being its place: all of `columns`, null where they were not yet."""
