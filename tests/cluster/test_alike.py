"""What differs between a cluster's rows and local mode's is found, and rounding is not taken for a difference."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.cluster.alike import Likeness, explored, gap, rows, weighed
from tests.cluster.demo import Step
from tests.cluster.summary import summary

ROW = {"image_id": "a", "probs": [0.25, 0.75], "box": {"left": 3, "score": math.nan}, "detail": None}
ROW["by_label"] = [("happy", 0.25), ("sad", 0.75)]  # as Arrow gives a map


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (ROW, 0.0),
        (ROW | {"probs": [0.25, 0.5]}, 0.25),
        (ROW | {"box": {"left": 4, "score": math.nan}}, math.inf),
        (ROW | {"box": {"left": 3, "score": 0.5}}, math.inf),
        (ROW | {"image_id": "b"}, math.inf),
        (ROW | {"detail": 0.0}, math.inf),
        (ROW | {"by_label": [("happy", 0.5), ("sad", 0.75)]}, 0.25),
        (ROW | {"by_label": [("happy", 0.25), ("angry", 0.75)]}, math.inf),
        (ROW | {"probs": [0.25]}, math.inf),
        ({name: value for name, value in ROW.items() if name != "detail"}, math.inf),
    ],
)
def test_the_largest_difference_is_found_at_any_depth(other: dict[str, Any], expected: float) -> None:
    assert gap(ROW, other) == expected
    assert gap(other, ROW) == expected


def test_a_missing_row_and_no_rows_at_all_are_not_equal() -> None:
    assert rows([ROW, ROW], [ROW, ROW]) == Likeness(2, 0.0)
    assert not rows([ROW, ROW], [ROW]).equal
    assert not rows([], []).equal


def test_tables_are_compared_by_name_and_text(tmp_path: Path) -> None:
    for place, text in (("a", "label,rows\nhappy,3\n"), ("b", "label,rows\nhappy,3\n"), ("c", "label,rows\nhappy,4\n")):
        (tmp_path / place / "tables").mkdir(parents=True)
        (tmp_path / place / "tables" / "labels.csv").write_text(text)
    assert explored(tmp_path / "a", tmp_path / "b") == Likeness(1, 0.0)
    assert not explored(tmp_path / "a", tmp_path / "c").equal
    (tmp_path / "b" / "tables" / "sizes.csv").touch()
    assert not explored(tmp_path / "a", tmp_path / "b").equal


def test_weights_are_compared_tensor_by_tensor(tmp_path: Path) -> None:
    ones = np.ones((2, 3), np.float32)
    bundles = {"a": {"w": ones}, "b": {"w": ones + 0.5}, "c": {"v": ones}, "d": {"w": ones[:1]}}
    for place, tensors in (bundles | {"e": {"w": ones * np.nan}}).items():
        (tmp_path / place).mkdir()
        save_file(tensors, tmp_path / place / "weights.safetensors")
    found = [weighed(tmp_path / "a", tmp_path / place) for place in "abcde"]
    assert found == [Likeness(1, 0.0), Likeness(1, 0.5), *[Likeness(1, math.inf)] * 3]


def test_the_table_says_which_step_gave_other_rows() -> None:
    steps = [
        Step("upload", 1.25, rows="7 objects"),
        Step("train", 30.0, 20.5, "8 tensors", Likeness(8, 3e-8)),
        Step("score", 21.0, 9.0, "7 rows", Likeness(7, math.inf)),
    ]
    assert summary(steps, 82.0).strip().splitlines() == [
        "step    cluster  local mode  result     equal",
        "------  -------  ----------  ---------  -------------",
        "upload    1.2 s              7 objects",
        "train    30.0 s      20.5 s  8 tensors  yes, to 3e-08",
        "score    21.0 s       9.0 s  7 rows     NO",
        "all      82.0 s",
    ]
