"""A text table as Spark scans it: files of one dialect together, each by its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pyspark.sql import DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.lake import Root
from fer_spark.sources.text.dialect import (
    WINDOWS,
    WINDOWS_AS_READ,
    Dialect,
    csv_dialect,
    header_of,
    json_dialect,
    separators_in,
)
from fer_spark.sources.text.heads import Head, check_headers, check_names, first_head, heads

_MOST_KINDS = 20
"""So many headers that could be cut at several signs are looked at with the lines that follow; of more they have to
do."""


@dataclass(frozen=True)
class Part:
    """Files of one dialect. `scan`: their rows, columns as they are spelled there."""

    dialect: Dialect
    scan: DataFrame


def reader_of(spark: SparkSession, root: Root, glob: str) -> DataFrameReader:
    """A reader of the files below a root whose names a glob matches."""
    reader = spark.read.option("pathGlobFilter", glob) if glob else spark.read
    return reader.option("__globPaths__", "false") if root.literal else reader


def text_parts(spark: SparkSession, root: Root, kind: str, what: str, glob: str) -> list[Part]:
    """A CSV or JSON table, by its dialects. Raises SourceError naming a file that cannot be read as it is written, or
    two whose columns differ, and what Spark's readers raise."""
    text = reader_of(spark, root, glob).text(list(root.targets))
    first = first_head(text)
    if first is None:
        return [_part(spark, root, kind, glob, Dialect(), None)]
    alone = len(text._jdf.inputFiles()) == 1
    known = _by_its_beginning(kind, what, first) if alone else None
    found = _dialects(text, kind, what, first, alone) if known is None else {first.uri: (first, known)}
    dialects = list(dict.fromkeys(dialect for _, dialect in found.values()))
    several, parts = len(dialects) > 1, []
    for dialect in dialects:
        mine = [head for head, other in found.values() if other == dialect]
        part = _part(spark, root, kind, glob, dialect, [head.path for head in mine] if several else None, several)
        if kind == "csv" and not alone:
            check_headers({head.path: header_of(head.lines[0], dialect) for head in mine}, len(part.scan.columns))
        parts.append(part)
    if kind == "csv" and several:
        check_names({head.path: header_of(head.lines[0], dialect) for head, dialect in found.values()})
    return parts


def first_part(spark: SparkSession, root: Root, kind: str, what: str) -> Part:
    """The file that a text table begins with, by its first lines alone: Windows-1252 further on is not found."""
    first = first_head(reader_of(spark, root, "").text(list(root.targets)))
    if first is None:
        return _part(spark, root, kind, "", Dialect(), None)
    dialect = csv_dialect(first.lines) if kind == "csv" else json_dialect(first.lines, what)
    return _part(spark, root, kind, "", dialect, [first.path])


def _by_its_beginning(kind: str, what: str, first: Head) -> Dialect | None:
    """How a lone file is written, where all of its lines would say no more: JSON lines, and pixels, digits alone."""
    if kind == "csv":
        return csv_dialect(first.lines) if b"pixels" in first.lines[0].lower() else None
    dialect = json_dialect(first.lines, what)
    return None if dialect.whole_files else dialect


def _dialects(text: DataFrame, kind: str, what: str, first: Head, alone: bool) -> dict[str, tuple[Head, Dialect]]:
    """By file: how it begins, and how it is written."""
    files = heads(text)
    if kind == "json":
        return {
            head.uri: (head, json_dialect(head.lines, what if alone else head.path, head.objects)) for head in files
        }
    kinds = dict(_kinds(text, files, first))
    return {head.uri: (head, kinds[_kind(head)]) for head in files}


def _kinds(text: DataFrame, files: list[Head], first: Head) -> Iterator[tuple[tuple[object, ...], Dialect]]:
    """Files with equal headers and traits are cut at the same sign: one of them shows which."""
    examples = {_kind(head): head for head in reversed(files)}
    for kind, head in examples.items():
        lines = head.lines
        if head.uri == first.uri:
            lines = first.lines
        elif len(separators_in(lines[0])) > 1 and len(examples) <= _MOST_KINDS:
            shown = first_head(text.where(F.col("_metadata.file_path") == head.uri))
            lines = shown.lines if shown else lines
        yield kind, csv_dialect(lines, head.valid_utf8, head.spans)


def _kind(head: Head) -> tuple[object, ...]:
    return head.lines[0], head.valid_utf8, head.spans


def _part(
    spark: SparkSession,
    root: Root,
    kind: str,
    glob: str,
    dialect: Dialect,
    files: list[str] | None,
    as_text: bool = False,
) -> Part:
    """`files`: those to read; None: all. `as_text`: numbers in JSON stay as they are written there."""
    reader = reader_of(spark, root, glob) if files is None else spark.read.option("__globPaths__", "false")
    if kind == "csv":
        reader = reader.option("header", "true").option("escape", '"').option("sep", dialect.separator)
        reader = reader.option("encoding", WINDOWS_AS_READ if dialect.encoding == WINDOWS else dialect.encoding)
    elif as_text:
        reader = reader.option("primitivesAsString", "true")
    reader = reader.option("multiLine", "true") if dialect.whole_files else reader
    return Part(dialect, reader.format(kind).load(list(root.targets) if files is None else files))
