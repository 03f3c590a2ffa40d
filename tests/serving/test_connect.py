"""Spark Connect: functions answer as in a classic session; jobs that need the driver's JVM say so in one line."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pyspark.sql import SparkSession

import fer_spark
from fer_spark.cli import main
from fer_spark.spark.connect import ClassicSessionError, is_connect, ship_file
from tests.pipelines.evaluate.evaluations import write_bundle
from tests.pipelines.score.worlds import BRIGHT, DARK, NAMES, lake
from tests.serving.connect import JOBS, client, functions, server

GRAYS = {"a.png": DARK, "b.png": BRIGHT}


class Connect:
    """A session as pyspark.sql.connect has it: no attribute leads to a JVM. Keeps what it was sent."""

    session_id = "one"

    def __init__(self) -> None:
        self.sent: list[str] = []

    def addArtifacts(self, path: str, file: bool) -> None:  # noqa: N802
        assert file
        self.sent.append(path)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} of a Connect session")


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Any:
    module: Any = ModuleType("pyspark.sql.connect.session")
    module.SparkSession = Connect
    monkeypatch.setitem(sys.modules, "pyspark.sql.connect.session", module)
    return Connect()


@pytest.mark.parametrize("name", JOBS)
def test_a_job_says_in_one_line_what_it_needs_and_what_to_do(connect: Any, tmp_path: Path, name: str) -> None:
    job: Any = getattr(fer_spark, name)
    with pytest.raises(ClassicSessionError) as raised:
        job(connect, tmp_path, tmp_path / "out")
    text = str(raised.value)
    assert "\n" not in text
    assert text.startswith(f"{name.replace('_', '-')} needs a classic Spark session")
    assert f"spark-submit jobs/{name}.py" in text
    assert "predict_udf" in text
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("way", ["--master", "--conf", "api mode", "SPARK_REMOTE"])
def test_a_command_for_a_connect_server_is_wrong_usage(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = "sc://host:15002"
    words = {"--master": [address], "--conf": [f"spark.remote={address}"], "api mode": ["spark.api.mode=connect"]}
    if way == "SPARK_REMOTE":
        monkeypatch.setenv("SPARK_REMOTE", address)
    given = [("--master" if way == "--master" else "--conf"), *words[way]] if way in words else []
    command = ["explore", "--source", "images", "--input", str(tmp_path), "--output", str(tmp_path / "out")]
    assert main([*command, *given]) == 2
    assert "explore needs a classic Spark session" in capsys.readouterr().err


def test_a_classic_session_is_none_of_connect(connect: Any, spark: SparkSession) -> None:
    assert is_connect(connect)
    assert not is_connect(spark)


def test_a_session_is_sent_a_file_once(connect: Any, tmp_path: Path) -> None:
    other = Connect()
    other.session_id = "two"
    for session in (connect, connect, other):
        ship_file(session, tmp_path / "bundle.zip")
    assert [connect.sent, other.sent] == [[str(tmp_path / "bundle.zip")]] * 2


@pytest.fixture(scope="module")
def lake_and_bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("connect")
    return lake(folder / "lake", GRAYS), write_bundle(folder, NAMES, views="single")


@pytest.fixture(scope="module")
def found(lake_and_bundle: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A client's results. Server, executor, workers and client: half a minute for all tests of it."""
    for name in ("grpc_status", "google.rpc", "zstandard"):
        pytest.importorskip(name, reason="the extra `connect` is not installed")
    folder = tmp_path_factory.mktemp("server")
    with server(folder) as remote:
        return client(remote, folder, *lake_and_bundle)


@pytest.mark.cluster
def test_functions_answer_as_in_a_classic_session(
    spark: SparkSession, found: dict[str, Any], lake_and_bundle: tuple[Path, Path]
) -> None:
    assert found["connect"]
    expected = functions(spark, *lake_and_bundle)
    assert len(expected) == 5
    for way, rows in expected.items():
        assert rows.keys() == GRAYS.keys()
        for name, row in rows.items():
            assert row["status"] == "ok"
            assert _plain(found[way][name]) == pytest.approx(_plain(row), abs=1e-6), (way, name)


@pytest.mark.cluster
def test_what_one_session_was_sent_another_is_sent_too(found: dict[str, Any]) -> None:
    labels = [row["label"] for row in found["predict"].values()]
    assert found["another session"] == sorted(labels)


@pytest.mark.cluster
def test_jobs_and_commands_in_a_connect_session_are_refused_in_one_line(found: dict[str, Any]) -> None:
    assert found["refused"].keys() == set(JOBS)
    for name, (kind, *_, text) in found["refused"].items():
        assert kind == "ClassicSessionError"
        assert text.startswith(f"{name.replace('_', '-')} needs a classic Spark session")
    assert found["code"] == 2


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row's numbers by name, lists and maps taken apart; what is no number as a text of its own name."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        parts = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else [("", value)]
        )
        for part, one in parts:
            number = isinstance(one, (int, float))
            flat[f"{name} {part}" if number else f"{name} {part} {one}"] = one if number else 0
    return flat
