"""One name per expression, whatever the dataset calls or numbers it."""

from __future__ import annotations

import pytest

from fer_spark.labels import CODES, TAXONOMIES, canonical, code_names, nearest, taxonomy


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("anger", "angry"),
        ("Happiness", "happy"),
        ("HAPPY", "happy"),
        (" sadness ", "sad"),
        ("surprised", "surprise"),
        ("fearful", "fear"),
        ("disgusted", "disgust"),
        ("contemptuous", "contempt"),
        ("Neutral", "neutral"),
        ("hapiness", None),
        ("", None),
        (None, None),
    ],
)
def test_spellings(raw: str | None, name: str | None) -> None:
    assert canonical(raw) == name


def test_every_taxonomy_uses_the_same_eight_names_in_its_own_order() -> None:
    assert TAXONOMIES["fer2013"].names == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    assert TAXONOMIES["affectnet8"].names == (
        "neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt",
    )  # fmt: skip
    assert TAXONOMIES["affectnet7"].names == TAXONOMIES["affectnet8"].names[:7]
    assert TAXONOMIES["ferplus8"].names == (
        "neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt",
    )  # fmt: skip
    assert set(TAXONOMIES["fer2013"].names) < set(TAXONOMIES["affectnet8"].names) == set(TAXONOMIES["ferplus8"].names)


def test_codes_differ_between_datasets() -> None:
    assert (CODES["fer2013"][0], CODES["affectnet8"][0], CODES["fer2013"][6]) == ("angry", "neutral", "neutral")
    assert [CODES["affectnet8"][code] for code in (7, 8, 9, 10)] == ["contempt", "none", "uncertain", "no_face"]


@pytest.mark.parametrize(("raw", "name"), [("hapiness", "happy"), ("Suprised", "surprise"), ("xyzzy", None)])
def test_nearest(raw: str, name: str | None) -> None:
    assert nearest(raw) == name


def test_a_list_of_names_keeps_its_order_and_may_bring_new_words() -> None:
    assert taxonomy("Sadness, happy,pain").names == ("sad", "happy", "pain")
    assert taxonomy("affectnet7") is TAXONOMIES["affectnet7"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("affectnet9", "did you mean affectnet8"),
        ("happy", "names separated by commas"),
        ("happy,suprise", "did you mean surprise"),
        ("happy,joy", "named twice"),
        ("happy,3", "not codes"),
        ("happy,", "is no name"),
    ],
)
def test_bad_taxonomies_say_why(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        taxonomy(text)


def test_codes_are_named_one_by_one() -> None:
    assert code_names(" 1=Surprise, 2 = fearful,9=none,10=pain,2=fear") == {
        1: "surprise",
        2: "fear",
        9: "none",
        10: "pain",
    }
    assert CODES["rafdb"] == code_names("1=surprise,2=fear,3=disgust,4=happy,5=sad,6=angry,7=neutral")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("surprise,fear", "expected NUMBER=NAME"),
        ("1=", "is no name"),
        ("-1=happy", "expected NUMBER=NAME"),
        ("1=hapy", "did you mean happy"),
        ("1=2", "not codes"),
        ("1=happy,1=sad", "1 is happy and sad"),
    ],
)
def test_bad_codes_say_why(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        code_names(text)
