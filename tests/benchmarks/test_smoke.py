"""Benchmarks can be run: every one is imported, and the small run fails where a ratio is below half of its goal."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import tests.benchmarks
from tests.benchmarks import smoke


@pytest.mark.parametrize("name", [found.name for found in pkgutil.iter_modules(tests.benchmarks.__path__)])
def test_every_benchmark_can_be_imported(name: str) -> None:
    if name not in ("__main__", "test_smoke"):
        importlib.import_module(f"tests.benchmarks.{name}")


def test_only_a_ratio_below_half_of_its_goal_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fine = smoke.Ratio("reading", 3.0, lambda: [([10.0, 2.0], [5.0, 4.0]), ([3.0, 9.0], [1.0, 1.0])])
    slow = smoke.Ratio("scoring", 3.0, lambda: [([14.0, 2.0], [10.0, 4.0]), ([3.0, 9.0], [1.0, 1.0])])
    monkeypatch.setattr(smoke, "RATIOS", [fine, smoke.Ratio("explaining", 3.0, list)])
    assert smoke.run()
    shown = capsys.readouterr().out
    assert "ok     2.00  goal 3.00  reading" in shown
    assert "explaining: not on this processor" in shown
    measured = iter([[([1.0], [1.0])], [([1.6], [1.0])]])
    monkeypatch.setattr(smoke, "RATIOS", [smoke.Ratio("preparing", 3.0, lambda: next(measured))])
    assert smoke.run(), "slow once, not twice"
    monkeypatch.setattr(smoke, "RATIOS", [slow, fine])
    assert not smoke.run()
    assert "SLOW   1.40  goal 3.00  scoring" in capsys.readouterr().out
