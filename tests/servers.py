"""What `make jars` has fetched: the jars with which Spark speaks to S3 and to Google's store, and stores to speak to.

Tests that need them skip, with one line, where they are not.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fer_spark.machine import cache_dir
from tests.check import ROOT

SUMS = ROOT / "docker" / "jars"
MISSING = "`make jars` has not fetched the jars, the servers and DuckDB: it needs Maven, pip and the network"
_WEED = cache_dir() / "servers" / "bin" / "weed"


def jars() -> list[Path]:
    """Those for S3 that SHA256SUMS names, which `make jars` has checked; none where one of them is missing."""
    return _fetched(SUMS / "SHA256SUMS", "jars")


def gcs_jars() -> list[Path]:
    """Those for Google's store."""
    return _fetched(SUMS / "gcs" / "SHA256SUMS", "gcs")


def _fetched(sums: Path, folder: str) -> list[Path]:
    names = [line.split()[1] for line in sums.read_text(encoding="ascii").splitlines()]
    paths = [cache_dir() / folder / name for name in names]
    return paths if all(path.exists() for path in paths) else []


@dataclass(frozen=True)
class ObjectStore:
    """A running server, and the one key that it knows."""

    endpoint: str
    key: str
    secret: str

    def for_hadoop(self, bucket: str, **changes: str) -> dict[str, str]:
        """Settings of S3A for one bucket; `changes` by the last part of a setting's name, as `secret_key`."""
        settings = {
            "endpoint": self.endpoint,
            "endpoint.region": "us-east-1",
            "path.style.access": "true",
            "aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
            "access.key": self.key,
            "secret.key": self.secret,
        } | {name.replace("_", "."): value for name, value in changes.items()}
        return {f"fs.s3a.bucket.{bucket}.{name}": value for name, value in settings.items()}

    def for_fsspec(self) -> dict[str, str]:
        return {"endpoint_url": self.endpoint, "key": self.key, "secret": self.secret}

    def for_deltalake(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }

    def for_pyiceberg(self) -> dict[str, str]:
        """Settings of a catalog."""
        return {
            "S3__ENDPOINT": self.endpoint,
            "S3__ACCESS_KEY_ID": self.key,
            "S3__SECRET_ACCESS_KEY": self.secret,
            "S3__REGION": "us-east-1",
        }


def has_object_store() -> bool:
    return _WEED.exists() and bool(jars())


@contextmanager
def object_store(folder: Path) -> Iterator[ObjectStore]:
    """SeaweedFS on free ports, its data in `folder`: signatures, conditions and limits as S3 has them."""
    if not has_object_store():
        pytest.skip(MISSING)
    key, secret = "AKIDTESTKEY0000001", "a+secret/of=tests"
    identity = {"name": "tests", "credentials": [{"accessKey": key, "secretKey": secret}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}), encoding="utf-8")
    names = [f"{name}.port{kind}" for name in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")]
    ports = dict(zip(names, free_ports(len(names)), strict=True)) | {"s3.port.iceberg": 0, "s3.port.lance": 0}
    words = [f"-{name}={port}" for name, port in ports.items()]
    words += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", f"-s3.config={folder / 's3.json'}", "-volume.max=100"]
    words += ["-s3.allowDeleteBucketNotEmpty=false", "-master.volumeSizeLimitMB=64", "-master.telemetry=false"]
    with (folder / "log").open("wb") as log:
        command = [str(_WEED), f"-logdir={folder}", "server", f"-dir={folder}", *words]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        endpoint = f"http://127.0.0.1:{ports['s3.port']}"
        _wait_for(endpoint, process, folder / "log")
        yield ObjectStore(endpoint, key, secret)
    finally:
        process.kill()
        process.wait()


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nothing listens on, below those that the system itself gives out."""
    found: list[int] = []
    for port in range(18000 + time.time_ns() % 10000, 32000):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no free ports")


def _wait_for(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-2000:]
        try:
            urllib.request.urlopen(endpoint, timeout=1).close()
        except urllib.error.HTTPError:  # it asks for a signature: it is there
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the object store does not answer")
