"""The compose file's own commands as processes of this machine: a master, two workers, and the run that they do."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fer_spark.spark.launch import QUICK
from tests.docker.commands import DOCKER, ROOT
from tests.pipelines.evaluate.evaluations import write_bundle
from tests.pipelines.score.worlds import BRIGHT, DARK, NAMES, lake, scores, summary

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


@contextmanager
def running(words: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """A process and its children, ended with the block."""
    with log.open("wb") as out:
        process = subprocess.Popen(words, env=environment, stdout=out, stderr=out, start_new_session=True)
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def started(service: dict[str, Any], names: dict[str, str]) -> list[str]:
    """The words that a service runs, but for tini, with these texts in place of others."""
    words = [*service["entrypoint"][2:], *service["command"]]
    for old, new in names.items():
        words = [word.replace(old, new) for word in words]
    return [str(Path(sys.executable).parent / words[0]), *words[1:]]


def test_two_workers_score_what_the_submit_service_asks_for(tmp_path: Path) -> None:
    """Above a minute: a master, two workers and a driver, each a JVM of its own, on two cores."""
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))["services"]
    port = free_port()
    names = {"spark://master:7077": f"spark://127.0.0.1:{port}", "7077": str(port), "8080": str(free_port())}
    names |= {"/tmp/spark-work": str(tmp_path / "work"), "3g": "1g"}
    master = [
        word.replace("master", "127.0.0.1") if word == "master" else word for word in started(services["master"], names)
    ]
    environment = {
        **os.environ,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "JAVA_TOOL_OPTIONS": QUICK,
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
    }
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    lake(tmp_path / "pictures", {f"{i}.png": (DARK, BRIGHT)[i % 2] + i for i in range(6)})
    bundle = write_bundle(tmp_path / "bundle", NAMES, views="single")
    changed = {
        "/data": str(tmp_path),
        "spark://master:7077": f"spark://127.0.0.1:{port}",
        "host=submit": "host=127.0.0.1",
    }
    changed |= {"memory=2g": "memory=512m", "fer2013": str(bundle)}
    words = services["submit"]["command"]
    for old, new in changed.items():
        words = [word.replace(old, new) for word in words]
    with (
        running(master, environment, tmp_path / "master.log"),
        running(started(services["worker-1"], names), environment, tmp_path / "worker-1.log"),
        running(started(services["worker-2"], names), environment, tmp_path / "worker-2.log"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "fer_spark", *words],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=800,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    assert [row["label"] for row in scores(tmp_path / "scores")] == ["angry", "sad"] * 3
    assert summary(tmp_path / "scores")["pictures"] == 6
    registered = (tmp_path / "master.log").read_text(encoding="utf-8")
    assert len(set(re.findall(r"Registering worker (\S+)", registered))) == 2  # one says it until it is heard
    assert len(list((tmp_path / "work").glob("app-*/*"))) >= 2  # an executor of each worker
