"""What a session that is started here says before anything has happened."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fer_spark.spark.quiet import quieten

START = """
from fer_spark.spark.session import get_session
print(get_session("quiet", master="local[1]").range(3).count())
"""


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("SPARK_SUBMIT_OPTS", "SPARK_CONF_DIR", "SPARK_HOME"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_other_options_stay(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("SPARK_SUBMIT_OPTS", "-Done=1")
    quieten()
    first, second = os.environ["SPARK_SUBMIT_OPTS"].split(" ")
    assert first == "-Done=1"
    assert Path(second.removeprefix("-Dlog4j2.configurationFile=")).is_file()
    quieten()  # once is enough
    assert os.environ["SPARK_SUBMIT_OPTS"].split(" ") == [first, second]


@pytest.mark.parametrize("home", ["SPARK_CONF_DIR", "SPARK_HOME"])
def test_a_log_of_the_users_own_is_left_alone(bare: pytest.MonkeyPatch, tmp_path: Path, home: str) -> None:
    folder = tmp_path / "conf"
    folder.mkdir()
    bare.setenv(home, str(folder if home == "SPARK_CONF_DIR" else tmp_path))
    (folder / "log4j2.xml").touch()
    quieten()
    assert "SPARK_SUBMIT_OPTS" not in os.environ
    (folder / "log4j2.xml").unlink()
    quieten()
    assert "SPARK_SUBMIT_OPTS" in os.environ


@pytest.mark.job
def test_a_session_starts_without_a_word_but_the_jvms_own(bare: pytest.MonkeyPatch) -> None:
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, timeout=400, check=True)
    assert done.stdout.split() == ["3"]
    assert [line for line in done.stderr.splitlines() if "incubator" not in line] == []
