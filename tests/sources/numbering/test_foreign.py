"""Numbers of data that no format explains: each row gets its true name, or nothing is read."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_spark.labels import TAXONOMIES
from fer_spark.sources.numbering.foreign import numbering_of
from fer_spark.sources.numbering.meaning import Numbering
from fer_spark.sources.numbering.seen import Seen
from fer_spark.sources.settings import SourceError, SourceSettings

NAMES = TAXONOMIES["affectnet8"].names
ORDERS = st.permutations(NAMES).map(lambda names: dict(enumerate(names)))


def seen(*numbers: int, words: tuple[str, ...] = ()) -> Seen:
    return Seen(dict.fromkeys(numbers, 10), frozenset(words), 1000 * len(words))


def ask(settings: SourceSettings, there: Seen, *stored: Numbering) -> Numbering | None:
    return numbering_of(settings, there, stored, "--input 't'")


def pairs(names: dict[int, str]) -> str:
    return ",".join(f"{code}={name}" for code, name in names.items())


@given(
    truth=ORDERS,
    first=st.sampled_from([0, 1, 5]),
    states=st.lists(st.tuples(st.sampled_from(["footer", "file", "codes", "list"]), st.booleans()), max_size=3),
    taxonomy=st.sampled_from(["", "fer2013", "affectnet8"]),
    few=st.integers(2, 8),
    draw=st.randoms(use_true_random=False),
)
def test_numbers_are_read_as_they_are_meant_or_refused(
    truth: dict[int, str],
    first: int,
    states: list[tuple[str, bool]],
    taxonomy: str,
    few: int,
    draw: random.Random,
) -> None:
    """One wrong statement beside right ones is always found; one alone is the user's own or the data's."""
    truth = {code + first: name for code, name in truth.items()}
    wrong = dict(zip(truth, draw.sample(list(truth.values()), 8), strict=True))
    stored, given_flags, typed = [], {"labels": taxonomy}, {}
    for place, right in states:
        names = truth if right else wrong
        if place == "list" and first == 0:
            given_flags["labels"], typed[place] = ",".join(names.values()), names
        elif place == "codes":
            given_flags["codes"], typed[place] = pairs(names), names
        elif place != "list":
            stored.append(Numbering(names, place))
    said = [*typed.values(), *(one.names for one in stored)]
    there = seen(*list(truth)[:few])
    try:
        meaning = ask(SourceSettings(**given_flags), there, *stored)
    except SourceError:
        return
    assert meaning is not None
    assert meaning.names in said, "nothing but what was stated"
    if truth in said:
        assert meaning.names == truth


@pytest.mark.parametrize("labels", ["", "fer2013", "rafdb"])
def test_without_a_statement_the_meaning_is_asked_for(labels: str) -> None:
    with pytest.raises(SourceError, match="--codes 0=…,1=…,…") as refused:
        ask(SourceSettings(labels=labels), seen(*range(7)))
    assert "FER-2013: 0=angry" in str(refused.value)
    assert "4=neutral,5=sad,6=surprise" in str(refused.value), "the alphabetical order, as Hugging Face numbers it"
    with pytest.raises(SourceError, match="RAF-DB: 1=surprise,2=fear,3=disgust,4=happy,5=sad,6=angry,7=neutral"):
        ask(SourceSettings(labels=labels), seen(*range(1, 8)))


def test_the_name_of_a_taxonomy_is_no_numbering_but_must_not_contradict_the_data() -> None:
    alphabetical = Numbering(dict(enumerate(sorted(TAXONOMIES["fer2013"].names))), "the file's footer")
    with pytest.raises(SourceError, match=r"4 = neutral.* from the file's footer, but 4 = sad.* from --labels fer2013"):
        ask(SourceSettings(labels="fer2013"), seen(*range(7)), alphabetical)
    same = Numbering(dict(enumerate(TAXONOMIES["fer2013"].names)), "the file's footer")
    assert ask(SourceSettings(labels="fer2013"), seen(*range(7)), same) == same
    ordered = SourceSettings(labels="fer2013", codes=pairs(dict(alphabetical.names)))
    assert ask(ordered, seen(*range(7)), alphabetical) is not None, "with --codes it is but the order of the classes"


def test_names_from_0_are_not_those_of_numbers_from_1() -> None:
    stored = Numbering(dict(enumerate(TAXONOMIES["fer2013"].names)), "classes.txt beside the data")
    for settings in (SourceSettings(), SourceSettings(labels=",".join(TAXONOMIES["fer2013"].names))):
        with pytest.raises(SourceError, match=r"names 0 = angry.* and not 7: say with --codes"):
            ask(settings, seen(*range(1, 8)), *([] if settings.labels else [stored]))
    typing_error = Seen({**dict.fromkeys(range(7), 1000), 66: 3})
    assert ask(SourceSettings(), typing_error, stored) == stored, "a few wrong numbers are rejected row by row"


def test_names_that_are_numbers_again_explain_nothing() -> None:
    shifted = Numbering({code: str(code + 1) for code in range(7)}, "the file's footer")
    raf = dict(enumerate(TAXONOMIES["rafdb"].names, 1))
    for codes in ("", pairs(raf)):
        with pytest.raises(SourceError, match="numbers again"):
            ask(SourceSettings(codes=codes), seen(*range(7)), shifted)
    column = {code - 1: name for code, name in raf.items()}
    meaning = ask(SourceSettings(codes=pairs(column)), seen(*range(7)), shifted)
    assert meaning is not None
    assert meaning.names == column
    with pytest.raises(SourceError, match="nothing says what they mean"):
        ask(SourceSettings(), seen(0, 1), Numbering({0: "0", 1: "1"}, "the file's footer"))


def test_a_stray_number_among_names_is_left_to_its_row() -> None:
    assert ask(SourceSettings(), seen(3, words=("happy", "sad"))) is None
    assert ask(SourceSettings(labels="pain,boredom"), seen(3, words=("pain",))) is not None
