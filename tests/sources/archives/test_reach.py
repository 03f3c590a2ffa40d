"""Archives of a store are opened by what Hadoop has been set to for its bucket, whatever their names are."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyarrow import fs

from fer_spark.sources.archives import reach
from fer_spark.sources.files.store import Store

KEYS = {"endpoint_override": "http://127.0.0.1:1", "region": "r", "access_key": "k", "secret_key": "s"}


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "_stores", {})


def test_by_arrow_with_the_buckets_settings() -> None:
    reach.remember(Store("s3a://lake/in", {"key": "k"}, KEYS))
    found = reach.reached("s3a://lake/in/all 100% [ä]#?.tar")
    assert found is not None
    assert isinstance(found[0], fs.S3FileSystem)
    assert found[0].equals(fs.S3FileSystem(retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=10), **KEYS))
    assert found[1] == "lake/in/all 100% [ä]#?.tar"
    for other in ("s3a://river/in/a.tar", "gs://lake/in/a.tar", "/lake/in/a.tar"):
        assert reach.reached(other) is None


def test_by_fsspec_where_arrow_does_not_open_it() -> None:
    reach.remember(Store("s3a://lake/in", {"key": "k", "secret": "s"}))
    found = reach.reached("s3a://lake/in/a b.tar")
    assert found is not None
    assert (found[0].type_name, found[1]) == ("py::fsspec+('s3', 's3a')", "lake/in/a b.tar")


def test_a_store_without_settings_is_opened_as_before() -> None:
    reach.remember(Store("hdfs://lake/in", {}))
    assert reach.reached("hdfs://lake/in/a.tar") is None


def test_a_worker_remembers_before_it_reads() -> None:
    batch = pa.record_batch({"file": ["s3a://lake/a.tar"]})
    seen = reach.reaching(
        Store("s3a://lake", {}, KEYS), lambda rows: (row for row in rows if reach.reached("s3a://lake/a"))
    )
    assert list(seen(iter([batch]))) == [batch]
