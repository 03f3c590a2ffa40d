"""Places of tables as deltalake and pyiceberg spell them, and Hadoop's settings in deltalake's words."""

from __future__ import annotations

import pytest

from fer_spark.tables.stores import hadoop_address, plain_address, store_options


class Conf(dict[str, str]):
    """As much of Hadoop's configuration as is read here."""

    def getPassword(self, name: str) -> list[str] | None:  # noqa: N802
        return list(self[name]) if name in self else None

    def getBoolean(self, name: str, default: bool) -> bool:  # noqa: N802
        return self.get(name, str(default)).lower() == "true"


def test_deltalake_gets_the_settings_of_s3a(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    conf = Conf({"fs.s3a.access.key": "all", "fs.s3a.bucket.lake.access.key": "own", "fs.s3a.secret.key": "secret"})
    assert store_options("s3a://lake/scores", conf) == {"AWS_ACCESS_KEY_ID": "own", "AWS_SECRET_ACCESS_KEY": "secret"}
    conf = Conf({"fs.s3a.bucket.lake.endpoint": "store:9000", "fs.s3a.endpoint.region": "eu-west-1"})
    assert store_options("s3a://lake/scores", conf) == {
        "AWS_ENDPOINT_URL": "https://store:9000",
        "AWS_REGION": "eu-west-1",
    }
    conf["fs.s3a.connection.ssl.enabled"] = "false"
    options = store_options("s3a://lake/scores", conf)
    assert (options["AWS_ENDPOINT_URL"], options["AWS_ALLOW_HTTP"]) == ("http://store:9000", "true")
    assert store_options("file:/lake/scores", conf) == {}
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store:9000")
    assert store_options("s3a://lake/scores", Conf()) == {"AWS_ALLOW_HTTP": "true"}


def test_addresses_as_others_spell_them() -> None:
    assert plain_address("file:/a b/c") == plain_address("file:///a b/c") == "/a b/c"
    assert plain_address("s3a://lake/s3a://x") == "s3://lake/s3a://x"
    assert hadoop_address("s3://lake/x") == "s3a://lake/x"
    assert hadoop_address("file:///a") == "file:///a"
