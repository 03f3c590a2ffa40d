"""Text files that list the pictures of a split, a path a line, as YOLO's YAML names them."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.lake import Root, exists
from fer_spark.sources.pictures import Pictures
from fer_spark.sources.places.match import matched
from fer_spark.sources.places.spelled import place_key
from fer_spark.sources.settings import SPLITS


def find_lists(spark: SparkSession, folder: str, lists: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Split by path below the folder, of the lists that are there, and a line for each other one.

    lists: split by the path as it is written, relative or of another machine: the longest ending that is there.
    """
    found, missing = dict[str, str](), list[str]()
    for written, split in lists.items():
        parts = [part for part in written.strip().replace("\\", "/").split("/") if part not in ("", ".", "..")]
        endings = ("/".join(parts[start:]) for start in range(len(parts)))
        there = next((path for path in endings if exists(spark, posixpath.join(folder, path))), "")
        if there:
            found[there] = split
        else:
            missing.append(f"the list {written!r} is not there: nothing says which pictures are {split}")
    return found, missing


def with_listed_splits(rows: DataFrame, root: Root, lists: Mapping[str, str], pictures: Pictures) -> DataFrame:
    """`rows` with `key` and `split`, where the lists name a picture with their split. Of several that name it the later
    of train, val and test counts. Raises SourceError where they name no picture that is there."""
    if not lists:
        return rows
    spark, none = rows.sparkSession, F.lit(None).cast("string")
    files = spark.read.option("__globPaths__", "false").text([posixpath.join(root.uri, path) for path in lists])
    named = F.trim(F.regexp_replace("value", "^\ufeff", ""))
    lines = files.select(named.alias("named"), root.relative(F.col("_metadata.file_path")).alias("_file"))
    lines = lines.where("named != ''").withColumns({"reject_reason": none, "reject_detail": none})
    key = pictures.key_of_name(place_key(F.col("named"), unquote(root.encoded_path)))
    found = matched(lines.withColumn("key", key), pictures, " and ".join(lists))
    rank = F.lit(None).cast("int")
    for path, split in lists.items():
        rank = F.when(F.col("_file") == path, SPLITS.index(split)).otherwise(rank)
    ranked = found.where("reject_reason IS NULL").groupBy("key").agg(F.max(rank).alias("_rank"))
    names = F.array(*(F.lit(name) for name in SPLITS))
    joined = rows.join(F.broadcast(ranked), "key", "left")
    return joined.withColumn("split", F.coalesce(F.get(names, F.col("_rank")), F.col("split"))).drop("_rank")
