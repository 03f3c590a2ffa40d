"""Annotation tables: opened by their format, rows numbered as in the file, columns found by name."""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import dataclass, replace

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from fer_spark.sources.base import digest_rows
from fer_spark.sources.files.tables import with_parts
from fer_spark.sources.lake import Root, child_names, listed_bytes, listed_files, open_root
from fer_spark.sources.settings import SourceError, did_you_mean
from fer_spark.sources.text.dialect import CONTROLS, SIGNS, WINDOWS, Dialect, check_header, windows_text
from fer_spark.sources.text.scans import Part, first_part, reader_of, text_parts
from fer_spark.spark.places import first_line

_COMPRESSION = re.compile(r"\.(zst|gz|bz2|lz4|snappy|deflate)$", re.IGNORECASE)
_FORMATS = {
    "csv": "csv",
    "tsv": "csv",
    "txt": "csv",
    "parquet": "parquet",
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
}
TEXT = ("csv", "json")
_LISTED = 30
MARK = "in:"
"""What stands before the name of a table's own column."""

_CORRUPT = "_corrupt_record"  # Spark's name for what is no JSON


@dataclass(frozen=True)
class AnnotationTable:
    """`frame`: the table's columns, `_file` (relative, no compression suffix) and `_row`.

    A column `x` is called `in:x` there, so that none can be mistaken for one of ours.

    `scan` is the bare scan behind it; `splits_evenly`: records lie in every split of a file, as in text. `kind`: csv,
    json, parquet or delta.
    """

    root: Root
    frame: DataFrame
    scan: DataFrame
    file_count: int
    splits_evenly: bool
    kind: str

    @property
    def columns(self) -> list[str]:
        return [name.removeprefix(MARK) for name in self.frame.columns if name.startswith(MARK)]

    @property
    def column_list(self) -> str:
        """The columns for a message: of a table that spreads pixels over thousands, the first."""
        first = ", ".join(self.columns[:_LISTED])
        return first if len(self.columns) <= _LISTED else f"{first} and {len(self.columns) - _LISTED:,} more"

    @property
    def files(self) -> list[str]:
        """The URL-encoded URI of every file."""
        return list(self.scan.inputFiles())

    def column(
        self, given: str, usual: tuple[str, ...], flag: str, required: bool = False, nested: bool = False
    ) -> Column | None:
        """The column that the user named, else the first usual name that is there (case and outer spaces ignored).

        `a.b` is also found as field b of struct a. A column of structs, arrays or maps counts only where `nested`.
        Raises SourceError that lists the columns.
        """
        known = {name.strip().casefold(): name for name in reversed(self.columns)}
        for name_given in (given,) if given else usual:
            if name_given.strip().casefold() in known:
                name = MARK + known[name_given.strip().casefold()]
                kind = self.frame.schema[name].dataType
                if nested or not isinstance(kind, (StructType, ArrayType, MapType)):
                    return F.col(quoted(name))
                if given:
                    raise SourceError(
                        f"{flag} {given!r} is {kind.simpleString()}; expected text or numbers{_part(kind, given)}"
                    )
                continue
            field = _struct_field(self.frame.schema, name_given)
            if field is not None:
                return field
        if given or required:
            problem = (
                f"no column {given!r}{did_you_mean(given, self.columns)}"
                if given
                else f"none of {', '.join(usual)} is a column"
            )
            raise SourceError(f"{problem}; the table has: {self.column_list}. Name it with {flag}")
        return None

    def with_column(self, name: str, value: Column) -> AnnotationTable:
        """The same table with one column more."""
        return replace(self, frame=self.frame.withColumn(MARK + name, value))

    def digest(self) -> str:
        """32 hex digits over the files' relative names and their total size."""
        return digest_rows(self.names(), self.bytes)

    def names(self) -> DataFrame:
        return listed_files(self.scan).select(self.root.relative(F.col("file")).alias("path"))

    @property
    def bytes(self) -> int:
        return listed_bytes(self.scan)


def open_table(spark: SparkSession, text: str, flag: str = "--input", glob: str = "") -> AnnotationTable:
    """Open CSV (in any dialect, also compressed), JSON (lines or an array), Parquet or, where Spark has it, Delta.

    Raises SourceError for an unknown format or a table that cannot be opened.
    """
    return open_tables(spark, with_parts(spark, open_root(spark, text, flag)), f"{flag} {text!r}", glob)


def open_tables(spark: SparkSession, root: Root, what: str, glob: str = "") -> AnnotationTable:
    """Open the tables that are a root's targets, all of one format, as one. Raises as open_table."""
    kind = _format(spark, root, what)
    try:
        parts = (
            text_parts(spark, root, kind, what, glob)
            if kind in TEXT
            else [Part(Dialect(), reader_of(spark, root, glob).format(kind).load(list(root.targets)))]
        )
        frame = functools.reduce(_united, [_rows(part, root, kind, what) for part in parts])
        scan = functools.reduce(_united, [part.scan.toDF(*_names(part)) if parts[1:] else part.scan for part in parts])
    except (AnalysisException, Py4JJavaError) as error:
        raise SourceError(f"{what} cannot be opened as {kind}: {first_line(error)}") from error
    files = sum(len(part.scan._jdf.inputFiles()) for part in parts)
    return AnnotationTable(root, frame, scan, files, kind in TEXT, kind)


def table_columns(spark: SparkSession, text: str) -> list[str]:
    """The columns of a table, by its first lines or its footer: no more is read. Raises SourceError as open_table."""
    root = with_parts(spark, open_root(spark, text))
    kind, what = _format(spark, root, f"--input {text!r}"), f"--input {text!r}"
    try:
        if kind in TEXT:
            part = first_part(spark, root, kind, what)
        else:
            part = Part(Dialect(), reader_of(spark, root, "").format(kind).load(list(root.targets)))
    except (AnalysisException, Py4JJavaError) as error:
        raise SourceError(f"{what} cannot be opened as {kind}: {first_line(error)}") from error
    return [name.removeprefix(MARK) for name in _names(part)]


def form_of(name: str) -> str:
    """csv, json or parquet by a file's name; empty for any other."""
    return _FORMATS.get(_COMPRESSION.sub("", name).rsplit(".", 1)[-1].lower(), "")


def _rows(part: Part, root: Root, kind: str, what: str) -> DataFrame:
    """The rows of a part, numbered in their files, columns marked and read by its dialect."""
    scan = part.scan
    if scan.columns == [_CORRUPT]:
        raise SourceError(
            f"{what} cannot be opened as json: no line of it is an object, nor all of it an array of them"
        )
    if kind == "csv":
        check_header(scan.columns, what)
    numbered = by_position(scan, len(scan._jdf.inputFiles())) if kind in TEXT else by_index(scan)
    plain = F.regexp_replace(root.relative(F.col("_file")), _COMPRESSION.pattern, "")
    names = _names(part)
    renamed = numbered.withColumn("_file", plain).toDF(*names, "_file", "_row")
    if part.dialect.encoding == WINDOWS:
        renamed = renamed.withColumns({name: F.translate(F.col(quoted(name)), CONTROLS, SIGNS) for name in names})
    return renamed


def _names(part: Part) -> list[str]:
    columns = part.scan.columns
    return _marked([windows_text(name) for name in columns] if part.dialect.encoding == WINDOWS else columns)


def _united(first: DataFrame, second: DataFrame) -> DataFrame:
    return first.unionByName(second, allowMissingColumns=True)


def open_list(spark: SparkSession, text: str, columns: tuple[str, ...], flag: str = "--input") -> AnnotationTable:
    """Open a text file without a header: a row a line, cut at blanks into these columns; empty lines are no rows.

    Raises SourceError for a place that cannot be reached.
    """
    root = open_root(spark, text, flag)
    reader = spark.read.option("__globPaths__", "false") if root.literal else spark.read
    scan = reader.format("text").load(list(root.targets))
    files = len(scan._jdf.inputFiles())
    rows = by_position(scan, files).where(F.trim("value") != "")
    parts = F.split(F.trim("value"), r"\s+")
    named = [F.try_element_at(parts, F.lit(i + 1)).alias(MARK + name) for i, name in enumerate(columns)]
    file = F.regexp_replace(root.relative(F.col("_file")), _COMPRESSION.pattern, "")
    return AnnotationTable(root, rows.select(*named, file.alias("_file"), "_row"), scan, files, True, "text")


def by_index(scan: DataFrame) -> DataFrame:
    """Adds `_file` and `_row` to a columnar scan."""
    return scan.select("*", F.col("_metadata.file_path").alias("_file"), F.col("_metadata.row_index").alias("_row"))


def by_position(scan: DataFrame, files: int) -> DataFrame:
    """Adds `_file` and `_row`, the 0-based number of the record in its file, to a scan of a text format.

    Splits of a file know where they begin but not how many records come before: when there are several, one pass that
    parses no column counts the records of each.
    """
    tagged = scan.select(
        "*",
        F.col("_metadata.file_path").alias("_file"),
        F.col("_metadata.file_block_start").alias("_block"),
        F.monotonically_increasing_id().alias("_id"),
    )
    if files == 1 and scan.rdd.getNumPartitions() == 1:
        return tagged.withColumn("_row", F.col("_id")).drop("_block", "_id")
    counted = tagged.groupBy("_file", "_block").agg(F.min("_id").alias("first"), F.count(F.lit(1)).alias("n"))
    shifts = []
    blocks = sorted(counted.collect(), key=lambda row: (row["_file"], row["_block"]))
    for _, of_file in itertools.groupby(blocks, key=lambda row: row["_file"]):
        before = 0
        for block in of_file:
            shifts.append((block["_file"], block["_block"], before - block["first"]))
            before += block["n"]
    offsets = scan.sparkSession.createDataFrame(shifts, "_file string, _block bigint, _shift bigint").coalesce(1)
    joined = tagged.join(F.broadcast(offsets), ["_file", "_block"])
    return joined.select(
        *(quoted(name) for name in scan.columns), "_file", (F.col("_id") + F.col("_shift")).alias("_row")
    )


def decimal(text: Column) -> Column:
    """The number that a text is, null where it is none; `12,5` too, as tables of many countries write it."""
    return F.regexp_replace(F.trim(text), r"^([+-]?\d*),(\d+)$", "$1.$2").try_cast("double")


def optional(column: Column | None, cast: str = "string") -> Column:
    """A column that may be absent; absent is null."""
    return (F.lit(None) if column is None else column).cast(cast)


def _format(spark: SparkSession, root: Root, what: str) -> str:
    names = [target.rsplit("/", 1)[-1] for target in root.targets]
    if root.targets == (root.uri,):
        names = child_names(spark, root.uri)
        if "_delta_log" in names:
            return "delta"
    found = sorted({form_of(name) for name in names if not name.startswith(("_", "."))} - {""})
    if not found and not root.is_file:
        return "parquet"  # a partitioned table: its files lie deeper
    if len(found) != 1:
        if found:
            raise SourceError(f"{what} holds tables of several forms, {' and '.join(found)}: name one of its files")
        raise SourceError(f"{what}: found no known format; expected .csv, .tsv, .jsonl or .parquet, also .csv.zst")
    return found[0]


def _marked(columns: list[str]) -> list[str]:
    names = [name.strip().removeprefix("\ufeff") or f"_c{i}" for i, name in enumerate(columns)]
    folded: set[str] = set()
    for i, name in enumerate(names):
        if name.casefold() in folded:
            names[i] = f"{name}_{i}"
        folded.add(names[i].casefold())
    return [MARK + name for name in names]


def _part(kind: DataType, name: str) -> str:
    """Which part of a struct to name instead."""
    return f": one of {', '.join(f'{name}.{part}' for part in kind.names)}" if isinstance(kind, StructType) else ""


def _struct_field(schema: StructType, given: str) -> Column | None:
    outer, _, inner = given.partition(".")
    for field in schema.fields:
        if (
            inner
            and field.name == MARK + outer
            and isinstance(field.dataType, StructType)
            and inner in field.dataType.names
        ):
            return F.col(quoted(MARK + outer)).getField(inner)
    return None


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
