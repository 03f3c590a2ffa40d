"""One run at a time: a lease with an owner, a heartbeat and an expiry, on any storage whose listings are consistent.

Each run writes a claim of its own and then lists: it holds the lease when it sees no other claim that is alive. Of two
runs that begin at once, each writes before it lists, so at least one sees the other: two never hold it. A claim is dead
when its process on this machine is gone, or when it has had no heartbeat for the expiry: by the storage's own clock
where that one stamps every file; elsewhere, as in a mounted folder whose hosts stamp what they write (CephFS, Lustre),
by how long this run has seen the same stamp, whatever the stamp says. No host's clock is compared with another's.

A run that was cut off from the storage for longer than the expiry may send a heartbeat late, after another took the
lease: to that other its claim stays dead, and to itself the other's is one that is alive.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Protocol

from fer_spark.scoring.owner import Claim, Owner

DIRECTORY = "lease"
_TRIES = 20
_PAUSE_S = 0.3
_LOOKS, _LOOK_PAUSE_S = 5, 0.05


class LeaseError(Exception):
    """The lease was lost: another run took it after this run had sent no heartbeat for longer than the expiry."""


class LeaseHeld(Exception):  # noqa: N818 - not an error: somebody else is doing the work
    """Another run holds the lease; the message says which."""


class ClaimStore(Protocol):
    """Small files by name, and when each was last written.

    one_clock  whether the storage's own clock stamps every file; else each host's may
    """

    @property
    def one_clock(self) -> bool: ...

    def write(self, name: str, text: str) -> None: ...

    def read(self, name: str) -> str | None:
        """None for a file that is not there; raises for one that cannot be read."""

    def delete(self, name: str) -> None: ...

    def modified_s(self) -> dict[str, float]:
        """Names with the time of their last writing."""


class _Stamp(NamedTuple):
    """When a claim was written by its own clock, since when this run has seen that, and whether the claim is known to
    be alive: its stamp changed under this run's eyes, or is no further away than the expiry."""

    when: float
    since: float
    alive: bool


class Lease:
    """Holds the lease while the `with` block runs. Entering raises LeaseHeld if another run holds it.

    Where hosts stamp files by their own clocks, entering may wait up to `expiry_s` for a heartbeat; `report` gets a
    line then.
    """

    def __init__(
        self,
        store: ClaimStore,
        expiry_s: float,
        owner: Owner | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.owner = owner or Owner.here()
        self._store = store
        self._expiry_s = expiry_s
        self._name = f"{self.owner.token}.json"
        self._report = report
        self._held = False
        self._first_seen: dict[str, _Stamp] = {}
        self._dead: set[str] = set()
        self._stop = threading.Event()
        self._writing = threading.Lock()
        self._beats: threading.Thread | None = None

    def __enter__(self) -> Lease:
        self._beat()
        tries = 0
        while tries < _TRIES:
            others = self._others() or self._after_a_pause()
            if not others:
                self._held = True
                self._beat()
                self._beats = threading.Thread(target=self._keep_beating, daemon=True, name="fer-spark-lease")
                self._beats.start()
                return self
            first = min(others, key=lambda name: (not others[name].held, name))
            if self._is_doubtful(first):
                self._report_once(others[first])
                time.sleep(self._expiry_s / 50)
                continue
            if others[first].held or first < self._name:  # of several that begin at once, the first by name waits
                break
            tries += 1
            time.sleep(_PAUSE_S)
        self._store.delete(self._name)
        raise LeaseHeld(others[first].owner.described)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises LeaseError in place of an error that may be due to it: the other run clears away what it finds."""
        self._stop.set()
        if self._beats is not None:
            self._beats.join()
        removed = False
        with suppress(Exception):  # a claim that cannot be removed ends with the process, or expires
            removed = self._store.read(self._name) is None
            self._store.delete(self._name)
        if removed and isinstance(value, Exception) and not isinstance(value, LeaseError):
            raise LeaseError(self._lost) from value

    def verify(self) -> None:
        """Raise LeaseError unless this run still holds the lease. To be called before every commit."""
        if not self._renew() or any(claim.held for claim in self._others().values()):
            raise LeaseError(self._lost)

    def stamped_s(self) -> float:
        """A heartbeat, and its time by the clock that stamps files there; 0 where another run took the lease."""
        self._renew()
        return self._store.modified_s().get(self._name, 0.0)

    @property
    def _lost(self) -> str:
        return (
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
            with suppress(Exception):  # a store that is away may be back at the next beat, and a commit asks it again
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
            if name in self._dead or claim.owner.has_ended or self._is_silent(name, when, now):
                self._dead.add(name)
                self._store.delete(name)
            else:
                alive[name] = claim
        return alive

    def _is_silent(self, name: str, when: float, now: float) -> bool:
        """Whether a claim with the stamp `when` has had no heartbeat for the expiry; this run's own has `now`."""
        if self._store.one_clock:
            return now - when > self._expiry_s
        seen = self._first_seen.get(name)
        if seen is None or seen.when != when:
            near = seen is not None or abs(now - when) <= self._expiry_s
            self._first_seen[name] = _Stamp(when, time.monotonic(), near)
            return False
        return time.monotonic() - seen.since > self._expiry_s

    def _is_doubtful(self, name: str) -> bool:
        """Whether a claim's stamp is far from this run's own clock and was not seen to change."""
        seen = self._first_seen.get(name)
        return seen is not None and not seen.alive

    def _report_once(self, claim: Claim) -> None:
        self._report(
            f"Waiting for a heartbeat of {claim.owner.described}, up to {self._expiry_s:g} s: its claim to the lease "
            "is old, or its clock is another."
        )
        self._report = lambda line: None

    def _after_a_pause(self) -> dict[str, Claim]:
        """A second look: a claim that is just being replaced may be missing from one listing."""
        time.sleep(_LOOK_PAUSE_S)
        return self._others()

    def _patient_read(self, name: str) -> str | None:
        """A listed claim; None once it is gone for good. Some storages replace a file by removing the old one first.

        Raises what reading it does: a claim that cannot be read may be alive.
        """
        for _ in range(_LOOKS):
            text = self._store.read(name)
            if text is not None:
                return text
            time.sleep(_LOOK_PAUSE_S)
        return None
