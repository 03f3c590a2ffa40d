"""A node with containers: podman runs each pod with its mounts, its environment and its limit of memory. The image is
this machine's own root, what a container writes outside its mounts is dropped with it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

from tests.cluster.kubernetes.changes import Object
from tests.cluster.kubernetes.node import ENTRYPOINT, Node

_RUN = ["run", "--rm", "--runtime", "runc", "--network", "host", "--ulimit", "nofile=20000:20000"]
_RUN += ["--ulimit", "nproc=4096:4096", "--workdir", "/tmp"]
MISSING = "podman runs no container here"


def has_podman() -> bool:
    """Whether a container of this machine's root runs."""
    if shutil.which("podman") is None:
        return False
    words = ["podman", *_RUN, "--rootfs", "/:O", "/bin/true"]
    return subprocess.run(words, capture_output=True, check=False, timeout=60).returncode == 0


class Containers(Node):
    """Arguments and variables reach a container as the pod has them."""

    def command(
        self, name: str, container: Object, mounts: Mapping[str, str], variables: Mapping[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        words = ["podman", *_RUN, "--name", name]
        words += ["--memory", container["resources"]["limits"]["memory"].removesuffix("i")]
        for place, folder in {str(self.names): str(self.names), **mounts}.items():
            words += ["--volume", f"{folder}:{place}"]
        words += [word for variable, value in variables.items() for word in ("--env", f"{variable}={value}")]
        return [*words, "--rootfs", "/:O", str(ENTRYPOINT), *container["args"]], dict(os.environ)

    def kill(self, name: str) -> None:
        subprocess.run(["podman", "kill", name], capture_output=True, check=False)
