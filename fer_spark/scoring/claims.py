"""The lease's claims as small files below the checkpoint, on any storage that Spark reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]

from fer_spark.artifacts import Storage
from fer_spark.scoring.lease import DIRECTORY

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Claims:
    """A ClaimStore (fer_spark.scoring.lease). Times are those of the storage."""

    def __init__(self, spark: SparkSession, checkpoint: str) -> None:
        self._storage = Storage(spark, checkpoint)
        self._jvm: Any = spark._jvm
        self._conf: Any = spark._jsc.hadoopConfiguration()

    def write(self, name: str, text: str) -> None:
        self._storage.publish_text(f"{DIRECTORY}/{name}", text)

    def read(self, name: str) -> str | None:
        try:
            return self._storage.read_text(f"{DIRECTORY}/{name}")
        except Py4JJavaError:  # taken away between the look and the reading
            return None

    def delete(self, name: str) -> None:
        self._storage.delete(f"{DIRECTORY}/{name}")

    def modified_s(self) -> dict[str, float]:
        path = self._jvm.org.apache.hadoop.fs.Path(self._storage.uri(DIRECTORY))
        found = path.getFileSystem(self._conf).listStatus(path)
        times = {status.getPath().getName(): status.getModificationTime() / 1000 for status in found}
        return {name: when for name, when in times.items() if name.endswith(".json")}
