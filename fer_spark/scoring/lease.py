"""One run at a time: a lease with an owner, a heartbeat and an expiry, on any storage whose listings are consistent.

Each run writes a claim of its own and then lists: it holds the lease when it sees no other claim that is alive. Of two
runs that begin at once, each writes before it lists, so at least one sees the other: two never hold it. A claim is dead
when its heartbeat is older than the expiry by the storage's own clock, or when its process on this machine is gone.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

DIRECTORY = "lease"
_TRIES = 20
_PAUSE_S = 0.3
_LOOKS, _LOOK_PAUSE_S = 5, 0.05


class LeaseError(Exception):
    """The lease was lost: another run took it after this run had sent no heartbeat for longer than the expiry."""


class LeaseHeld(Exception):  # noqa: N818 - not an error: somebody else is doing the work
    """Another run holds the lease; the message says which."""


class ClaimStore(Protocol):
    """Small files by name, and when each was last written, by one clock."""

    def write(self, name: str, text: str) -> None: ...

    def read(self, name: str) -> str | None: ...

    def delete(self, name: str) -> None: ...

    def modified_s(self) -> dict[str, float]:
        """Names with the time of their last writing."""


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


class Lease:
    """Holds the lease while the `with` block runs. Entering raises LeaseHeld if another run holds it."""

    def __init__(self, store: ClaimStore, expiry_s: float, owner: Owner | None = None) -> None:
        self.owner = owner or Owner.here()
        self._store = store
        self._expiry_s = expiry_s
        self._name = f"{self.owner.token}.json"
        self._held = False
        self._stop = threading.Event()
        self._writing = threading.Lock()
        self._beats: threading.Thread | None = None

    def __enter__(self) -> Lease:
        self._beat()
        for _ in range(_TRIES):
            others = self._others() or self._after_a_pause()
            if not others:
                self._held = True
                self._beat()
                self._beats = threading.Thread(target=self._keep_beating, daemon=True, name="fer-spark-lease")
                self._beats.start()
                return self
            first = min(others, key=lambda name: (not others[name].held, name))
            if others[first].held or first < self._name:  # of several that begin at once, the first by name waits
                break
            time.sleep(_PAUSE_S)
        self._store.delete(self._name)
        raise LeaseHeld(others[first].owner.described)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._beats is not None:
            self._beats.join()
        self._store.delete(self._name)

    def verify(self) -> None:
        """Raise LeaseError unless this run still holds the lease. To be called before every commit."""
        if not self._renew() or any(claim.held for claim in self._others().values()):
            raise LeaseError(
                f"this run sent no heartbeat for {self._expiry_s:g} s and another run took the lease; nothing is lost, "
                "what was not committed is scored by the other. Raise --lease-s if pauses are usual"
            )

    def _beat(self) -> None:
        with self._writing:
            self._store.write(self._name, Claim(self.owner, self._held).to_json())

    def _renew(self) -> bool:
        """Beat, unless the claim was taken away; returns whether it was still there.

        Under one lock, as heartbeat and commits write from two threads: of two at once, one would find the file that
        it wrote aside gone, or the claim missing while the other replaces it.
        """
        with self._writing:
            if self._store.read(self._name) is None:
                return False
            self._store.write(self._name, Claim(self.owner, self._held).to_json())
        return True

    def _keep_beating(self) -> None:
        while not self._stop.wait(self._expiry_s / 5):
            if not self._renew():
                return  # another run took the lease: verify reports it

    def _others(self) -> dict[str, Claim]:
        """Claims of others that are alive, by name; dead ones are removed."""
        self._renew()
        times = self._store.modified_s()
        now = times.get(self._name, 0.0)
        alive = {}
        for name, when in times.items():
            text = None if name == self._name else self._patient_read(name)
            if text is None:
                continue
            claim = Claim.from_json(text)
            if now - when > self._expiry_s or claim.owner.has_ended:
                self._store.delete(name)
            else:
                alive[name] = claim
        return alive

    def _after_a_pause(self) -> dict[str, Claim]:
        """A second look: a claim that is just being replaced may be missing from one listing."""
        time.sleep(_LOOK_PAUSE_S)
        return self._others()

    def _patient_read(self, name: str) -> str | None:
        """A listed claim; None once it is gone for good. Some storages replace a file by removing the old one first."""
        for _ in range(_LOOKS):
            text = self._store.read(name)
            if text is not None:
                return text
            time.sleep(_LOOK_PAUSE_S)
        return None


def _process(pid: int) -> str:
    """Boot and start time of a process: empty where it cannot be told, or there is none, or it is dead."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return ""
    return "" if stat[0] in "ZX" else f"{boot} {stat[19]}"
