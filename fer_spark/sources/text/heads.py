"""How each file of a text table begins and is written, as Spark reads its lines, wherever and however packed it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from fer_spark.sources.settings import SourceError
from fer_spark.sources.text.dialect import LINE_BYTES, LINES


@dataclass(frozen=True)
class Head:
    """A file of a table. `uri` is URL-encoded; `lines`: its first ones, as they lie there, or the first alone.

    valid_utf8  whether all of its lines are
    spans       whether quotes that a line leaves open are closed by another: a record over several lines
    objects     of its lines, those that begin with `{`
    """

    uri: str
    lines: tuple[bytes, ...]
    valid_utf8: bool = True
    spans: bool = False
    objects: int = 0

    @property
    def path(self) -> str:
        return unquote(self.uri)


def first_head(text: DataFrame) -> Head | None:
    """Of a scan of Spark's `text` format: the first lines of the file that it begins with; None where all are empty."""
    cut = text.select(_beginning("value").alias("line"), F.col("_metadata.file_path").alias("file")).limit(LINES)
    rows = cut.collect()
    if not rows:
        return None
    return Head(rows[0]["file"], tuple(bytes(row["line"]) for row in rows if row["file"] == rows[0]["file"]))


def heads(text: DataFrame) -> list[Head]:
    """Of every file that is not empty, in the order of their names, in one pass over all lines."""
    here = F.struct("_metadata.file_block_start", F.monotonically_increasing_id())
    filled = F.trim("value") != ""
    quotes = F.length("value") - F.length(F.replace("value", F.lit('"'), F.lit("")))
    lines = text.select(
        F.col("_metadata.file_path").alias("file"),
        F.when(filled, here).alias("place"),
        _beginning("value").alias("line"),
        F.is_valid_utf8("value").alias("valid"),
        (F.pmod(quotes, F.lit(2)) == 1).alias("odd"),
        F.col("value").startswith("{").alias("object"),
    )
    found = lines.groupBy("file").agg(
        F.min_by("line", "place").alias("line"),
        F.every("valid").alias("valid"),
        F.count_if("odd").alias("odd"),
        F.count_if("object").alias("objects"),
    )
    return [
        Head(row["file"], (bytes(row["line"]),), row["valid"], row["odd"] > 0 and row["odd"] % 2 == 0, row["objects"])
        for row in sorted(found.collect(), key=lambda row: row["file"])
        if row["line"] is not None
    ]


def check_headers(found: Mapping[str, Sequence[str]], columns: int) -> None:
    """Spark reads all files of one dialect by the columns of one: a file with another order would give wrong values.

    found: names by file. A header that only ends sooner is fine, its rows get nulls. Raises SourceError naming two
    files that differ.
    """
    longest = max(found, key=lambda file: len(found[file]), default="")
    for file, names in found.items():
        if names != found[longest][: len(names)] or len(names) > columns:
            differ = _differ(file, longest, found)
            raise SourceError(f"{differ} need the same columns in the same order; name one as --input")


def check_names(found: Mapping[str, Sequence[str]]) -> None:
    """Raise SourceError naming two files where one, of another dialect, has columns that the longest has not."""
    longest = max(found, key=lambda file: len(found[file]), default="")
    for file, names in found.items():
        if not set(names) <= set(found[longest]):
            raise SourceError(f"{_differ(file, longest, found)} need the same columns; name one as --input")


def _differ(first: str, second: str, found: Mapping[str, Sequence[str]]) -> str:
    named = [f"{file} has the columns {', '.join(found[file])}" for file in (first, second)]
    return f"{named[0]}, {named[1].replace(' the columns', '')}: the files of one table"


def _beginning(name: str) -> Column:
    return F.substring(F.col(name).cast("binary"), 1, LINE_BYTES)
