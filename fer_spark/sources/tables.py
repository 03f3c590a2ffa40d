"""Annotation tables: opened by their format, rows numbered as in the file, columns found by name."""

from __future__ import annotations

import csv
import itertools
import re
from dataclasses import dataclass, replace
from urllib.parse import unquote

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from fer_spark.sources.base import digest_rows
from fer_spark.sources.lake import Root, child_names, first_line, listed_bytes, listed_files, open_root
from fer_spark.sources.settings import SourceError, did_you_mean

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
_MARK = "in:"


@dataclass(frozen=True)
class AnnotationTable:
    """`frame`: the table's columns, `_file` (relative, no compression suffix) and `_row`.

    A column `x` is called `in:x` there, so that none can be mistaken for one of ours.

    `scan` is the bare scan behind it; `splits_evenly`: records lie in every split of a file, as in text.
    """

    root: Root
    frame: DataFrame
    scan: DataFrame
    file_count: int
    splits_evenly: bool

    @property
    def columns(self) -> list[str]:
        return [name.removeprefix(_MARK) for name in self.frame.columns if name.startswith(_MARK)]

    def column(self, given: str, usual: tuple[str, ...], flag: str, required: bool = False) -> Column | None:
        """The column that the user named, else the first usual name that is there (case and outer spaces ignored).

        `a.b` is also found as field b of struct a. Raises SourceError that lists the columns.
        """
        known = {name.strip().casefold(): name for name in reversed(self.columns)}
        for wanted in (given,) if given else usual:
            if wanted.strip().casefold() in known:
                return F.col(_quoted(_MARK + known[wanted.strip().casefold()]))
            field = _struct_field(self.frame.schema, wanted)
            if field is not None:
                return field
        if given or required:
            asked = (
                f"no column {given!r}{did_you_mean(given, self.columns)}"
                if given
                else f"none of {', '.join(usual)} is a column"
            )
            remedy = _other_separator(self.columns) or f"Name it with {flag}"
            raise SourceError(f"{asked}; the table has: {', '.join(self.columns)}. {remedy}")
        return None

    def with_column(self, name: str, value: Column) -> AnnotationTable:
        """The same table with one column more."""
        return replace(self, frame=self.frame.withColumn(_MARK + name, value))

    def digest(self) -> str:
        """32 hex digits over the files' relative names and their total size."""
        return digest_rows(self.names(), self.bytes)

    def names(self) -> DataFrame:
        return listed_files(self.scan).select(self.root.relative(F.col("file")).alias("path"))

    @property
    def bytes(self) -> int:
        return listed_bytes(self.scan)


def open_table(spark: SparkSession, text: str, flag: str = "--input", glob: str = "") -> AnnotationTable:
    """Open CSV (also .tsv, also compressed), JSON lines, Parquet or, where Spark has it, Delta.

    Raises SourceError for an unknown format or a table that cannot be opened.
    """
    root = open_root(spark, text, flag)
    kind, separator = _format(spark, root, text, flag)
    reader = spark.read
    if kind == "csv":
        reader = reader.option("header", "true").option("escape", '"').option("sep", separator)
    if glob:
        reader = reader.option("pathGlobFilter", glob)
    if root.literal:
        reader = reader.option("__globPaths__", "false")
    try:
        scan = reader.format(kind).load(list(root.targets))
    except (AnalysisException, Py4JJavaError) as error:
        raise SourceError(f"{flag} {text!r} cannot be opened as {kind}: {first_line(error)}") from error
    files = len(scan._jdf.inputFiles())
    if kind == "csv" and files > 1:
        _check_headers(spark, root, glob, separator, len(scan.columns))
    numbered = by_index(scan) if kind in ("parquet", "delta") else by_position(scan, files)
    plain = F.regexp_replace(root.relative(F.col("_file")), _COMPRESSION.pattern, "")
    renamed = numbered.withColumn("_file", plain).toDF(*_marked(scan.columns), "_file", "_row")
    return AnnotationTable(root, renamed, scan, files, kind in ("csv", "json"))


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
    named = [F.try_element_at(parts, F.lit(i + 1)).alias(_MARK + name) for i, name in enumerate(columns)]
    file = F.regexp_replace(root.relative(F.col("_file")), _COMPRESSION.pattern, "")
    return AnnotationTable(root, rows.select(*named, file.alias("_file"), "_row"), scan, files, True)


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
        *(_quoted(name) for name in scan.columns), "_file", (F.col("_id") + F.col("_shift")).alias("_row")
    )


def optional(column: Column | None, cast: str = "string") -> Column:
    """A column that may be absent; absent is null."""
    return (F.lit(None) if column is None else column).cast(cast)


def _format(spark: SparkSession, root: Root, text: str, flag: str) -> tuple[str, str]:
    names = [target.rsplit("/", 1)[-1] for target in root.targets]
    if root.literal and not root.is_file:
        names = child_names(spark, root.uri)
        if "_delta_log" in names:
            return "delta", ","
    endings = [
        _COMPRESSION.sub("", name).rsplit(".", 1)[-1].lower() for name in names if not name.startswith(("_", "."))
    ]
    found = sorted({_FORMATS[ending] for ending in endings if ending in _FORMATS})
    if not found and root.literal and not root.is_file:
        return "parquet", ","  # a partitioned table: its files lie deeper
    if len(found) != 1:
        what = " and ".join(found) if found else "no known format"
        raise SourceError(f"{flag} {text!r}: found {what}; expected .csv, .tsv, .jsonl or .parquet, also .csv.zst")
    return found[0], "\t" if "tsv" in endings else ","


def _check_headers(spark: SparkSession, root: Root, glob: str, separator: str, columns: int) -> None:
    """Spark reads all files of a CSV table by the columns of one: a file with another order would give wrong values.

    A header that only ends sooner is fine, its rows get nulls. Raises SourceError naming two files that differ.
    """
    reader = spark.read.option("pathGlobFilter", glob) if glob else spark.read
    reader = reader.option("__globPaths__", "false") if root.literal else reader
    lines = reader.text(list(root.targets)).where(F.trim("value") != "")
    begins = lines.where("_metadata.file_block_start = 0").select(
        "value", F.col("_metadata.file_path").alias("file"), F.monotonically_increasing_id().alias("id")
    )
    named = begins.groupBy("file").agg(F.min_by("value", "id").alias("header"))
    found = {}
    for row in sorted(named.collect()):
        names = next(csv.reader([row["header"].removeprefix("\ufeff")], delimiter=separator))
        found[unquote(row["file"])] = [name.strip().casefold() for name in names]
    longest = max(found, key=lambda file: len(found[file]), default="")
    for file, header in found.items():
        if header != found[longest][: len(header)] or len(header) > columns:
            raise SourceError(
                f"{file} has the columns {', '.join(header)}, {longest} has "
                f"{', '.join(found[longest])}: the files of one table need the same columns in the same order"
            )


def _marked(columns: list[str]) -> list[str]:
    names = [name.strip().removeprefix("\ufeff") or f"_c{i}" for i, name in enumerate(columns)]
    folded: set[str] = set()
    for i, name in enumerate(names):
        if name.casefold() in folded:
            names[i] = f"{name}_{i}"
        folded.add(names[i].casefold())
    return [_MARK + name for name in names]


def _other_separator(columns: list[str]) -> str:
    """What to do where the only column is a whole header line that is not cut at commas; else nothing."""
    found = [sign for sign in ";\t|" if len(columns) == 1 and sign in columns[0]]
    if not found:
        return ""
    if found[0] == "\t":
        return "It is cut at tabs: call it .tsv"
    return f"It is cut at {found[0]!r}, which is not read here: save it with commas, or with tabs as .tsv"


def _struct_field(schema: StructType, wanted: str) -> Column | None:
    outer, _, inner = wanted.partition(".")
    for field in schema.fields:
        if (
            inner
            and field.name == _MARK + outer
            and isinstance(field.dataType, StructType)
            and inner in field.dataType.names
        ):
            return F.col(_quoted(_MARK + outer)).getField(inner)
    return None


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
