"""Pytest plugin: groups of long tests, longest first, until time is up; at the end, what was skipped or not run."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

LONG = ("kill", "cluster", "scale", "yardstick", "notebook", "table", "store", "job")
"""Groups of long tests, by what they prove; those that take longest first, so that no worker idles at the end."""
TIME_IS_UP = "time was up before these began (--until)"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--until",
        type=float,
        metavar="SECONDS",
        help="no long test begins after this moment, in seconds since 1970; those left are named at the end. Each day "
        "begins with another third of the files, so that a slow machine does not leave out the same ones",
    )


def long_group(item: pytest.Item) -> str | None:
    """The group of a long test; None for one that `make test` runs."""
    return next((name for name in LONG if item.get_closest_marker(name)), None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark long tests as slow, and begin with the files that take longest. Within a file the order stays."""
    order: dict[str, int] = {}
    for item in items:
        group = long_group(item)
        if group:
            item.add_marker(pytest.mark.slow)
            order[_file(item)] = min(order.get(_file(item), len(LONG)), LONG.index(group))
    items.sort(key=lambda item: order.get(_file(item), len(LONG)))
    if until := config.getoption("until"):
        turn = in_thirds(
            list(dict.fromkeys(_file(item) for item in items if _file(item) in order)), int(until // 86400)
        )
        items.sort(key=lambda item: turn.get(_file(item), len(turn)))


def in_thirds(files: list[str], day: int) -> dict[str, int]:
    """{file: its place}: each third file first, in their order, from the first, second or third on, by the day."""
    places = sorted(range(len(files)), key=lambda i: ((i - day) % 3, i))
    return {files[i]: place for place, i in enumerate(places)}


def _file(item: pytest.Item) -> str:
    return item.nodeid.split("::")[0]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    until = item.config.getoption("until")
    if until and long_group(item) and time.time() > until:
        pytest.skip(TIME_IS_UP)


def skipped(reports: list[Any]) -> Counter[str]:
    """How many tests were skipped for each reason, in the reports of one run."""
    return Counter(_reason(report) for report in reports)


def _reason(report: Any) -> str:
    return str(report.longrepr[2]).removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = terminalreporter.stats.get("skipped", [])
    for reason, count in skipped(reports).most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}", yellow=True)
    left = Counter(report.nodeid.split("::")[0] for report in reports if _reason(report) == TIME_IS_UP)
    for file, count in left.items():
        terminalreporter.write_line(f"not run: {count} of {file}", yellow=True)
