"""A node with containers: podman runs each pod with its mounts, its environment and its limit of memory."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from tests.cluster.kubernetes.changes import Object
from tests.cluster.kubernetes.node import ENTRYPOINT, Node

LIMITS = ["--ulimit", "nofile=20000:20000", "--ulimit", "nproc=4096:4096"]
"""Podman's own are above those that some machines allow."""
GUARDED = ["--user", "1000", "--read-only", "--tmpfs", "/tmp:rw,mode=1777", "--cap-drop", "all"]
"""Without root, on a root that is read-only."""
_RUN = ["run", "--rm", "--runtime", "runc", "--network", "host", *LIMITS, "--workdir", "/tmp"]
MISSING = "podman runs no container here"
NO_IMAGES = "podman has no images of this package here: `make images`"


def has_images(*images: str) -> bool:
    """Whether `make images` has built them."""
    lines = [["podman", "image", "exists", image] for image in images]
    return bool(shutil.which("podman")) and all(subprocess.run(line, check=False).returncode == 0 for line in lines)


def has_podman() -> bool:
    """Whether a container of this machine's root runs."""
    if shutil.which("podman") is None:
        return False
    words = ["podman", *_RUN, "--rootfs", "/:O", "/bin/true"]
    return subprocess.run(words, capture_output=True, check=False, timeout=60).returncode == 0


@dataclass
class Containers(Node):
    """Arguments and variables reach a container as the pod has them.

    image  without root and on a root that is read-only, with its own environment, files and entrypoint; without one
           this machine's own root: what a container writes outside its mounts is dropped with it
    """

    image: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image:
            self.environment, self.files = {}, {}

    def command(
        self, name: str, container: Object, mounts: Mapping[str, str], variables: Mapping[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        words = ["podman", *_RUN, "--name", name]
        words += ["--memory", container["resources"]["limits"]["memory"].removesuffix("i")]
        for place, folder in {str(self.names): str(self.names), **mounts}.items():
            words += ["--volume", f"{folder}:{place}"]
        words += [word for variable, value in variables.items() for word in ("--env", f"{variable}={value}")]
        words += [*GUARDED, self.image] if self.image else ["--rootfs", "/:O", str(ENTRYPOINT)]
        return [*words, *container["args"]], dict(os.environ)

    def kill(self, name: str) -> None:
        subprocess.run(["podman", "kill", name], capture_output=True, check=False)
