"""A Spark standalone cluster of processes: a master, and workers that have addresses, and so hosts, of their own."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from pyspark.find_spark_home import _find_spark_home

from tests.cluster.nodes import without_python

LOOPBACK = "127.0.0.1"
LIGHT = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"


@dataclass
class Standalone:
    """`workers`: the processes, by their addresses; an executor is a child of its worker. `driver`: its address.
    `folder`: with the nodes' logs."""

    master: str
    workers: dict[str, subprocess.Popen[bytes]]
    driver: str
    folder: Path

    @property
    def conf(self) -> list[str]:
        return [
            f"spark.master={self.master}",
            f"spark.driver.host={self.driver}",
            f"spark.driver.bindAddress={self.driver}",
            "spark.executor.memory=768m",
        ]

    def busy(self, address: str, process: subprocess.Popen[str], seconds: float = 300) -> list[psutil.Process]:
        """Python workers on a host, as soon as one has computed for a second. AssertionError with the job's output."""
        deadline = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
            found = []
            for child in psutil.Process(self.workers[address].pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if "java" not in child.name() and child.cpu_times().user > 1.0:
                        found.append(child)
            if found:
                return found
        process.kill()
        raise AssertionError(f"nothing was computed on {address}: {process.communicate()[0]}")

    def wait_for(self, node: str, words: str, process: subprocess.Popen[str], seconds: float = 120) -> None:
        """Until the log of a node, `master` or a worker's address, has these words, while a job runs. AssertionError
        with the job's output."""
        log, deadline = self.folder / f"{node}.log", time.monotonic() + seconds
        while words not in log.read_text(errors="replace"):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise AssertionError(f"{node} does not log {words!r}: {process.communicate()[0]}")
            time.sleep(0.2)


def _here(address: str) -> list[str]:
    return []


@contextlib.contextmanager
def standalone(
    folder: Path,
    addresses: tuple[str, ...] = ("127.0.0.2", "127.0.0.3"),
    nodes: Mapping[str, str] | None = None,
    driver: str = LOOPBACK,
    inside: Callable[[str], list[str]] = _here,
) -> Iterator[Standalone]:
    """One core for each address. Logs are in `folder`. `nodes`: environment variables that every node has. `driver`:
    the address of the master and of drivers. `inside`: the words that run a command where an address is."""
    home = _find_spark_home()
    port = _free_port()
    environment = without_python() | {"SPARK_HOME": home, "SPARK_DAEMON_JAVA_OPTS": LIGHT, **(nodes or {})}
    environment |= {"SPARK_WORKER_DIR": str(folder / "work"), "SPARK_DAEMON_MEMORY": "256m"}
    started: list[subprocess.Popen[bytes]] = []

    def run(name: str, kind: str, host: str, *words: str) -> subprocess.Popen[bytes]:
        line = [
            *inside(host),
            f"{home}/bin/spark-class",
            f"org.apache.spark.deploy.{kind}",
            "--host",
            host,
            "--webui-port",
            "0",
            *words,
        ]
        with (folder / f"{name}.log").open("wb") as log:
            there = environment | {"SPARK_LOCAL_IP": host}
            process = subprocess.Popen(line, stdout=log, stderr=log, env=there, start_new_session=True)
        started.append(process)
        return process

    folder.mkdir(parents=True, exist_ok=True)
    try:
        first = run("master", "master.Master", driver, "--port", str(port))
        _wait_for(first, folder / "master.log", "I have been elected leader")
        master, workers = f"spark://{driver}:{port}", {}
        for address in addresses:
            workers[address] = run(address, "worker.Worker", address, "--cores", "1", "--memory", "1g", master)
        for address in addresses:
            _wait_for(workers[address], folder / f"{address}.log", "Successfully registered with master")
        yield Standalone(master, workers, driver, folder)
    finally:
        for process in started:
            with contextlib.suppress(psutil.NoSuchProcess):
                for member in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        member.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        return int(free.getsockname()[1])


def _wait_for(process: subprocess.Popen[bytes], log: Path, words: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while words not in (log.read_text(errors="replace") if log.exists() else ""):
        if time.monotonic() > deadline or process.poll() is not None:
            raise AssertionError(f"{log.name}: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)
