"""Published tables as they are found, and what is said of those that cannot be used."""

from __future__ import annotations

import pytest

from fer_spark.exploring.references import CountsError, read_bins, read_counts

COUNTS = "code,category,affectnet8_train,paper_total\n0,Neutral,10,12\n1,Happy,20,25\n6,Anger,3,3\n10,Non-Face,0,7\n"
EDGES = "arousal_low,arousal_high,valence_low,valence_high"


def test_counts_are_found_by_column_and_labels_by_any_spelling() -> None:
    assert read_counts(COUNTS, "", "c.csv") == ({"neutral": 12, "happy": 25, "angry": 3, "no_face": 7}, "paper_total")
    assert read_counts(COUNTS, "affectnet8_train", "c.csv")[0]["happy"] == 20


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        (COUNTS, "val", "has these columns of counts: affectnet8_train, paper_total"),
        ("kind,count\na,1\n", "", "is a column; it has kind, count"),
        ("label,a,b\nhappy,1,2\n", "", "which column is the reference"),
        ("label,count\nhappy,1\njoy,2\n", "", "line 3: 'joy' stands for happy, which was there before"),
        ("label,count\nhappy,1.5\n", "", "line 2: count is '1.5', expected a count"),
        ("label,count\nhappy,inf\n", "", "line 2: count is 'inf', expected a count"),
        ("label,count\nhappy,NaN\n", "", "line 2: count is 'NaN', expected a count"),
        ("label,count\n", "", "no rows"),
    ],
)
def test_counts_that_cannot_be_used_say_why(text: str, column: str, said: str) -> None:
    with pytest.raises(CountsError, match=said):
        read_counts(text, column, "c.csv")


def test_bins_are_found_by_their_edges_minus_zero_and_all() -> None:
    text = f"{EDGES},n\n-0.0,0.2,-0.2,-0.0,4\n0.8,1.0,-1.0,-0.8,9\n"
    assert read_bins(text, "", "b.csv") == ({(4, 5): 4, (0, 9): 9}, "n")


def test_bins_of_another_width_and_repeated_bins_are_refused() -> None:
    with pytest.raises(CountsError, match=r"line 2: .* are no edges of bins of 0.2"):
        read_bins(f"{EDGES},n\n0.0,0.1,0.0,0.2,4\n", "", "b.csv")
    with pytest.raises(CountsError, match="line 3: this bin was there before"):
        read_bins(f"{EDGES},n\n0.0,0.2,0.0,0.2,4\n0.0,0.2,0.0,0.2,4\n", "", "b.csv")
    with pytest.raises(CountsError, match="no column valence_high"):
        read_bins("arousal_low,arousal_high,valence_low,n\n0,0.2,0,1\n", "", "b.csv")
