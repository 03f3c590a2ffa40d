"""The longest ending, against looking at every file for every name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from fer_spark.sources.places import match
from fer_spark.sources.places.endings import longest_endings
from fer_spark.sources.places.spelled import parts
from fer_spark.sources.settings import SourceError
from tests.sources.places.test_match import found

PATHS = st.lists(st.sampled_from(["a", "A", "b", "é", "e\u0301", "%61", "1.jpg", "1.JPG"]), min_size=1, max_size=4)


def _common(first: list[str], second: list[str]) -> int:
    pairs = list(zip(reversed(first), reversed(second), strict=False))
    return next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))


@given(
    names=st.lists(PATHS.map("/".join), max_size=6, unique=True),
    files=st.lists(PATHS.map("/".join), max_size=8, unique=True),
)
def test_the_longest_ending_is_that_of_looking_at_every_file(names: list[str], files: list[str]) -> None:
    claims = {claim.name[1]: claim for claim in longest_endings([("t", name) for name in names], files)}
    for name in names:
        exact, folded = parts(name)
        depths = {file: _common(folded, parts(file)[1]) for file in files}
        depth = max(depths.values(), default=0)
        if not depth:
            assert name not in claims
            continue
        nearest = [file for file, common in depths.items() if common == depth]
        alike = [file for file in nearest if _common(exact, parts(file)[0]) == depth]
        claim = claims[name]
        assert claim.depth == depth
        assert claim.old == "/".join(folded[: len(folded) - depth])
        if len(nearest) == 1 or len(alike) == 1:
            assert claim.match == (nearest if len(nearest) == 1 else alike)[0]
            assert claim.problem is None
        else:
            assert claim.match is None
            assert f"of {len(nearest)} pictures, such as '{min(nearest)}' and '{max(nearest)}'" in str(claim.problem)


def test_too_many_to_compare_is_said(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [f"a/{i}.jpg" for i in range(5)]
    monkeypatch.setattr(match, "MOST", 5)
    assert len(found(spark, files, {"t": [f"/x/{i}.jpg" for i in range(5)]})) == 5
    with pytest.raises(SourceError, match=r"more than 5 rows of x .* Say with --path-prefix OLD=NEW"):
        found(spark, files, {"t": [f"/x/{i}.jpg" for i in range(6)]})
