"""The made-up AffectNet table holds every published count, on a small pair of tables made here."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fer_spark.sample.affectnet_table import affectnet_table, whole_numbers, write_affectnet_table

COUNTS = """code,category,affectnet8_train,affectnet8_val,paper_total
0,Neutral,30,4,50
1,Happy,50,4,60
8,None,0,0,9
7,Contempt,5,3,9
"""
BINS = """arousal_low,arousal_high,valence_low,valence_high,affectnet8_count,paper_count
0.8,1.0,-0.6,-0.4,7,8
0.4,0.6,0.8,1.0,11,12
-0.0,0.2,0.0,0.2,40,50
-0.2,0.0,-0.2,0.0,20,20
-1.0,-0.8,0.4,0.6,18,19
-1.0,-0.8,0.8,1.0,0,0
"""


@pytest.fixture
def published(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "counts.csv").write_text(COUNTS)
    (tmp_path / "bins.csv").write_text(BINS)
    return tmp_path / "counts.csv", tmp_path / "bins.csv"


def test_every_count_holds_and_every_point_lies_in_its_bin_and_the_circle(published: tuple[Path, Path]) -> None:
    table = affectnet_table(*published, seed=3)
    rows = table.to_pylist()
    assert Counter((row["split"], row["cat_emot"]) for row in rows) == {
        ("train", 0): 30,
        ("train", 1): 50,
        ("train", 7): 5,
        ("val", 0): 4,
        ("val", 1): 4,
        ("val", 7): 3,
    }
    lows = {(-0.6, 0.8): 7, (0.8, 0.4): 11, (0.0, 0.0): 40, (-0.2, -0.2): 20, (0.4, -1.0): 18}
    found: Counter[tuple[float, float]] = Counter()
    for row in rows:
        v, a = round(row["valence"] * 10_000), round(row["arousal"] * 10_000)
        assert (row["valence"], row["arousal"]) == (v / 10_000, a / 10_000)  # four decimals
        assert v * v + a * a <= 10_000**2
        (place,) = (
            low for low in lows if all(0 <= x - 10_000 * edge < 2_000 for x, edge in zip((v, a), low, strict=True))
        )
        found[place] += 1
    assert found == lows
    assert len({row["path"] for row in rows}) == 96


def test_the_same_seed_gives_the_same_rows(published: tuple[Path, Path]) -> None:
    assert affectnet_table(*published, seed=3) == affectnet_table(*published, seed=3)
    assert affectnet_table(*published, seed=3) != affectnet_table(*published, seed=4)


def test_tables_that_do_not_agree_are_refused(published: tuple[Path, Path]) -> None:
    published[1].write_text(BINS.replace(",40,", ",41,"))
    with pytest.raises(ValueError, match="the categories have 96 rows, the bins 97"):
        affectnet_table(*published)


def test_it_is_written_as_one_file_or_one_per_split_and_never_over_another(
    published: tuple[Path, Path], tmp_path: Path
) -> None:
    one = write_affectnet_table(tmp_path / "one", *published)
    two = write_affectnet_table(tmp_path / "two", *published, file_per_split=True)
    assert [path.name for path in one + two] == ["interim.csv", "train.csv", "val.csv"]
    assert [len(path.read_text().splitlines()) for path in one + two] == [97, 86, 12]
    assert two[0].read_text().splitlines()[0] == '"path","cat_emot","valence","arousal"'
    with pytest.raises(FileExistsError, match=r"interim\.csv is there already"):
        write_affectnet_table(tmp_path / "one", *published)


def test_whole_numbers_keep_both_sums() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        wanted = rng.integers(0, 9, (7, 4))
        rows, columns = wanted.sum(axis=1), wanted.sum(axis=0)
        expected = rows[:, None] * columns[None, :] / max(wanted.sum(), 1)
        table = whole_numbers(expected, rows, columns)
        assert (table >= 0).all()
        assert (table.sum(axis=1) == rows).all()
        assert (table.sum(axis=0) == columns).all()
        assert np.abs(table - expected).max() < 4
