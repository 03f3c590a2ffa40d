"""Jobs beside other jobs: under the same properties, and nothing that they raise is lost."""

from __future__ import annotations

import threading

import pytest
from pyspark.sql import SparkSession

from fer_spark.spark.aside import aside


def test_work_aside_goes_on_beside_the_caller_with_its_properties_and_gives_its_result(spark: SparkSession) -> None:
    context, goes_on = spark.sparkContext, threading.Event()
    context.setLocalProperty("spark.job.description", "told before")

    def work() -> tuple[bool, str | None, int]:
        return goes_on.wait(30), context.getLocalProperty("spark.job.description"), spark.range(7).count()

    try:
        wait = aside(spark, work)
        context.setLocalProperty("spark.job.description", "told later")
        goes_on.set()  # never reached if the work were done in the call
        assert wait() == (True, "told before", 7)
    finally:
        context.setLocalProperty("spark.job.description", None)  # type: ignore[arg-type]


def test_what_work_aside_raises_is_raised_where_it_is_waited_for(spark: SparkSession) -> None:
    wait = aside(spark, lambda: spark.range(1).select("no_such_column").count())
    with pytest.raises(Exception, match="no_such_column"):
        wait()
