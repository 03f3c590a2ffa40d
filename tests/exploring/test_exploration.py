"""What explorations hold: values survive JSON and CSV, and mistakes are refused."""

from __future__ import annotations

import csv
import io
import math
import re
from pathlib import Path

import pytest

from fer_spark.exploration import SECTIONS, Advice, Exploration, Figures, declared, in_order, picture_name

ROOT = Path(__file__).parent.parent.parent
ROWS = (("all", 'with "quotes", and a comma', 3, 0.1, True), ("", "two\nlines", 0, math.inf, None))
TABLE = Figures("t", "sanity", "A table", ("split", "text", "count", "share", "ok"), ROWS, "a note")


def test_an_exploration_comes_back_from_json_as_it_was_infinity_and_all() -> None:
    advice = Advice("Do this.", "3 rows", "t", "problem")
    found = Exploration("title", (("Rows", "3"),), (TABLE,), (advice,), {"faces_happy": b"png"})
    back = Exploration.from_json(found.to_json(), {"faces_happy": b"png"})
    assert back == found
    assert back.table("t") == TABLE
    assert back.table("u") is None


def test_another_version_of_the_format_is_refused() -> None:
    text = Exploration("t", (), ()).to_json().replace('"format_version": 1', '"format_version": 2')
    with pytest.raises(ValueError, match="expected format_version 1, got 2"):
        Exploration.from_json(text)


def test_csv_is_read_back_by_any_reader() -> None:
    rows = list(csv.reader(io.StringIO(TABLE.to_csv())))
    assert rows == [
        ["split", "text", "count", "share", "ok"],
        ["all", 'with "quotes", and a comma', "3", "0.1", "true"],
        ["", "two\nlines", "0", "inf", ""],
    ]


def test_records_are_found_by_their_values() -> None:
    assert TABLE.where(split="", count=0) == [dict(zip(TABLE.columns, ROWS[1], strict=True))]
    assert TABLE.column("count") == (3, 0)
    with pytest.raises(KeyError, match="no column 'counts', but split, text"):
        TABLE.where(counts=0)


def test_a_row_of_another_length_and_an_unknown_section_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 2 values"):
        Figures("t", "sanity", "", ("a", "b"), ((1,),))
    with pytest.raises(ValueError, match="section 'x' is none of"):
        Figures("t", "x", "", (), ())


def test_a_table_that_no_section_lists_fails_where_it_is_named_and_not_after_the_work() -> None:
    assert declared("feelings_grid") == (("feelings_grid", "feelings"),)
    with pytest.raises(ValueError, match=r"'feelings_gird' stands in no section of exploration.SECTIONS; did you mean"):
        declared("feelings_grid", "feelings_gird")


def test_tables_stand_in_the_order_of_their_sections_and_unknown_ones_at_the_end() -> None:
    names = [table for section in SECTIONS for table in section.tables]
    assert len(set(names)) == len(names)
    made = [Figures(*declared(name)[0], "", (), ()) for name in reversed(names)]
    mine = Figures("mine", "sanity", "", (), ())
    assert [table.name for table in in_order([mine, *made])] == [*names, "mine"]


def test_every_table_that_is_declared_is_made_and_no_other_is_named() -> None:
    """Wherever explorations are made, drawn or summed up: a word that begins like a section is a table or a section."""
    folders = [ROOT / "fer_spark" / name for name in ("exploring", "reports/exploration", "pipelines/explore")]
    texts = {path: path.read_text(encoding="utf-8") for folder in folders for path in folder.glob("*.py")}
    words = {
        path: set(re.findall(r'"((?:sanity|categories|feelings|splits|pictures)(?:_[a-z]\w*)?)"', text))
        for path, text in texts.items()
    }
    known = {section.name for section in SECTIONS} | {table for section in SECTIONS for table in section.tables}
    assert {str(path): found - known for path, found in words.items() if found - known} == {}
    asked = [
        word
        for text in texts.values()
        for call in re.findall(r"= declared\((.*?)\)", text, re.S)
        for word in re.findall(r'"(\w+)"', call)
    ]
    assert sorted(asked) == sorted(table for section in SECTIONS for table in section.tables)


def test_names_of_pictures_are_safe_as_file_names_and_differ_as_labels_do() -> None:
    labels = ["happy", "no_face", "a/b", "a b", "a_b", "", "unlabelled", "a\nb", "freude"]
    names = [picture_name("faces", label) for label in labels]
    assert len(set(names)) == len(labels)
    assert all(re.fullmatch(r"faces_\w+", name) for name in names)
    plain = [name for name, label in zip(names, labels, strict=True) if label in ("happy", "no_face", "a_b", "")]
    assert plain == ["faces_happy", "faces_no_face", "faces_a_b", "faces_unlabelled"]
