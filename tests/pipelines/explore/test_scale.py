"""A million annotation rows in a driver of 2 GB on two cores: time linear in the rows, and no row on the driver."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from pyspark.sql import SparkSession

from fer_spark.cli.commands.explore import main
from fer_spark.exploration import Exploration
from tests.benchmarks.explore import write_rows
from tests.exploring.frames import collected

MILLION = 1_000_000
pytestmark = [pytest.mark.scale, pytest.mark.timeout(3000)]


def _cpu_s(spark: SparkSession) -> float:
    """CPU time of the JVM so far: all Spark work, as no Python worker is needed here."""
    jvm: Any = spark._jvm
    used = psutil.Process(int(jvm.java.lang.ProcessHandle.current().pid())).cpu_times()
    return float(used.user + used.system)


def test_four_times_the_rows_take_four_times_as_long(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Above a minute: 1.35 million rows are written and explored. `python -m tests.benchmarks explore` takes more."""
    assert spark.conf.get("spark.driver.memory") == "2g"
    took = {}
    for millions in (0.1, 0.25, 1.0):  # the first one warms up
        rows = int(millions * MILLION)
        uri, output = write_rows(spark, rows, tmp_path / f"rows{rows}"), tmp_path / f"out{rows}"
        began, worked = time.monotonic(), _cpu_s(spark)
        with collected() as sizes:
            flags = ["--source", "affectnet", "--input", uri, "--pictures", "none", "--output", str(output)]
            assert main(flags) == 0
        took[millions] = (time.monotonic() - began, _cpu_s(spark) - worked)
        found = Exploration.from_json((output / "exploration.json").read_text(encoding="utf-8"))
        counts = found.table("splits_sizes")
        assert counts is not None
        assert dict(zip(counts.column("split"), counts.column("rows"), strict=True)) == {
            "train": rows - rows // 80,
            "val": rows // 80,
        }
        values = found.table("sanity_values")
        assert values is not None
        assert values.where(split="all", check="sentinel", column="valence")[0]["count"] == rows // 1000
        assert max(sizes) < 20_000
    with capsys.disabled():
        lines = [f"{one:4} million rows: {wall:6.1f} s, {cpu:6.1f} s of CPU" for one, (wall, cpu) in took.items()]
        print("", *lines, sep="\n")
    assert took[1.0][1] < 1.3 * 4 * took[0.25][1]  # CPU time, as other programs run beside this one
