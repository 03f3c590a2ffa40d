"""What the session is set to, by what it does with files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession


def test_a_small_table_is_one_task_and_small_pictures_share_a_few(spark: SparkSession, tmp_path: Path) -> None:
    table, pictures = tmp_path / "list.csv", tmp_path / "pictures"
    table.write_text("".join(f"{row},happy\n" for row in range(500)))
    pictures.mkdir()
    for name in range(300):
        (pictures / f"{name}.png").write_bytes(bytes(3000))
    assert spark.read.csv(str(table)).rdd.getNumPartitions() == 1
    tasks = spark.read.format("binaryFile").load(str(pictures)).rdd
    assert tasks.getNumPartitions() == 8  # four a core
    assert max(tasks.glom().map(len).collect()) <= 40


def test_a_task_that_would_rather_run_on_another_machine_is_run_here(spark: SparkSession) -> None:
    """As where HDFS has its blocks: in local mode nobody offers it this machine again once it has waited."""
    jvm: Any = spark._jvm
    context: Any = spark.sparkContext._jsc.sc()
    rows = [("near", jvm.org.apache.spark.util.Utils.localHostName()), ("far", "elsewhere")]
    placed = [jvm.scala.Tuple2(row, jvm.PythonUtils.toSeq([host])) for row, host in rows]
    tag = getattr(getattr(jvm.scala.reflect, "ClassTag$"), "MODULE$").Any()
    counted = context.makeRDD(jvm.PythonUtils.toSeq(placed), tag).toJavaRDD().countAsync()
    assert counted.get(20, jvm.java.util.concurrent.TimeUnit.SECONDS) == len(rows)
