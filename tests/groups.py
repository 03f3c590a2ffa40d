"""Pytest plugin: groups of long tests, longest first; what was skipped, said once for each thing that is missing."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

LONG = ("kill", "cluster", "scale", "yardstick", "notebook", "table", "store", "job")
"""Groups of long tests, by what they prove; those that take longest first, so that no worker idles at the end."""


def long_group(item: pytest.Item) -> str | None:
    """The group of a long test; None for one that `make test` runs."""
    return next((name for name in LONG if item.get_closest_marker(name)), None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark long tests as slow, and begin with the files that take longest. Within a file the order stays."""
    order: dict[str, int] = {}
    for item in items:
        group = long_group(item)
        if group:
            item.add_marker(pytest.mark.slow)
            order[item.nodeid.split("::")[0]] = min(order.get(item.nodeid.split("::")[0], len(LONG)), LONG.index(group))
    items.sort(key=lambda item: order.get(item.nodeid.split("::")[0], len(LONG)))


def skipped(reports: list[Any]) -> Counter[str]:
    """How many tests were skipped for each reason, in the reports of one run."""
    return Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in reports)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for reason, count in skipped(terminalreporter.stats.get("skipped", [])).most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}", yellow=True)
