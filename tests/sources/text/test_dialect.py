"""The dialect of a table is found in its first lines, whatever encoding and separator it has."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_spark.sources.settings import SourceError
from fer_spark.sources.text.dialect import check_header, csv_dialect, json_dialect, separator_of

WORDS = st.text("abcXYZ äé0159 ._-", min_size=1, max_size=12)


def hadoop_lines(content: bytes) -> list[bytes]:
    """As Spark's text reader cuts a file."""
    return [line for line in re.split(rb"\r\n|\r|\n", content) if line]


@given(
    header=st.lists(st.from_regex(r"[a-z]{3,8}", fullmatch=True), min_size=2, max_size=5, unique=True),
    cells=st.lists(st.lists(WORDS, min_size=5, max_size=5), max_size=6),
    sign=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_any_table_in_any_dialect(
    header: list[str], cells: list[list[str]], sign: str, encoding: str, end: str
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=sign, lineterminator=end).writerows([header, *(row[: len(header)] for row in cells)])
    content = text.getvalue().encode(encoding)
    lines = hadoop_lines(content)
    valid = all(_is_utf8(line) for line in lines)
    found = csv_dialect(lines, valid)
    assert found.separator == sign
    decoded = content.decode("utf-8-sig" if found.encoding == "UTF-8" else found.encoding)
    assert decoded == text.getvalue() or (encoding, valid) == ("cp1252", True)
    assert found.whole_files == encoding.startswith("utf-16")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def test_one_column_and_commas_inside_other_separators() -> None:
    assert separator_of(["pixels", "1 2 3"]) == ","
    assert separator_of([]) == ","
    assert separator_of(["image;caption", "a.jpg;one, two, three", "b.jpg;one, two"]) == ";"
    assert separator_of(["image,caption", 'a.jpg,"x; y"', "b.jpg,z"]) == ","


def test_json_by_lines_as_an_array_or_over_several_lines() -> None:
    assert not json_dialect([b'{"a": 1}', b'{"a": 2}'], "x").whole_files
    assert not json_dialect([b'{"a": "' + b"x" * (1 << 16)], "x").whole_files, "cut off, but one line"
    for lines in ([b"[", b'{"a": 1}', b"]"], [b'  [{"a": 1}]'], [b"{", b'"a": 1', b"}"], [b"\xef\xbb\xbf[{}]"]):
        assert json_dialect(lines, "x").whole_files
    for encoding, named in (("utf-16", "UTF-16"), ("utf-8-sig", "UTF-8 after a byte order mark")):
        with pytest.raises(SourceError, match=f"JSON lines in {named}: save it as UTF-8"):
            json_dialect(['{"a": 1}'.encode(encoding)], "x")


def test_a_table_without_a_header_is_said() -> None:
    with pytest.raises(SourceError, match=r"'train_00001\.jpg 5', names a picture: it is a row"):
        check_header(["train_00001.jpg 5"], "--input 'list.txt'")
    check_header(["image", "emotion"], "x")
