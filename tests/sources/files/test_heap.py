"""A store of 300,000 pictures through a driver of 512 MB, in which Spark's own listing of them does not fit."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.check import ROOT
from tests.jvm import quick_jvm
from tests.servers import MISSING, jars
from tests.sources.files.computed_store import BUCKET, FOLDER, MODIFIED_US, computed_store, name, size

OBJECTS, CHUNKS = 300_000, 3_000
DRIVER = f"""
import json, sys
from pyspark.sql import functions as F
from fer_spark.sources.catalog import open_source
from fer_spark.sources.lake import open_root
from fer_spark.sources.pictures import file_stats
from fer_spark.sources.settings import SourceSettings
from fer_spark.spark.session import get_session

place = "s3a://{BUCKET}/{FOLDER}"
spark = get_session("listing", json.loads(sys.argv[1]), "local[1]")
source = open_source(spark, SourceSettings(source="images", input=place), 1 << 20)
read = source.raw(7, {CHUNKS}).select("source_path", F.length("content")).collect()
ages = F.collect_set("modified_us")
stats = file_stats(spark, open_root(spark, place), "", pictures=True)
stats = stats.agg(F.count("*"), F.sum("length"), F.min("path"), F.max("path"), ages).collect()[0]
print(json.dumps([source.images, source.lines(), dict(read), list(stats)]))
"""


@pytest.mark.store
def test_a_small_driver_lists_and_reads_many_objects() -> None:
    """Above a minute where others work beside it: 600 pages, and a JVM of its own. Listed by Spark, with
    MOST_LISTED_BY_SPARK above their number, they filled the heap: 90 full collections, 319 s of the 500 that it had."""
    if not jars():
        pytest.skip(MISSING)
    with computed_store(OBJECTS) as store:
        conf = {f"spark.hadoop.{key}": value for key, value in store.for_hadoop().items()}
        conf |= {"spark.driver.memory": "512m", "spark.driver.extraJavaOptions": quick_jvm()}
        conf |= {"spark.ui.enabled": "false", "spark.driver.extraClassPath": ":".join(map(str, jars()))}
        words = [sys.executable, "-c", DRIVER, json.dumps([f"{key}={value}" for key, value in conf.items()])]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    images, lines, read, stats = json.loads(done.stdout.splitlines()[-1])
    assert (images, lines) == (OBJECTS, [])
    total = sum(size(number) for number in range(OBJECTS))
    assert stats == [OBJECTS, total, name(0), name(OBJECTS - 1), [MODIFIED_US]]
    sizes = {name(number): size(number) for number in range(OBJECTS)}
    assert OBJECTS / CHUNKS / 2 < len(read) < OBJECTS / CHUNKS * 2
    assert read == {path: sizes[path] for path in read}
    assert store.requests["GET"] <= len(read) + 4  # one for each picture, and for the look whether the workers can
