"""Which tests `make check` runs for a changed file."""

from __future__ import annotations

import pytest

from tests.check import ROOT, changed, mirrors

THERE = {"tests/faces", "tests/faces/test_align.py", "tests/shards", "tests/shards/read", "tests/test_labels.py"}


@pytest.mark.parametrize(
    ("file", "tests"),
    [
        ("fer_spark/faces/align.py", "tests/faces/test_align.py"),
        ("fer_spark/faces/detectors/yunet.py", "tests/faces"),
        ("fer_spark/shards/read/pool.py", "tests/shards/read"),
        ("fer_spark/shards/petastorm/views.py", "tests/shards"),
        ("fer_spark/labels.py", "tests/test_labels.py"),
        ("fer_spark/rows.py", None),
        ("fer_spark/pretrained/fer2013/card.json", None),
        ("tests/faces/test_decode.py", "tests/faces/test_decode.py"),
        ("tests/faces/rows.py", "tests/faces"),
        ("tests/builds.py", None),
        ("jobs/score.py", None),
        ("README.md", None),
    ],
)
def test_a_changed_file_runs_the_tests_that_mirror_it(file: str, tests: str | None) -> None:
    assert mirrors(file, THERE) == tests


def test_every_changed_file_is_named_as_from_the_root() -> None:
    assert all((ROOT / file).parent.is_dir() or not (ROOT / file).exists() for file in changed())
