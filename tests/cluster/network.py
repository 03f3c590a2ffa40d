"""Hosts with a network of their own: Linux network namespaces whose cables end at one bridge and can be pulled."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

MISSING = "no network namespaces can be made here: it takes root and `ip`"
_PREFIX = "fer-spark"
_PLACES = Path("/run/netns")


@dataclass(frozen=True)
class Network:
    """`tag` begins the namespaces' names: one for each address, and one with the bridge. Nothing outside has a route
    there: not even this machine's own namespace is on the bridge."""

    tag: str
    addresses: tuple[str, ...]

    def inside(self, address: str) -> list[str]:
        """The words before a command that run it on this host."""
        return ["ip", "netns", "exec", self._host(address)]

    def cut(self, address: str) -> None:
        """Pull the host's cable: what is sent is lost, and neither side learns of it."""
        self._plug(address, "down")

    def join(self, address: str) -> None:
        self._plug(address, "up")

    @property
    def bridge(self) -> str:
        return f"{self.tag}-bridge"

    def names(self) -> list[str]:
        return [self.bridge, *map(self._host, self.addresses)]

    def lay(self) -> None:
        """Namespaces, bridge and cables. Skips the test where the machine, or its user, cannot."""
        if shutil.which("ip") is None or _ip("netns", "add", self.bridge).returncode:
            pytest.skip(MISSING)
        self._in(self.bridge, "link", "add", "bridge", "type", "bridge")
        self._in(self.bridge, "link", "set", "bridge", "up")
        for address in self.addresses:
            host, cable = self._host(address), _cable(address)
            _done(_ip("netns", "add", host))
            words = ["link", "add", "cable", "netns", host, "type", "veth", "peer", "name", cable, "netns", self.bridge]
            _done(_ip(*words))
            self._in(self.bridge, "link", "set", cable, "master", "bridge", "up")
            self._in(host, "address", "add", f"{address}/24", "dev", "cable")
            for device in ("lo", "cable"):
                self._in(host, "link", "set", device, "up")

    def remove(self) -> None:
        for name in self.names():
            if (_PLACES / name).exists():
                _done(_ip("netns", "delete", name))

    def _host(self, address: str) -> str:
        return f"{self.tag}-{address}"

    def _plug(self, address: str, state: str) -> None:
        self._in(self.bridge, "link", "set", _cable(address), state)

    def _in(self, name: str, *words: str) -> None:
        _done(_ip("-netns", name, *words))


@contextlib.contextmanager
def network(addresses: Sequence[str]) -> Iterator[Network]:
    """Hosts on one bridge, removed with the block. What runs there has to have ended by then."""
    _remove_left_over()
    laid = Network(f"{_PREFIX}-{os.getpid()}", tuple(addresses))
    try:
        laid.lay()
        yield laid
    finally:
        laid.remove()


def _remove_left_over() -> None:
    """Namespaces of tests that were killed."""
    for path in _PLACES.glob(f"{_PREFIX}-*-*"):
        process = path.name.removeprefix(f"{_PREFIX}-").partition("-")[0]
        if process.isdigit() and not psutil.pid_exists(int(process)):
            _ip("netns", "delete", path.name)


def _cable(address: str) -> str:
    return f"to-{address.rpartition('.')[2]}"


def _ip(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=False)


def _done(ran: subprocess.CompletedProcess[str]) -> None:
    assert ran.returncode == 0, f"{' '.join(ran.args)}: {ran.stderr}"
