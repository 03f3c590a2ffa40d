"""Addresses that are none, or that Spark here cannot open: one error that names them, wherever they are given."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from fer_spark.artifacts import Storage
from fer_spark.machine import MachineError
from fer_spark.sources.lake import open_root
from fer_spark.sources.settings import SourceError
from fer_spark.spark.places import PlaceError

WRONG = {
    ":::": "URISyntaxException",
    "nosuch://lake/pictures": 'No FileSystem for scheme "nosuch"',
    "hdfs:///pictures": "no host",
    "file://host/pictures": "Wrong FS",
    "s3://lake/pictures": "spell it s3a://",
    "https://example.org/pictures": "web addresses|nothing can be written",
}


@pytest.mark.parametrize("address", WRONG)
def test_a_place_to_write_to(spark: SparkSession, address: str) -> None:
    with pytest.raises(PlaceError, match=WRONG[address]) as caught:
        Storage.to_write(spark, address)
    assert address in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, MachineError)  # which every command ends with exit code 2 for


@pytest.mark.parametrize("address", WRONG)
def test_an_input(spark: SparkSession, address: str) -> None:
    with pytest.raises(SourceError, match=WRONG[address]) as caught:
        open_root(spark, address)
    assert f"--input {address!r}" in str(caught.value)
    assert "\n" not in str(caught.value)
