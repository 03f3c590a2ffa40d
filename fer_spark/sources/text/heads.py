"""The first lines of text tables as they lie in the files, read by Spark, wherever and however packed the files are."""

from __future__ import annotations

import csv
from urllib.parse import unquote

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from fer_spark.sources.settings import SourceError
from fer_spark.sources.text.dialect import LINE_BYTES, LINES, plain


def first_lines(text: DataFrame) -> list[bytes]:
    """Of a scan of Spark's `text` format: lines of the file that it begins with."""
    cut = text.select(F.substring(F.col("value").cast("binary"), 1, LINE_BYTES).alias("line")).limit(LINES)
    return [bytes(row["line"]) for row in cut.collect()]


def is_utf8(text: DataFrame) -> bool:
    """Whether every line is valid UTF-8. Reads on until one is not."""
    return text.where(~F.is_valid_utf8("value")).limit(1).count() == 0


def check_headers(text: DataFrame, separator: str, columns: int) -> None:
    """Spark reads all files of a CSV table by the columns of one: a file with another order would give wrong values.

    A header that only ends sooner is fine, its rows get nulls. Raises SourceError naming two files that differ.
    """
    lines = text.where(F.trim("value") != "")
    begins = lines.where("_metadata.file_block_start = 0").select(
        F.col("value").cast("binary").alias("value"),
        F.col("_metadata.file_path").alias("file"),
        F.monotonically_increasing_id().alias("id"),
    )
    named = begins.groupBy("file").agg(F.min_by("value", "id").alias("header"))
    found = {}
    for row in sorted(named.collect()):
        names = next(csv.reader([plain(bytes(row["header"]))], delimiter=separator))
        found[unquote(row["file"])] = [name.strip().casefold() for name in names]
    longest = max(found, key=lambda file: len(found[file]), default="")
    for file, header in found.items():
        if header != found[longest][: len(header)] or len(header) > columns:
            raise SourceError(
                f"{file} has the columns {', '.join(header)}, {longest} has "
                f"{', '.join(found[longest])}: the files of one table need the same columns in the same order"
            )
