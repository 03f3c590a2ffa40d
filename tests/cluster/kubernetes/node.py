"""A node without containers: each pod is a process group of this machine, started from its spec by the image's own
entrypoint, with its environment, arguments and volumes.

Volumes are folders. A process has no file system of its own: where an argument or a variable names a place below a
mount, it gets the place that is mounted there. JVMs resolve the names of Services.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.check import ROOT
from tests.cluster.kubernetes.api import Api, MissingError, now
from tests.cluster.kubernetes.changes import Object

ENTRYPOINT = ROOT / "docker" / "entrypoint"
_WAIT_S = 10


@dataclass
class Node:
    """Runs the pods of an API; each has an address and a folder of its own.

    environment  what the image sets
    files        {place in the image: place on this machine}
    addresses    of all pods so far, by name
    """

    api: Api
    folder: Path
    environment: Mapping[str, str]
    files: Mapping[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.api.on_create, self.api.on_delete = self._created, self._deleted

    def command(
        self, name: str, container: Object, mounts: Mapping[str, str], variables: Mapping[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        """What runs the container of a pod: words, and the environment to start them in."""
        words = [str(ENTRYPOINT), *(inside(word, mounts) for word in container["args"])]
        return words, {variable: inside(value, mounts) for variable, value in variables.items()}

    def kill(self, name: str) -> None:
        """All processes of a pod, as the kernel kills them; nothing where they have ended."""
        if name in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.processes[name].pid, signal.SIGKILL)

    def end(self) -> None:
        """Kill every pod."""
        for name, process in list(self.processes.items()):
            self.kill(name)
            process.wait()

    def log(self, name: str) -> str:
        return (self.folder / name / "log").read_text(encoding="utf-8", errors="replace")

    def is_working(self, name: str) -> bool:
        """Whether a Python worker of this pod has computed for a second."""
        with contextlib.suppress(KeyError, psutil.NoSuchProcess):
            for child in psutil.Process(self.processes[name].pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if child.cpu_times().user > 1.0:
                        return True
        return False

    def _created(self, kind: str, thing: Object) -> None:
        if kind == "pods":
            self.addresses[thing["metadata"]["name"]] = f"127.0.0.{2 + len(self.addresses)}"
            threading.Thread(target=self._run, args=(thing,), daemon=True).start()
        self._write_names()

    def _deleted(self, kind: str, thing: Object) -> None:
        if kind == "pods":
            self.kill(thing["metadata"]["name"])

    def _run(self, pod: Object) -> None:
        """Run the only container of a pod, and report how it ends."""
        name, spec = pod["metadata"]["name"], pod["spec"]
        (container,) = spec["containers"]
        pod["status"] = {"podIP": self.addresses[name], "hostIP": "127.0.0.1"}
        place = self.folder / name
        (place / "work").mkdir(parents=True)
        mounts = dict(self.files) | self._mounts(spec, container, place)
        variables = {**self.environment, "JAVA_TOOL_OPTIONS": f"-Djdk.net.hosts.file={self.names}"}
        variables |= {variable["name"]: self._value(variable, pod) for variable in container.get("env", [])}
        line, environment = self.command(name, container, mounts, variables)
        with (place / "log").open("wb") as log:
            process = subprocess.Popen(
                line, cwd=place / "work", env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self.processes[name] = process
        self._report(pod, container, {"running": {"startedAt": now()}}, "Running")
        code = process.wait()
        ended = {"exitCode": code if code >= 0 else 128 - code, "reason": "Error" if code else "Completed"}
        self._report(pod, container, {"terminated": ended | {"finishedAt": now()}}, "Failed" if code else "Succeeded")

    def _report(self, pod: Object, container: Object, state: Object, phase: str) -> None:
        status = {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0}
        status |= {"ready": phase == "Running", "state": state}
        changes = pod["status"] | {"phase": phase, "startTime": now(), "containerStatuses": [status]}
        changes["conditions"] = [{"type": "Ready", "status": str(phase == "Running")}]
        with contextlib.suppress(MissingError):  # it was deleted meanwhile
            self.api.change("pods", pod["metadata"]["name"], {"status": changes})

    def _mounts(self, spec: Object, container: Object, place: Path) -> dict[str, str]:
        """{place in the container: folder}. ValueError for a kind of volume that is not known here."""
        volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        mounts = {}
        for mount in container.get("volumeMounts", []):
            volume = volumes[mount["name"]]
            folder = place / "volumes" / mount["name"]
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o777)  # as Kubernetes has it: whoever a container runs as
            if "hostPath" in volume:
                folder = Path(volume["hostPath"]["path"])
            elif "configMap" in volume:
                self._write_files(volume["configMap"]["name"], folder)
            elif "emptyDir" not in volume:
                raise ValueError(f"a volume that this node does not have: {volume}")
            mounts[mount["mountPath"]] = str(folder)
        return mounts

    def _write_files(self, config: str, folder: Path) -> None:
        """Those of a ConfigMap, which Spark may create after the pod that mounts it."""
        until = time.monotonic() + _WAIT_S
        while ("configmaps", config) not in self.api.objects and time.monotonic() < until:
            time.sleep(0.05)
        for file, text in (self.api.get("configmaps", config).get("data") or {}).items():
            (folder / file).write_text(text, encoding="utf-8")

    def _value(self, variable: Object, pod: Object) -> str:
        """Of an environment variable."""
        source = variable.get("valueFrom")
        if source is None:
            return str(variable.get("value", ""))
        if "secretKeyRef" in source:
            secret = self.api.get("secrets", source["secretKeyRef"]["name"])
            return str(secret["stringData"][source["secretKeyRef"]["key"]])
        value: Any = pod
        for part in source["fieldRef"]["fieldPath"].split("."):
            value = value[part]
        return str(value)

    @property
    def names(self) -> Path:
        """The file of all names that a JVM resolves."""
        return self.folder / "hosts"

    def _write_names(self) -> None:
        """Each Service is the pods that its selector fits."""
        lines = [f"127.0.0.1 localhost {socket.gethostname()}"]
        for service in self.api.find("services"):
            selector = ",".join(f"{key}={value}" for key, value in service["spec"].get("selector", {}).items())
            for pod in self.api.find("pods", selector):
                lines.append(f"{self.addresses[pod['metadata']['name']]} {service['metadata']['name']}.default.svc")
        self.names.write_text("\n".join(lines) + "\n", encoding="utf-8")


def inside(text: str, mounts: Mapping[str, str]) -> str:
    """A text with the folders of mounts where it names their places in the container."""
    for place, folder in sorted(mounts.items(), key=lambda mount: -len(mount[0])):
        text = re.sub(rf"(?<![\w.-]){re.escape(place)}(?![\w.-])", folder.replace("\\", r"\\"), text)
    return text
