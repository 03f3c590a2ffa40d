"""Shards in an object store, spoken to over its real protocol."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
import torch

from fer_spark.shards.read.reader import ReadSettings, ShardError, open_shards
from tests.shards.small_shards import write_shards

pytestmark = pytest.mark.store


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An empty bucket on a server process of moto; fsspec is told where it is, as FSSPEC_S3_ENDPOINT_URL would."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    before = dict(fsspec.config.conf)
    endpoint = f"http://127.0.0.1:{port}"
    fsspec.config.conf["s3"] = {"endpoint_url": endpoint, "key": "a", "secret": "b"}
    try:
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.1)
        fsspec.filesystem("s3").mkdir("lake")
        yield "s3://lake"
    finally:
        fsspec.config.conf.clear()
        fsspec.config.conf.update(before)
        process.terminate()
        process.wait()


def test_an_object_store_gives_the_same_batches(bucket: str, tmp_path: Path) -> None:
    write_shards(tmp_path, {"train": [[40, 40, 13], [7, 30]]})
    fsspec.filesystem("s3").put(str(tmp_path), "lake/shards", recursive=True)
    settings = ReadSettings(batch_size=16, shuffle_window=2)
    for url in (f"{bucket}/shards", "s3a://lake/shards"):
        with open_shards(url, "train", settings) as remote, open_shards(str(tmp_path), "train", settings) as local:
            assert remote.labels().tolist() == local.labels().tolist()
            for ours, theirs in zip(remote.epoch(0), local.epoch(0), strict=True):
                assert torch.equal(ours.images, theirs.images)
                assert torch.equal(ours.rows, theirs.rows)


def test_what_is_wrong_there_names_the_object(bucket: str, tmp_path: Path) -> None:
    write_shards(tmp_path, {"train": [[40, 40], [7]]})
    store = fsspec.filesystem("s3")
    store.put(str(tmp_path), "lake/broken", recursive=True)
    store.rm("lake/broken/split=train/part-00001.zstd.parquet")
    with (
        open_shards(f"{bucket}/broken", "train", ReadSettings()) as source,
        pytest.raises(ShardError, match=r"s3://lake/broken/split=train/part-00001\.zstd\.parquet: not there"),
    ):
        list(source.epoch(0))
    with pytest.raises(ShardError, match=r"s3://lake/nothing: no _manifest\.json there"):
        open_shards(f"{bucket}/nothing", "train", ReadSettings())


def test_missing_keys_are_one_line_with_the_next_step(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")):
        monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": fsspec.config.conf["s3"]["endpoint_url"]})
    with pytest.raises(ShardError, match=r"s3://lake/shards: no access \(.*\); give S3 AWS_ACCESS_KEY_ID and") as told:
        open_shards(f"{bucket}/shards", "train", ReadSettings())
    assert "\n" not in str(told.value)
