"""Fetching ahead: every file once and in its turn, several at a time, never more than is allowed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from fer_spark.sources.files import ahead
from fer_spark.sources.files.ahead import fetched_ahead


class Fetch:
    """Takes 10 ms each; `most`: how many were in flight at once; `held`: bytes fetched and not given yet, at most."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.begun: list[int] = []
        self._lock = threading.Lock()

    def __call__(self, file: int) -> str:
        with self._lock:
            self.begun.append(file)
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.01)
        with self._lock:
            self.now -= 1
        if file < 0:
            raise OSError(f"file {file}")
        return f"content {file}"


def test_every_file_once_in_its_turn_and_several_at_a_time() -> None:
    fetch = Fetch()
    found = list(fetched_ahead(range(100), fetch, lambda file: 1))
    assert found == [(file, f"content {file}") for file in range(100)]
    assert sorted(fetch.begun) == list(range(100))
    assert 2 < fetch.most <= ahead._REQUESTS


@pytest.mark.parametrize(("size", "most"), [(300, 3), (400, 2), (1000, 1), (5000, 1)])
def test_what_lies_ahead_is_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch, size: int, most: int) -> None:
    monkeypatch.setattr(ahead, "_MOST_BYTES", 1000)
    fetch, taken = Fetch(), 0
    for _ in fetched_ahead(range(20), fetch, lambda file: size):
        taken += 1
        time.sleep(0.005)
        assert len(fetch.begun) - taken <= most
    assert (taken, fetch.most) == (20, most)


def test_files_are_taken_no_faster_than_their_contents_are(monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[int] = []

    def files() -> Iterator[int]:
        for file in range(1000):
            listed.append(file)
            yield file

    found = fetched_ahead(files(), Fetch(), lambda file: 1)
    with closing(found):
        next(found)
    time.sleep(0.05)
    assert len(listed) == ahead._REQUESTS + 1


def test_an_error_comes_in_its_files_turn() -> None:
    found = fetched_ahead([1, 2, -3, 4], Fetch(), lambda file: 1)
    assert [next(found)[0], next(found)[0]] == [1, 2]
    with pytest.raises(OSError, match="file -3"):
        next(found)
