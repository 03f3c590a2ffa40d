"""The 8-label AffectNet release: four tiny .npy files per picture, read in bulk and never unpickled."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.lake import Root
from fer_spark.sources.split_names import split_of

_NAME = re.compile(r"^(.*)_(exp|val|aro|lnd)\.npy$", re.DOTALL)
_DDL = "key string, kind string, text string, numbers array<float>, problem string"
_SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("kind", pa.string()),
        ("text", pa.string()),
        ("numbers", pa.list_(pa.float32())),
        ("problem", pa.string()),
    ]
)


def picture_stem(path: Column) -> Column:
    """`train_set/images/5.jpg` and `train_set/annotations/5_exp.npy` meet as `train_set/5`."""
    bare = F.regexp_replace(path, r"(?i)(_(exp|val|aro|lnd)\.npy|\.[A-Za-z0-9]+)$", "")
    return F.regexp_replace(bare, r"(^|/)(images|annotations)/([^/]*)$", "$1$3")


def npy_annotations(spark: SparkSession, root: Root) -> DataFrame:
    """One row per annotated id, with the columns that check_feelings and LabelRule expect."""
    reader = spark.read.format("binaryFile").option("recursiveFileLookup", "true").option("pathGlobFilter", "*.npy")
    scan = reader.option("__globPaths__", "false").load(root.uri)
    path = root.relative(F.col("_metadata.file_path"))
    files = scan.where(F.col("_metadata.file_size") < 65536).select(
        picture_stem(path).alias("key"), path.alias("path"), "content"
    )
    values = files.mapInArrow(_parse_batches, _DDL)

    def of(kind: str, column: str) -> Column:
        return F.min(F.when(F.col("kind") == kind, F.col(column)))

    rows = values.groupBy("key").agg(
        of("exp", "text").alias("label_raw"),
        of("val", "text").try_cast("double").alias("valence"),
        of("aro", "text").try_cast("double").alias("arousal"),
        of("lnd", "numbers").alias("landmarks"),
        F.min("problem").alias("problem"),
        F.max(F.col("kind") == "exp").alias("told"),
    )
    problem = F.coalesce(F.col("problem"), F.when(~F.col("told"), F.concat(F.col("key"), F.lit("_exp.npy is missing"))))
    level = F.element_at(F.split("key", "/"), 1)
    return rows.select(
        "key",
        F.lit(None).cast("bigint").alias("source_row"),
        F.regexp_replace("key", r"([^/]+)$", "images/$1.jpg").alias("named"),
        "label_raw",
        "valence",
        "arousal",
        "landmarks",
        split_of(level).alias("split"),
        F.when(problem.isNotNull(), "bad_annotation").alias("reject_reason"),
        problem.alias("reject_detail"),
    )


def _parse_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rows = [
            {"key": row["key"], **parse_npy(row["path"], row["content"])}
            for row in batch.to_pylist()
            if _NAME.match(row["path"])
        ]
        yield pa.RecordBatch.from_pylist(rows, schema=_SCHEMA)


def parse_npy(path: str, content: bytes) -> dict[str, object]:
    """kind, and text (one value, as its text), numbers (136 landmark coordinates) or problem.

    Old files hold numbers as strings. Pickled arrays are refused.
    """
    match = _NAME.match(path)
    kind = match.group(2) if match else ""
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
        if kind == "lnd":
            numbers = array.astype(np.float32).reshape(-1)
            usable = numbers.size == 136 and bool(np.isfinite(numbers).all())
            return {"kind": kind, "numbers": numbers.tolist() if usable else None}
        if array.size != 1:
            raise ValueError(f"{array.size} values where one belongs")
        value = array.reshape(()).item()
        text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
        return {"kind": kind, "text": text.strip()}
    except (ValueError, EOFError, OSError) as error:
        return {"kind": kind, "problem": f"{path}: {str(error)[:120]}"}
