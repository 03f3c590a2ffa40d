"""The goals of places: what is divided by what, and what the store's CPU seconds change."""

from __future__ import annotations

import pytest

from tests.benchmarks.places.figures import CLUSTER, FROM_S3, LOCAL, S3_TO_S3, Figures, tables


def taken(seconds: float, preparing_s: float, store_s: float = 0.0) -> Figures:
    """Of the store's CPU seconds all fall into preparing."""
    return Figures(seconds, 3 * seconds, 1000.0, preparing_s, store_s, store_s, "the same")


def test_ratios_are_of_rates_and_the_store_may_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    found = {
        LOCAL: [taken(20, 9), taken(22, 9)],
        CLUSTER: [taken(40, 10), taken(44, 10)],
        FROM_S3: [taken(30, 12, 6), taken(33, 12, 6)],
        S3_TO_S3: [taken(50, 12, 8), taken(50, 12, 8)],
    }
    compared = tables(found, 900, 2)
    assert compared[0].figures == {CLUSTER: [90.0, 90.0], LOCAL: [100.0, 100.0]}
    ratios = [0.9, 0.5, 0.75, 1.0, 2 / 3]  # 9/10; 20/40; 9/12; 9 / (12 - 6 of two cores); 20/30
    assert [table.ratio(LOCAL) for table in compared[:5]] == pytest.approx(ratios)
    lines = capsys.readouterr().out.splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == ["reached", "below", "below", "reached", "below"]
    assert "preparing, without the store's CPU seconds: 1.00, goal 0.85" in lines[3]
    costs = {table.unit: table.figures for table in compared[5:]}
    assert costs["CPU seconds of the store"] == {FROM_S3: [6, 6], S3_TO_S3: [8, 8]}
    assert costs["CPU seconds"][CLUSTER] == [120, 132]
    assert list(costs["seconds"]) == [LOCAL, CLUSTER, FROM_S3, S3_TO_S3]
