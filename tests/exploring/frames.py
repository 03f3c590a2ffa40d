"""Small frames for tests of exploring, and a watch on what reaches the driver."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.classic.dataframe import DataFrame as ClassicDataFrame

from fer_spark.rows import ANNOTATION

ALL_OF_IT = frozenset({"path", "label", "split", "valence", "arousal"})


def annotations(spark: SparkSession, rows: Sequence[dict[str, Any]], partitions: int = 2) -> DataFrame:
    """ANNOTATION rows; what a row does not say is null, but `path`, which counts up, and the raw forms."""
    full = []
    for number, row in enumerate(rows):
        said = {"path": f"{number}.jpg", "label_raw": row.get("label"), "split_raw": row.get("split")} | row
        full.append(tuple(said.get(name) for name in ANNOTATION.names))
    return spark.createDataFrame(full, ANNOTATION.ddl).repartition(partitions)


@contextmanager
def collected() -> Iterator[list[int]]:
    """Rows of everything that is brought to the driver while it is open."""
    sizes: list[int] = []

    def watched(name: str) -> Any:
        real = getattr(ClassicDataFrame, name)

        def collect(self: ClassicDataFrame, *arguments: Any, **named: Any) -> Any:
            rows = real(self, *arguments, **named)
            sizes.append(len(rows))
            return rows

        return patch.object(ClassicDataFrame, name, collect)

    def forbidden(name: str) -> Any:
        def refuse(*_: Any, **__: Any) -> Any:
            raise AssertionError(f"{name} brings rows to the driver")

        return patch.object(ClassicDataFrame, name, refuse)

    with watched("collect"), forbidden("toPandas"), forbidden("toArrow"), forbidden("toLocalIterator"):
        yield sizes
