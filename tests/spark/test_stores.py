"""What S3A and the connector to Google's store have been set to reaches fsspec."""

from __future__ import annotations

import os
import socket
import time
from threading import Timer
from typing import Any

import pytest

from fer_spark.machine import storage_outage
from fer_spark.spark import stores
from fer_spark.spark.stores import arrow_options, await_answer, fsspec_options


class Conf(dict[str, str]):
    """As much of Hadoop's configuration as is read here."""

    def getPassword(self, name: str) -> list[str] | None:  # noqa: N802
        return list(self[name]) if name in self else None

    def getBoolean(self, name: str, default: bool) -> bool:  # noqa: N802
        return self.get(name, str(default)).lower() == "true"


ANONYMOUS = "org.apache.hadoop.fs.s3a.AnonymousAWSCredentialsProvider"


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, {}),
        ({"access.key": "k", "secret.key": "s", "session.token": "t"}, {"key": "k", "secret": "s", "token": "t"}),
        ({"endpoint": "http://store:9000"}, {"endpoint_url": "http://store:9000"}),
        ({"endpoint": "store:9000"}, {"endpoint_url": "https://store:9000"}),
        ({"endpoint": "s3.amazonaws.com"}, {}),
        ({"endpoint.region": "eu-west-1"}, {"client_kwargs": {"region_name": "eu-west-1"}}),
        ({"aws.credentials.provider": ANONYMOUS}, {"anon": True}),
    ],
)
def test_settings_of_s3a_by_fsspecs_names(settings: dict[str, str], options: dict[str, Any]) -> None:
    for prefix in ("fs.s3a.", "fs.s3a.bucket.lake."):
        conf = Conf({f"{prefix}{name}": value for name, value in settings.items()})
        found = fsspec_options("s3a://lake/a#b?c/[d]", conf)
        assert found.pop("max_concurrency") == 1
        assert set(found.pop("config_kwargs")) == {"retries"}
        assert found == options
    assert fsspec_options("hdfs://lake/in", conf) == {}


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, {}),
        (
            {"access.key": "k", "secret.key": "s", "session.token": "t"},
            {"access_key": "k", "secret_key": "s", "session_token": "t"},
        ),
        ({"endpoint": "http://store:9000"}, {"endpoint_override": "http://store:9000", "region": "us-east-1"}),
        (
            {"endpoint": "store:9000", "endpoint.region": "eu-west-1"},
            {"endpoint_override": "https://store:9000", "region": "eu-west-1"},
        ),
        ({"endpoint": "s3.amazonaws.com"}, {}),
        ({"aws.credentials.provider": ANONYMOUS}, {"anonymous": True}),
    ],
)
def test_settings_of_s3a_by_arrows_names(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], options: dict[str, Any]
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "HTTPS_PROXY", "https_proxy", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    conf = Conf({f"fs.s3a.{name}": value for name, value in settings.items()})
    assert arrow_options("s3a://lake/in", conf) == options
    assert arrow_options("gs://lake/in", conf) is None


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "AWS_CA_BUNDLE"])
def test_where_the_environment_names_what_arrow_does_not_know_it_is_left_out(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "near")
    for endpoint, known in (("http://store:9000", True), ("https://store:9000", False), ("", False)):
        assert (arrow_options("s3a://lake/in", Conf({"fs.s3a.endpoint": endpoint})) is not None) == known
    bypassed = arrow_options("s3a://lake/in", Conf({"fs.s3a.endpoint": "https://near:9000"}))
    assert (bypassed is not None) == (name == "HTTPS_PROXY" and not os.environ.get("AWS_CA_BUNDLE"))


def test_a_buckets_own_settings_win_and_paths_name_the_bucket_where_s3a_does() -> None:
    conf = Conf(
        {"fs.s3a.access.key": "all", "fs.s3a.bucket.lake.access.key": "own", "fs.s3a.path.style.access": "true"}
    )
    found = fsspec_options("s3a://lake", conf)
    assert found["key"] == "own"
    assert found["config_kwargs"]["s3"] == {"addressing_style": "path"}


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, {}),
        ({"type": "APPLICATION_DEFAULT"}, {}),
        ({"type": "UNAUTHENTICATED"}, {"token": "anon"}),
        (
            {"type": "SERVICE_ACCOUNT_JSON_KEYFILE", "service.account.json.keyfile": "/keys/a.json"},
            {"token": "/keys/a.json"},
        ),
    ],
)
def test_settings_of_googles_connector_by_fsspecs_names(settings: dict[str, str], options: dict[str, str]) -> None:
    conf = Conf({f"fs.gs.auth.{name}": value for name, value in settings.items()})
    assert fsspec_options("gs://lake/in", conf) == options


def test_a_store_that_is_away_is_waited_for_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stores, "_answered", set())
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))  # nothing listens yet
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        conf = Conf({"fs.s3a.bucket.lake.endpoint": endpoint})
        monkeypatch.setattr(stores, "AWAY_S", 0.5)
        with pytest.raises(ConnectionError, match=f"^s3a://lake/in: no answer at {endpoint} for ") as caught:
            await_answer("s3a://lake/in", conf)
        assert storage_outage(str(caught.value)) is not None  # exit code 1: a scheduler tries again
        assert capsys.readouterr().err.splitlines() == [f"No answer at {endpoint}, waiting for it for 0 s"]
        monkeypatch.setattr(stores, "AWAY_S", 60)
        late, began = Timer(0.5, server.listen), time.monotonic()
        late.start()
        await_answer("s3a://lake/in", conf)
        assert 0.4 < time.monotonic() - began < 30
    await_answer("s3a://lake/in", conf)  # it has answered once
    await_answer("s3a://other/in", conf)
    await_answer("hdfs://lake/in", conf)
    monkeypatch.setattr(stores, "_answered", set())
    await_answer("s3a://lake/in", Conf({**conf, "fs.s3a.proxy.host": "proxy"}))
    for strange in ("http://127.0.0.1:port", "http://[::1"):  # S3A's to refuse
        await_answer("s3a://lake/in", Conf({"fs.s3a.endpoint": strange}))
