"""Millions of annotation rows explored in a 2 GB driver: time against count."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pyspark.sql import SparkSession

from fer_spark.spark.session import get_session


def run(rows: int, cores: int) -> None:
    """Explore a quarter, a half and all of the rows, each by a command of its own; print the seconds each takes."""
    with tempfile.TemporaryDirectory(prefix="fer-spark-explore-") as directory:
        work = Path(directory)
        parts = (rows // 4, rows // 2, rows)
        spark = get_session("explore-benchmark", master=f"local[{cores}]")
        inputs = [write_rows(spark, part, work / f"rows{part}") for part in parts]
        spark.stop()
        for part, uri in zip(parts, inputs, strict=True):
            words = [
                "--source",
                "affectnet",
                "--input",
                uri,
                "--pictures",
                "none",
                "--output",
                str(work / f"out{part}"),
            ]
            words += [
                "--master",
                f"local[{cores}]",
                "--conf",
                "spark.driver.memory=2g",
                "--conf",
                "spark.ui.enabled=false",
            ]
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "fer_spark.cli", "explore", *words], capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise SystemExit(done.stderr)
            print(f"{part:>11,} rows: {time.perf_counter() - began:6.1f} s", flush=True)


def write_rows(spark: SparkSession, rows: int, path: Path) -> str:
    """An interim table: labels and splits by the row's number, values spread over the circle, one in 1,000 a −2."""
    angle, radius = "6.283185307 * rand(1)", "sqrt(rand(2))"
    frame = spark.range(0, rows, 1, 8).selectExpr(
        "concat(IF(id % 80 = 0, 'val', 'train'), '_set/images/', id, '.jpg') AS path",
        "CAST(pmod(id * id, 11) AS int) AS cat_emot",
        f"IF(id % 1000 = 7, -2D, round({radius} * cos({angle}), 4)) AS valence",
        f"IF(id % 1000 = 7, -2D, round({radius} * sin({angle}), 4)) AS arousal",
        "IF(id % 80 = 0, 'val', 'train') AS split",
    )
    frame.write.parquet(path.as_uri())
    return path.as_uri()
