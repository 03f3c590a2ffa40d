"""Archives of a store are opened by what Hadoop has been set to for its bucket, whatever their names are."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyarrow import fs

from fer_spark.sources.archives import reach, tar_stream
from fer_spark.sources.files.store import Store

KEYS = {"endpoint_override": "http://127.0.0.1:1", "region": "r", "access_key": "k", "secret_key": "s"}


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "_stores", {})


def opened(uri: str) -> tuple[fs.FileSystem, str]:
    return tar_stream._located(uri)


def test_by_arrow_with_the_buckets_settings() -> None:
    reach.remember(Store("s3a://lake/in", {"key": "k"}, KEYS))
    system, path = opened("s3a://lake/in/all%20100%25%20[%C3%A4]%23%3F.tar")
    assert system.equals(fs.S3FileSystem(retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=10), **KEYS))
    assert path == "lake/in/all 100% [ä]#?.tar"
    for other in ("s3a://river/in/a.tar", "gs://lake/in/a.tar", "/lake/in/a.tar"):
        assert reach.store_of(other) is None


def test_by_fsspec_where_arrow_does_not_open_it() -> None:
    reach.remember(Store("s3a://lake/in", {"key": "k", "secret": "s"}))
    system, path = opened("s3a://lake/in/a%20b.tar")
    assert (system.type_name, path) == ("py::fsspec+('s3', 's3a')", "lake/in/a b.tar")


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    reach.remember(Store("gs://lake/in", {"token": "key.json"}))

    def missing(*_: object, **options: object) -> None:
        assert options == {"token": "key.json"}
        raise ImportError("pip install gcsfs")

    monkeypatch.setattr(tar_stream, "open_file_system", missing)
    with pytest.raises(OSError, match="install fsspec with the package for gs, on executors too"):
        opened("gs://lake/in/a.tar")


def test_a_store_without_settings_is_opened_as_before() -> None:
    reach.remember(Store("hdfs://lake/in", {}))
    assert reach.store_of("hdfs://lake/in/a.tar") is None


def test_a_worker_remembers_before_it_reads() -> None:
    batch = pa.record_batch({"file": ["s3a://lake/a.tar"]})
    seen = reach.reaching(
        Store("s3a://lake", {}, KEYS), lambda rows: (row for row in rows if reach.store_of("s3a://lake/a"))
    )
    assert list(seen(iter([batch]))) == [batch]
