"""What the footer of a Parquet file says, read by the JVM from wherever Spark reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def row_groups(spark: SparkSession, uri: str) -> list[int]:
    """Rows of each row group of one file."""
    jvm: Any = spark._jvm
    path = jvm.org.apache.hadoop.fs.Path(uri)
    opened = jvm.org.apache.parquet.hadoop.util.HadoopInputFile.fromPath(path, spark._jsc.hadoopConfiguration())
    reader = jvm.org.apache.parquet.hadoop.ParquetFileReader.open(opened)
    try:
        return [int(block.getRowCount()) for block in reader.getFooter().getBlocks()]
    finally:
        reader.close()
