"""Where a test may write each output format, on a Spark that knows it."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from pyspark.sql import SparkSession

from fer_spark.scoring.outputs.catalog import FORMATS, check_format
from fer_spark.scoring.outputs.format import OutputError


def place(spark: SparkSession, form: str, folder: Path) -> str:
    """What --output names: a directory in `folder`, or a new table. Skips where Spark lacks the format's classes."""
    try:
        check_format(spark, form)
    except OutputError as error:
        pytest.skip(str(error))
    if not FORMATS[form].named:
        return str(folder / "scores")
    if not spark.conf.get("spark.sql.catalog.lake", None):
        pytest.skip("no catalog named lake")
    return f"lake.tests.t{uuid4().hex}"
