"""One owner at a time: among those that begin together, after a death, and after a pause that was too long."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fer_spark.scoring.lease import Lease, LeaseError, LeaseHeld
from fer_spark.scoring.owner import Claim, Owner, _process


class Folder:
    """A claim store in memory whose clock is turned by hand."""

    one_clock = True

    def __init__(self) -> None:
        self.files: dict[str, tuple[float, str]] = {}
        self.now_s = 1000.0
        self._lock = threading.Lock()

    def write(self, name: str, text: str) -> None:
        with self._lock:
            self.files[name] = (self.now_s, text)

    def read(self, name: str) -> str | None:
        with self._lock:
            return self.files[name][1] if name in self.files else None

    def delete(self, name: str) -> None:
        with self._lock:
            self.files.pop(name, None)

    def modified_s(self) -> dict[str, float]:
        with self._lock:
            return {name: when for name, (when, _) in self.files.items()}


def elsewhere(token: str) -> Owner:
    return Owner(token, "another-machine", 7, "some boot 12345")


def test_a_second_run_is_told_who_holds_the_lease_and_leaves_no_claim() -> None:
    store = Folder()
    with Lease(store, 60, elsewhere("first")), pytest.raises(LeaseHeld, match="process 7 on another-machine"):
        Lease(store, 60, elsewhere("a-second")).__enter__()
    assert store.files == {}


def test_a_run_that_ended_or_failed_leaves_the_lease_free() -> None:
    store = Folder()
    with pytest.raises(ZeroDivisionError), Lease(store, 60):
        _ = 1 // 0
    with Lease(store, 60) as lease:
        lease.verify()


def test_of_many_that_begin_at_once_never_two_hold_it_and_one_does() -> None:
    store, lock = Folder(), threading.Lock()
    holding = most = entered = 0
    start = threading.Barrier(8)

    def run(number: int) -> None:
        nonlocal holding, most, entered
        start.wait()
        try:
            with Lease(store, 60, elsewhere(f"run-{number}")) as lease:
                with lock:
                    holding, entered = holding + 1, entered + 1
                    most = max(most, holding)
                time.sleep(0.1)
                lease.verify()
                with lock:
                    holding -= 1
        except LeaseHeld:
            pass

    threads = [threading.Thread(target=run, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert entered >= 1


def test_a_silent_owner_on_another_machine_is_waited_for_until_the_expiry_and_no_longer() -> None:
    store = Folder()
    dead = Lease(store, 60, elsewhere("dead"))
    dead._held = True
    dead._beat()
    store.now_s += 59
    with pytest.raises(LeaseHeld):
        Lease(store, 60).__enter__()
    store.now_s += 2
    with Lease(store, 60) as lease:
        lease.verify()
        with pytest.raises(LeaseError, match="another run took the lease"):
            dead.verify()


def test_an_owner_that_wakes_up_after_its_lease_was_taken_cannot_commit_even_if_its_claim_comes_back() -> None:
    store = Folder()
    sleeper = Lease(store, 60, elsewhere("sleeper"))
    sleeper._held = True
    sleeper._beat()
    store.now_s += 61
    with Lease(store, 60, elsewhere("taker")) as taker:
        sleeper._beat()
        with pytest.raises(LeaseError):
            sleeper.verify()
        sleeper._beat()
        taker.verify()
        assert list(store.files) == ["taker.json"]


def test_an_error_of_a_run_whose_lease_was_taken_is_that_it_was_taken() -> None:
    store = Folder()
    with pytest.raises(ZeroDivisionError), Lease(store, 60):
        _ = 1 // 0
    sleeper = Lease(store, 60, elsewhere("sleeper"))
    sleeper.__enter__()
    store.now_s += 61
    with Lease(store, 60, elsewhere("taker")), pytest.raises(LeaseError, match="another run took the lease"):
        sleeper.__exit__(FileNotFoundError, FileNotFoundError("its staging"), None)


def test_the_heartbeat_keeps_a_long_run_alive() -> None:
    store = Folder()
    with Lease(store, 0.5, elsewhere("long")):
        store.now_s += 10
        time.sleep(0.4)
        assert max(store.modified_s().values()) == store.now_s


class Away(Folder):
    """A storage that answers with an error while it is away, or when one claim is read."""

    def __init__(self, closed: str = "") -> None:
        super().__init__()
        self.away, self._closed = False, closed

    def read(self, name: str) -> str | None:
        if self.away or name == self._closed:
            raise OSError("503 Slow Down")
        return super().read(name)

    def delete(self, name: str) -> None:
        if self.away:
            raise OSError("503 Slow Down")
        super().delete(name)


def test_the_heartbeat_goes_on_once_a_storage_that_was_away_is_back() -> None:
    store = Away()
    with Lease(store, 0.5, elsewhere("long")) as lease:
        store.away = True
        time.sleep(0.3)
        store.away = False
        store.now_s += 10
        time.sleep(0.3)
        assert max(store.modified_s().values()) == store.now_s
        lease.verify()


def test_a_run_that_ends_while_its_storage_is_away_ends_as_it_would_have() -> None:
    store = Away()
    with Lease(store, 60):
        store.away = True
    lease = Lease(Away(), 60)
    lease.__enter__()
    lease._store.away = True
    lease.__exit__(OSError, OSError("503 Slow Down"), None)  # raises nothing of its own


def test_a_claim_that_cannot_be_read_is_not_taken_for_none() -> None:
    store = Away(closed="first.json")
    store.files["first.json"] = (store.now_s, Claim(elsewhere("first"), True).to_json())
    with pytest.raises(OSError, match="503"):
        Lease(store, 60, elsewhere("second")).__enter__()
    assert "first.json" in store.files


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to tell processes apart")
def test_a_process_of_this_machine_that_is_dead_is_not_waited_for() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    owner = replace(Owner.here(), token="child", pid=child.pid)
    owner = replace(owner, process=_process(child.pid))
    store = Folder()
    lease = Lease(store, 3600, owner)
    lease._held = True
    lease._beat()
    with pytest.raises(LeaseHeld):
        Lease(store, 3600).__enter__()
    child.kill()
    child.wait()
    with Lease(store, 3600) as mine:
        mine.verify()


def test_a_number_that_another_process_has_now_is_not_the_owner() -> None:
    old = replace(Owner.here(), process="another-boot 1")
    assert old.pid == os.getpid()
    assert old.has_ended
    assert not Owner.here().has_ended


class Mounted:
    """A folder that two hosts have mounted, as one of them sees it, whose clock is `ahead_s` before the true time: on
    CephFS or Lustre a file gets the time of the host that writes it."""

    one_clock = False

    def __init__(self, shared: Folder, ahead_s: float) -> None:
        self._shared, self._ahead_s = shared, ahead_s
        self.read, self.delete, self.modified_s = shared.read, shared.delete, shared.modified_s

    def write(self, name: str, text: str) -> None:
        self._shared.now_s = time.time() + self._ahead_s
        self._shared.write(name, text)


HOUR_S = 3600.0


@pytest.mark.parametrize("ahead_s", [-HOUR_S, 0, HOUR_S])
def test_a_host_whose_clock_is_wrong_takes_no_lease_that_is_alive(ahead_s: float) -> None:
    shared, expiry_s = Folder(), 0.5
    reported: list[str] = []
    with Lease(Mounted(shared, 0), expiry_s, elsewhere("right")) as right:
        with pytest.raises(LeaseHeld, match="process 7 on another-machine"):
            Lease(Mounted(shared, ahead_s), expiry_s, elsewhere("wrong"), reported.append).__enter__()
        right.verify()
        assert list(shared.files) == ["right.json"]
    assert len(reported) == (ahead_s != 0)  # how long it may wait, where a stamp says nothing


@pytest.mark.parametrize("ahead_s", [-HOUR_S, HOUR_S])
def test_the_dead_claim_of_a_host_whose_clock_was_wrong_is_waited_for_until_the_expiry_and_no_longer(
    ahead_s: float,
) -> None:
    shared, expiry_s = Folder(), 0.5
    dead = Lease(Mounted(shared, ahead_s), expiry_s, elsewhere("dead"))
    dead._held = True
    dead._beat()
    began = time.monotonic()
    with Lease(Mounted(shared, 0), expiry_s, elsewhere("next")) as lease:
        assert expiry_s <= time.monotonic() - began < 10 * expiry_s
        lease.verify()
        with pytest.raises(LeaseError, match="another run took the lease"):
            dead.verify()


class Replacing(Folder):
    """Replaces a file by removing the old one first, and cannot be written to twice at once: as local disks do."""

    def __init__(self) -> None:
        super().__init__()
        self.overlaps = 0
        self._busy = 0

    def write(self, name: str, text: str) -> None:
        self._busy += 1
        self.overlaps += self._busy > 1
        self.delete(name)
        time.sleep(0.01)
        super().write(name, text)
        self._busy -= 1


def test_heartbeats_and_commits_never_write_the_claim_at_once() -> None:
    store = Replacing()
    with Lease(store, 0.05) as lease:  # a beat every hundredth of a second
        for _ in range(30):
            lease.verify()
            time.sleep(0.003)
        assert lease._beats is not None
        assert lease._beats.is_alive()
    assert store.overlaps == 0


class Blinking(Folder):
    """Claims of others are missing from the first listing and from the first reading: they were being replaced."""

    def __init__(self, own: str) -> None:
        super().__init__()
        self._own, self._listed, self._read = own, False, False

    def modified_s(self) -> dict[str, float]:
        times = super().modified_s()
        if not self._listed:
            self._listed = True
            return {name: when for name, when in times.items() if name.startswith(self._own)}
        return times

    def read(self, name: str) -> str | None:
        if not name.startswith(self._own) and not self._read:
            self._read = True
            return None
        return super().read(name)


def test_a_claim_that_is_just_being_replaced_still_counts() -> None:
    store = Blinking("second")
    store.files["first.json"] = (store.now_s, Claim(elsewhere("first"), True).to_json())
    with pytest.raises(LeaseHeld, match="process 7"):
        Lease(store, 60, elsewhere("second")).__enter__()
    assert "first.json" in store.files
