"""What benchmarks report: ratios of rounds, the side that is better, and files that say the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks.results import Compared, write_results

RATES = Compared("read", "pictures/s", "ours", {"ours": [300.0, 100.0, 90.0], "peer": [100.0, 50.0, 90.0]})
SECONDS = Compared("build", "seconds", "ours", {"peer": [10.0, 12.0], "ours": [20.0, 20.0]}, more=False)


def test_a_ratio_is_of_the_figures_of_one_round_and_above_one_where_ours_is_better() -> None:
    assert RATES.ratio("peer") == 2.0  # 3, 2 and 1; the ratio of the medians would be 1.11
    assert SECONDS.ratio("peer") == pytest.approx(0.55)
    assert RATES.ratio("ours") == SECONDS.ratio("ours") == 1.0
    with pytest.raises(ValueError, match="shorter"):
        Compared("read", "pictures/s", "ours", {"ours": [1.0, 2.0], "peer": [1.0]}).ratio("peer")


def test_terminal_page_and_file_hold_every_contender(tmp_path: Path) -> None:
    write_results([RATES, SECONDS], tmp_path)
    page, kept = (tmp_path / "results.md").read_text(), json.loads((tmp_path / "results.json").read_text())
    for table, told in zip([RATES, SECONDS], kept["compared"], strict=True):
        assert Compared(**told) == table
        assert table.markdown() in page
        assert all(name in text for name in table.figures for text in (table.text(), table.markdown()))
    assert "| peer | 90.0 | 50.0 to 100 | 2.00 |" in page
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")
