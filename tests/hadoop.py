"""Hadoop's own servers as processes of their own: a NameNode and a DataNode, a ResourceManager and a NodeManager.

`make jars` fetches them; tests that need them skip, with one line, where they are not.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pyspark.find_spark_home import _find_spark_home
from pyspark.sql import SparkSession

from fer_spark.artifacts import Storage
from fer_spark.machine import cache_dir
from fer_spark.spark.java import find_java
from tests.servers import MISSING, ROOT, free_ports

SUMS = ROOT / "docker" / "jars" / "hadoop" / "SHA256SUMS"
_HERE = "127.0.0.1"
_NAME_NODE = "org.apache.hadoop.hdfs.server.namenode.NameNode"
_DATA_NODE = "org.apache.hadoop.hdfs.server.datanode.DataNode"
_RESOURCE_MANAGER = "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager"
_NODE_MANAGER = "org.apache.hadoop.yarn.server.nodemanager.NodeManager"
_FIFO = "org.apache.hadoop.yarn.server.resourcemanager.scheduler.fifo.FifoScheduler"
_OPTIONS = [
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
]
_WAIT_S = 180


@dataclass
class Hadoop:
    """A folder of settings, as HADOOP_CONF_DIR names it, and the servers that were started with it.

    ports  by the name of the setting that they are for
    """

    conf: Path
    ports: dict[str, int] = field(default_factory=dict)
    servers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        """Where HDFS is for Spark."""
        return f"hdfs://{_HERE}:{self.ports['fs.defaultFS']}"

    @property
    def web_uri(self) -> str:
        """The same file system by the NameNode's port for HTTP."""
        return f"webhdfs://{_HERE}:{self.ports['dfs.namenode.http-address']}"

    def start_hdfs(self) -> None:
        """Both of its servers; returns when a file can be written."""
        self._start(_NAME_NODE)
        self.start_data_node()

    def start_name_node(self) -> None:
        """Another, that knows what an earlier one did."""
        self._start(_NAME_NODE)
        self._wait_for_hdfs()

    def start_data_node(self) -> None:
        """Another, with the blocks that an earlier one left."""
        self._start(_DATA_NODE)
        self._wait_for_hdfs()

    def _wait_for_hdfs(self) -> None:
        page = f"http://{_HERE}:{self.ports['dfs.namenode.http-address']}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystem*"

        def ready() -> bool:
            facts = {name: value for bean in _json(page)["beans"] for name, value in bean.items()}
            return facts["FSState"] == "Operational" and facts["NumLiveDataNodes"] == 1

        self._wait_for(ready)

    def kill_name_node(self) -> None:
        self._kill(_NAME_NODE)

    def kill_data_node(self) -> None:
        self._kill(_DATA_NODE)

    def _start(self, server: str) -> None:
        with (self.conf / f"{server.rpartition('.')[2]}.log").open("ab") as log:
            self.servers[server] = subprocess.Popen(self._command(server), stdout=log, stderr=log, env=_environment())

    def format(self) -> None:
        """Make an empty file system."""
        words = [*self._command(_NAME_NODE), "-format", "-nonInteractive"]
        subprocess.run(words, check=True, capture_output=True, env=_environment())

    def start_yarn(self) -> None:
        """Both of its servers; returns when an application can be run."""
        self._start(_RESOURCE_MANAGER)
        self._start(_NODE_MANAGER)
        page = f"http://{_HERE}:{self.ports['yarn.resourcemanager.webapp.address']}/ws/v1/cluster/nodes"
        self._wait_for(lambda: [node["state"] for node in _json(page)["nodes"]["node"]] == ["RUNNING"])

    def attempts(self) -> list[int]:
        """How often YARN tried each application so far, in the order of their ends."""
        apps = f"http://{_HERE}:{self.ports['yarn.resourcemanager.webapp.address']}/ws/v1/cluster/apps"
        found = sorted(_json(apps)["apps"]["app"], key=lambda app: int(app["finishedTime"]))
        return [len(_json(f"{apps}/{app['id']}/appattempts")["appAttempts"]["appAttempt"]) for app in found]

    def end(self) -> None:
        """End every server; a NodeManager gets the time to end its containers."""
        if manager := self.servers.get(_NODE_MANAGER):
            manager.terminate()
            with suppress(subprocess.TimeoutExpired):
                manager.wait(5)
        for server in self.servers.values():
            server.kill()
            server.wait()

    def settings(self, file: str, values: dict[str, Any]) -> None:
        """Write a file of settings."""
        lines = (f"<property><name>{name}</name><value>{value}</value></property>" for name, value in values.items())
        (self.conf / file).write_text(f"<configuration>{chr(10).join(lines)}</configuration>\n", encoding="utf-8")

    def _command(self, server: str) -> list[str]:
        places = [str(self.conf), *map(str, hadoop_jars()), f"{_find_spark_home()}/jars/*"]
        return [str(java_home() / "bin" / "java"), *_OPTIONS, "-cp", ":".join(places), server]

    def _kill(self, server: str) -> None:
        self.servers[server].kill()
        self.servers[server].wait()

    def _wait_for(self, ready: Callable[[], bool]) -> None:
        until = time.monotonic() + _WAIT_S
        while time.monotonic() < until:
            for name, server in self.servers.items():
                assert server.poll() is None, f"{name} ended: see {self.conf}"
            with suppress(OSError, KeyError, TypeError, ValueError):  # it does not answer yet, or not all of it
                if ready():
                    return
            time.sleep(0.2)
        raise AssertionError(f"Hadoop's servers are not ready: see {self.conf}")


def hadoop_jars() -> list[Path]:
    """Those that SHA256SUMS names, which `make jars` has checked; none where one of them is missing."""
    names = [line.split()[1] for line in SUMS.read_text(encoding="ascii").splitlines()]
    paths = [cache_dir() / "hadoop" / name for name in names]
    return paths if all(path.exists() for path in paths) else []


def hdfs_client() -> Path:
    """The folder with hdfs-native, for PYTHONPATH: with it there, fsspec reads hdfs://."""
    folder = cache_dir() / "servers"
    if not (folder / "hdfs_native").exists():
        pytest.skip(MISSING)
    return folder


@contextmanager
def hadoop(folder: Path, yarn: bool = False) -> Iterator[Hadoop]:
    """HDFS, and YARN if asked for, on free ports, their data in `folder`."""
    if not hadoop_jars():
        pytest.skip(MISSING)
    (folder / "conf").mkdir()
    servers = Hadoop(folder / "conf")
    names = [*_HDFS_PORTS, *(_YARN_PORTS if yarn else ())]
    servers.ports = dict(zip(names, free_ports(len(names)), strict=True))
    servers.settings("core-site.xml", {"fs.defaultFS": servers.uri, "hadoop.tmp.dir": folder / "data"})
    servers.settings("hdfs-site.xml", _addresses(servers, _HDFS_PORTS[1:]) | _HDFS)
    if yarn:
        places = {f"yarn.nodemanager.{kind}-dirs": folder / kind for kind in ("local", "log")}
        servers.settings("yarn-site.xml", _addresses(servers, _YARN_PORTS) | _YARN | places)
    with ExitStack() as stack:
        stack.callback(servers.end)
        servers.format()
        servers.start_hdfs()
        if yarn:
            servers.start_yarn()
        yield servers


_HDFS_PORTS = ("fs.defaultFS", "dfs.namenode.http-address", "dfs.datanode.address", "dfs.datanode.http.address")
_HDFS_PORTS += ("dfs.datanode.ipc.address", "dfs.namenode.secondary.http-address")
_HDFS = {
    "dfs.replication": 1,
    "dfs.datanode.hostname": _HERE,
    "dfs.namenode.safemode.extension": 0,
    "dfs.namenode.heartbeat.recheck-interval": 2000,  # a DataNode that is gone is missed after half a minute
    "dfs.heartbeat.interval": 1,
}
_YARN_PORTS = tuple(
    [f"yarn.resourcemanager.{kind}address" for kind in ("", "scheduler.", "resource-tracker.", "admin.", "webapp.")]
    + [f"yarn.nodemanager.{kind}address" for kind in ("", "localizer.", "collector-service.", "webapp.")]
)
_YARN = {
    "yarn.resourcemanager.hostname": _HERE,
    "yarn.resourcemanager.scheduler.class": _FIFO,
    "yarn.nodemanager.hostname": _HERE,
    "yarn.nodemanager.disk-health-checker.enable": "false",  # a disk that is nine tenths full is no matter here
    "yarn.nodemanager.vmem-check-enabled": "false",
    "yarn.nodemanager.resource.memory-mb": 8192,
    "yarn.nodemanager.resource.cpu-vcores": 8,
    "yarn.scheduler.minimum-allocation-mb": 128,
    "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": 200,  # containers are handed out at these
}


def _addresses(servers: Hadoop, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: f"{_HERE}:{servers.ports[name]}" for name in names}


def _environment() -> dict[str, str]:
    """The user's, but for what would name another Hadoop; with JAVA_HOME, by which YARN starts containers."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HADOOP_", "YARN_"))}
    return clean | {"JAVA_HOME": str(java_home())}


def java_home() -> Path:
    java = find_java()
    assert java is not None
    return java.program.resolve().parent.parent


def put(spark: SparkSession, here: Path, there: str) -> None:
    """Copy a local folder to a URI."""
    _copy(spark, here.as_uri(), there)


def get(spark: SparkSession, there: str, here: Path) -> None:
    """Copy a folder at a URI to this disk."""
    _copy(spark, there, here.as_uri())


def _copy(spark: SparkSession, *places: str) -> None:
    """From a URI to another."""
    jvm: Any = spark._jvm
    conf: Any = spark._jsc.hadoopConfiguration()
    source, target = (jvm.org.apache.hadoop.fs.Path(place) for place in places)
    systems = source.getFileSystem(conf), target.getFileSystem(conf)
    jvm.org.apache.hadoop.fs.FileUtil.copy(systems[0], source, systems[1], target, False, conf)


def text(spark: SparkSession, there: str, name: str) -> str:
    """A small file below a URI."""
    found = Storage(spark, there).read_text(name)
    assert found is not None
    return found


def _json(page: str) -> Any:
    with urllib.request.urlopen(page, timeout=5) as answer:
        return json.load(answer)
