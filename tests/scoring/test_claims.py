"""Claims as files: what is not there, and what is there and cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from fer_spark.scoring.claims import Claims

UNREADABLE = Path("/proc/self/mem")  # from its start


def test_a_claim_is_read_as_it_was_written_and_one_that_is_not_there_is_none(
    spark: SparkSession, tmp_path: Path
) -> None:
    claims = Claims(spark, str(tmp_path))
    claims.write("a.json", "{}")
    assert claims.read("a.json") == "{}"
    assert claims.read("b.json") is None
    assert list(claims.modified_s()) == ["a.json"]


@pytest.mark.skipif(not UNREADABLE.exists(), reason="needs Linux, for a file that opens and cannot be read")
def test_a_claim_that_storage_does_not_give_is_not_one_that_is_gone(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "lease").mkdir()
    (tmp_path / "lease/a.json").symlink_to(UNREADABLE)
    with pytest.raises(Py4JJavaError, match="Input/output error"):
        Claims(spark, str(tmp_path)).read("a.json")
