"""A command of a benchmark, watched while it runs: seconds, CPU seconds of all its processes, their memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import psutil

from tests.check import ROOT

_LOOK_EVERY_S = 0.25
_PSS_EVERY = 8


@dataclass(frozen=True)
class Watched:
    """What a command took. `peak_mib`: of memory (PSS), as seen now and then."""

    seconds: float
    cpu_s: float
    peak_mib: float


@dataclass
class Server:
    """A process that serves the command: its CPU seconds by the time, apart from the command's own."""

    process: psutil.Process
    _at: list[float] = field(default_factory=list)
    _cpu_s: list[float] = field(default_factory=list)

    def look(self) -> None:
        self._at.append(time.time())
        self._cpu_s.append(_cpu_s(self.process))

    def cpu_s(self, began: float, ended: float) -> float:
        """Between two times (s since 1970), from what was seen around them."""
        first, last = np.interp([began, ended], self._at, self._cpu_s)
        return float(last - first)


class _Tree:
    """CPU seconds of processes and all below them, and the peak of their memory, as seen now and then."""

    def __init__(self, running_before: Sequence[psutil.Process]) -> None:
        self._roots = list(running_before)
        self._before = {process.pid: _cpu_s(process) for process in self._members()}
        self._seconds: dict[int, float] = {}
        self.peak_mib = 0.0

    @property
    def cpu_s(self) -> float:
        """Without what those that ran before had used until then."""
        return sum(seconds - self._before.get(pid, 0.0) for pid, seconds in self._seconds.items())

    def watch(self, process: psutil.Process, running: Callable[[], bool], servers: Sequence[Server]) -> None:
        self._roots.append(process)
        turn = 0
        while running():
            for server in servers:
                server.look()
            pss = 0
            for member in self._members():
                try:
                    self._seconds[member.pid] = _cpu_s(member)
                    if turn % _PSS_EVERY == 0:
                        pss += member.memory_full_info().pss
                except psutil.Error:  # it has ended meanwhile
                    continue
            self.peak_mib = max(self.peak_mib, pss / 2**20)
            turn += 1
            time.sleep(_LOOK_EVERY_S)
        for server in servers:
            server.look()

    def _members(self) -> list[psutil.Process]:
        found = []
        for root in self._roots:
            try:
                found += [root, *root.children(recursive=True)]
            except psutil.Error:
                continue
        return found


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def run_watched(
    name: str,
    words: Sequence[str],
    environment: Mapping[str, str] | None = None,
    nodes: Sequence[psutil.Process] = (),
    servers: Sequence[Server] = (),
) -> Watched:
    """Run a command from the checkout's root, one thread a process. Raises SystemExit with the end of its log where it
    fails.

    environment  more of the command's
    nodes        processes that ran before and that work for the command: they count as its own
    servers      these are watched, and count apart
    """
    tree, began = _Tree(nodes), time.perf_counter()
    single = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **(environment or {})}
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(words, stdout=said, stderr=said, env=os.environ | single, cwd=ROOT) as process,
    ):
        tree.watch(psutil.Process(process.pid), lambda: process.poll() is None, servers)
        seconds = time.perf_counter() - began
        said.seek(0)
        if process.returncode:
            raise SystemExit(f"{name} ended with {process.returncode}: {said.read()[-2000:].decode(errors='replace')}")
    print(f"  {name:<28} {seconds:6.1f} s  {tree.cpu_s:6.1f} CPU-s  {tree.peak_mib:6.0f} MiB", flush=True)
    return Watched(seconds, tree.cpu_s, tree.peak_mib)
