"""The lease's claims as small files below the checkpoint, on any storage that Spark reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]

from fer_spark.artifacts import Storage
from fer_spark.scoring.lease import DIRECTORY

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_NOT_FOUND = ("FileNotFoundException", "NoSuchFileException")


class Claims:
    """A ClaimStore (fer_spark.scoring.lease). Servers of object stores and of HDFS stamp every file; of a folder, which
    hosts may share by a mount, it is not known who does."""

    def __init__(self, spark: SparkSession, checkpoint: str) -> None:
        self._storage = Storage(spark, checkpoint)
        self._jvm: Any = spark._jvm
        self._conf: Any = spark._jsc.hadoopConfiguration()

    @property
    def one_clock(self) -> bool:
        return not self._storage.root.startswith("file:")

    def write(self, name: str, text: str) -> None:
        self._storage.publish_text(f"{DIRECTORY}/{name}", text)

    def read(self, name: str) -> str | None:
        try:
            return self._storage.read_text(f"{DIRECTORY}/{name}")
        except Py4JJavaError as error:
            if error.java_exception.getClass().getSimpleName() in _NOT_FOUND:  # between the look and the reading
                return None
            raise

    def delete(self, name: str) -> None:
        self._storage.delete(f"{DIRECTORY}/{name}")

    def modified_s(self) -> dict[str, float]:
        path = self._jvm.org.apache.hadoop.fs.Path(self._storage.uri(DIRECTORY))
        found = path.getFileSystem(self._conf).listStatus(path)
        times = {status.getPath().getName(): status.getModificationTime() / 1000 for status in found}
        return {name: when for name, when in times.items() if name.endswith(".json")}
