"""Which files of a folder are its table: those called so, or those of the folders in it that are called as splits."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from pyspark.sql import SparkSession

from fer_spark.sources.lake import Root, child_names
from fer_spark.sources.split_names import SPLIT_NAMES

TABLE_NAME = re.compile(
    r"^[^_.].*\.(csv|tsv|parquet|json|jsonl|ndjson)(\.(zst|gz|bz2|lz4|snappy|deflate))?$", re.IGNORECASE
)

_PERHAPS = re.compile(r"^[_.]|\.txt(\.\w+)?$", re.IGNORECASE)
"""What Spark does not read, or may be a part of the table."""


def with_parts(spark: SparkSession, root: Root) -> Root:
    """The root of a table with its files as targets: in its folder, where others lie beside them, which Spark would
    read too; else in folders in it that are called as splits, `train/0.parquet`. As it is where neither is so."""
    if root.is_file or not root.literal or root.targets != (root.uri,):
        return root
    names = child_names(spark, root.uri)
    if "_delta_log" in names:
        return root
    own = [name for name in names if TABLE_NAME.match(name)]
    if own:
        others = any(name not in own and not _PERHAPS.search(name) for name in names)
        return replace(root, targets=tuple(posixpath.join(root.uri, name) for name in own)) if others else root
    splits = [posixpath.join(root.uri, name) for name in names if name.lower() in SPLIT_NAMES]
    files = [posixpath.join(split, name) for split in splits for name in child_names(spark, split)]
    tables = tuple(file for file in files if TABLE_NAME.match(posixpath.basename(file)))
    return replace(root, targets=tables) if tables else root
