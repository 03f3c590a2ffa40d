"""What the session is set to, by what it does with files."""

from __future__ import annotations

from pathlib import Path

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
