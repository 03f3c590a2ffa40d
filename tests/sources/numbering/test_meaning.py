"""Several statements of what numbers mean are one meaning, or the two that differ are shown."""

from __future__ import annotations

import json

import pytest

from fer_spark.sources.numbering.meaning import Numbering, agreed
from fer_spark.sources.settings import SourceError


def test_statements_that_agree_are_one_and_all_are_named() -> None:
    meaning = agreed([Numbering({1: "sad", 0: "happy"}, "here"), Numbering({1: "sad", 7: "fear"}, "there")], "mend it")
    assert str(meaning) == "0 = happy, 1 = sad, 7 = fear from here and there"


def test_of_a_contradiction_both_sides_are_shown_with_the_remedy() -> None:
    with pytest.raises(SourceError, match=r"2 = fear from here, but 2 = sad from there; mend it"):
        agreed([Numbering({0: "happy", 2: "fear"}, "here"), Numbering({0: "happy", 2: "sad"}, "there")], "mend it")


def test_classes_are_the_expressions_in_the_order_of_the_numbers() -> None:
    assert Numbering({3: "sad", 1: "happy", 9: "none", 4: "sad"}, "x").classes == ("happy", "sad")


def test_a_manifest_keeps_it() -> None:
    one = Numbering({10: "sad", 2: "happy"}, "the file's footer")
    kept = json.loads(json.dumps(one.to_dict()))
    assert kept["in_words"] == "2 = happy, 10 = sad from the file's footer"
    assert Numbering.from_dict(kept) == one
