"""Advice says what the figures say, with the figure and the table, and nothing where all is well."""

from __future__ import annotations

import pytest

from fer_spark.exploration import Advice, Figures
from fer_spark.exploring.advice import advise
from fer_spark.exploring.categories import category_tables, reference_table
from fer_spark.exploring.found import Counted
from fer_spark.exploring.splits import split_tables

NAMES = ("neutral", "happy", "contempt")


def _counted(labels: dict[tuple[str, str], int]) -> Counted:
    return Counted(labels, {}, {}, {}, {})


def _advise(labels: dict[tuple[str, str], int], *more: Figures) -> tuple[Advice, ...]:
    counted = _counted(labels)
    return advise([*category_tables(counted, NAMES), *split_tables(counted), *more])


UNEVEN = {
    ("train", "neutral"): 700,
    ("train", "happy"): 1410,
    ("train", "contempt"): 40,
    ("val", "neutral"): 1000,
    ("val", "happy"): 1000,
}


def test_bias_ratio_missing_split_empty_class_and_another_mix_are_said_with_their_figures() -> None:
    found = {(one.table, one.figure): one for one in _advise(UNEVEN)}
    bias = found["categories_summary", "35.2 : 1"]  # 1410 : 40
    assert bias.text.startswith("train is biased towards happy: 35.2 rows of happy to one of contempt.")
    assert all(
        flag in bias.text for flag in ("--sampler balanced", "--loss logit_adjusted", "--class-weights effective")
    )
    assert bias.level == "warning"
    assert "There is no test split" in found["splits_sizes", "train 51.81%, val 48.19%"].text
    assert "No row of val is labelled contempt" in found["categories", "0 rows"].text
    (apart,) = (figure for table, figure in found if table == "splits_divergence")
    assert apart == "KL(train‖val) ∞, JS 0.030 bits"  # p = (0.326, 0.656, 0.019), q = (0.5, 0.5, 0)


def test_how_far_splits_are_apart_is_said_in_nats_with_bits_beside_them() -> None:
    counts = {("train", "neutral"): 1000, ("train", "happy"): 1000, ("val", "neutral"): 500, ("val", "happy"): 1500}
    (apart,) = (one.figure for one in _advise(counts) if one.table == "splits_divergence")
    assert apart == "KL(train‖val) 0.144 nats (0.208 bits), JS 0.049 bits"


def test_an_even_set_with_three_splits_needs_no_advice() -> None:
    even = {(split, name): 1000 for split in ("train", "val", "test") for name in NAMES}
    assert _advise(even) == ()


def test_a_missing_val_is_drawn_by_the_build_and_so_no_warning() -> None:
    (said,) = _advise({(split, name): 1000 for split in ("train", "test") for name in NAMES})
    assert (said.level, said.table) == ("note", "splits_sizes")
    assert "draws one from train" in said.text
    (said,) = _advise({("train", name): 1000 for name in NAMES})
    assert (said.level, "no val and no test split" in said.text) == ("warning", True)


def test_the_reference_is_spoken_of_by_its_expressions_not_by_what_is_none() -> None:
    even = {(split, name): 1000 for split in ("train", "val", "test") for name in NAMES}
    reference = {"neutral": 3000, "happy": 4000, "no_face": 9000}
    table = reference_table(_counted(even), NAMES, reference, "paper")
    assert table.where(label="happy") == [
        {"label": "happy", "count": 3000, "reference": 4000, "difference": -1000, "share_lost": 0.25}
    ]
    assert table.where(label="no_face")[0]["share_lost"] == 1.0
    assert table.where(label="contempt")[0]["share_lost"] is None
    (said,) = _advise(even, table)
    assert (said.text, said.figure) == (
        "Counts are not those of the reference: happy has 25% fewer rows than published.",
        "-1,000 rows",
    )


def test_what_is_wrong_with_rows_and_copies_is_said_problems_first() -> None:
    columns = ("split", "check", "column", "count", "examples")
    rows = (
        ("all", "sentinel", "valence", 7, ""),
        ("train", "sentinel", "valence", 7, ""),
        ("all", "nan", "valence", 0, ""),
        ("all", "missing_file", "picture", 2, "a.jpg · b.jpg"),
    )
    values = Figures("sanity_values", "sanity", "", columns, rows)
    leaks = Figures(
        "pictures_leaks",
        "pictures",
        "",
        ("kind", "split_a", "split_b", "pictures", "examples"),
        (("exact", "train", "test", 12, ""), ("exact", "train", "val", 3, "")),
    )
    even = {(split, name): 1000 for split in ("train", "val", "test") for name in NAMES}
    said = [(one.level, one.table, one.figure) for one in _advise(even, values, leaks)]
    assert said == [
        ("problem", "pictures_leaks", "train → test 12, train → val 3"),
        ("problem", "sanity_values", "2 pictures, e.g. a.jpg · b.jpg"),
        ("warning", "sanity_values", "7 rows"),
    ]
    assert "--leak-guard drop" in _advise(even, values, leaks)[0].text


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        (((48, 48, 3, "png", 4, 0.4), (64, 64, 1, "png", 3, 0.3), (64, 64, 3, "png", 3, 0.3)), "most of them 64×64;"),
        (((48, 48, 3, "png", 1, 0.4), (50, 48, 3, "png", 1, 0.3), (52, 48, 3, "png", 1, 0.3)), "48×48 the most fre"),
    ],
)
def test_the_commonest_size_is_that_of_all_formats_and_most_only_above_half(
    shapes: tuple[tuple[int | str | float, ...], ...], said: str
) -> None:
    columns = ("width", "height", "channels", "format", "count", "share")
    rows = (("all", "other_size", "picture", 4, ""),)
    values = Figures("sanity_values", "sanity", "", ("split", "check", "column", "count", "examples"), rows)
    found = advise([values, Figures("pictures_shapes", "pictures", "", columns, shapes)])
    assert any(said in one.text for one in found if one.figure == "4 of other sizes")
