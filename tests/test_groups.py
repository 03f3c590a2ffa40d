"""The plugin that orders long tests and says at the end what is missing."""

from __future__ import annotations

import time

import pytest

from tests.groups import LONG, TIME_IS_UP, in_thirds

QUICK = """
import pytest

def test_quick(): pass

@pytest.mark.parametrize("i", range(5))
def test_with_pictures(i): pytest.skip("no pictures here")
"""
SLOW = """
import pytest

@pytest.mark.kill
def test_long(): assert False

def test_quick_beside_it(): pass
"""


@pytest.fixture
def folder(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(test_a=QUICK, test_b=SLOW)
    markers = "\n    ".join([*LONG, "slow"])
    pytester.makeini(f"[pytest]\naddopts = -rfE -p tests.groups -p no:cacheprovider\nmarkers =\n    {markers}")
    return pytester


def test_what_is_missing_is_said_in_one_line_and_failures_come_last(folder: pytest.Pytester) -> None:
    lines = folder.runpytest().outlines
    assert [line for line in lines if "no pictures here" in line] == ["skipped 5: no pictures here"]
    files = [line.split()[0] for line in lines if line.endswith("%]")]
    assert files == ["test_b.py", "test_a.py"], "the file with long tests comes first"
    assert lines[-2].startswith("FAILED test_b.py::test_long")


@pytest.mark.parametrize(
    ("expression", "runs"), [("not slow", 7), ("slow", 1), ("kill", 1), ("cluster", 0), ("kill or cluster", 1)]
)
def test_a_group_is_slow_and_can_be_run_alone(folder: pytest.Pytester, expression: str, runs: int) -> None:
    outcomes = folder.runpytest("-m", expression).parseoutcomes()
    assert 8 - outcomes.get("deselected", 0) == runs


@pytest.mark.parametrize(("left", "long"), [(-1, {"skipped": 6}), (60, {"skipped": 5, "failed": 1})])
def test_no_long_test_begins_when_time_is_up(folder: pytest.Pytester, left: float, long: dict[str, int]) -> None:
    ran = folder.runpytest("--until", str(time.time() + left))
    assert {name: count for name, count in ran.parseoutcomes().items() if name != "warnings"} == {"passed": 2, **long}
    assert (f"skipped 1: {TIME_IS_UP}" in ran.outlines) is (left < 0)
    assert ("not run: 1 of test_b.py" in ran.outlines) is (left < 0)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7, 40, 41, 42])
def test_three_days_begin_with_every_part_of_the_files(count: int) -> None:
    files = [f"test_{i}.py" for i in range(count)]
    days = [in_thirds(files, day) for day in range(20_000, 20_003)]
    assert all(sorted(places) == sorted(files) for places in days)
    assert all(sorted(places.values()) == list(range(count)) for places in days)
    assert {file for places in days for file in files if places[file] < -(-count // 3)} == set(files)
