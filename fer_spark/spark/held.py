"""Keeps rows that several passes read, so that they are computed once."""

from __future__ import annotations

from uuid import uuid4

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def held(frame: DataFrame) -> DataFrame:
    """Persist `frame`, in memory and on disk, for itself alone.

    Spark hands persisted rows to every later plan that reads the same paths the same way, also after the files there
    have changed, as in a notebook that is run again. A condition that nothing else has, and that costs nothing, keeps
    them apart.
    """
    return frame.where(F.lit(uuid4().hex).isNotNull()).persist(StorageLevel.MEMORY_AND_DISK)
