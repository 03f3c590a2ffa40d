"""Who claims the lease: a run, and the process that it is."""

from __future__ import annotations

import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Owner:
    """Who claims: a token of the run, and the process with what tells it from a later one of the same number."""

    token: str
    host: str
    pid: int
    process: str

    @classmethod
    def here(cls) -> Owner:
        return cls(uuid.uuid4().hex, socket.gethostname(), os.getpid(), _process(os.getpid()))

    @property
    def has_ended(self) -> bool:
        """Whether this process ran on this machine and is no more."""
        return bool(self.process) and self.host == socket.gethostname() and _process(self.pid) != self.process

    @property
    def described(self) -> str:
        return f"process {self.pid} on {self.host}" if self.host else "a claim that cannot be read yet"


@dataclass(frozen=True)
class Claim:
    """What a claim's file says: whose it is, and whether it became the lease."""

    owner: Owner
    held: bool

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Claim:
        """A text that is no claim, or not whole yet, counts as a claim of nobody known: alive until it expires."""
        try:
            content = json.loads(text)
            return cls(Owner(**content["owner"]), bool(content["held"]))
        except (KeyError, TypeError, ValueError):
            return cls(Owner("", "", 0, ""), True)


def _process(pid: int) -> str:
    """Boot and start time of a process: empty where it cannot be told, or there is none, or it is dead."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return ""
    return "" if stat[0] in "ZX" else f"{boot} {stat[19]}"
