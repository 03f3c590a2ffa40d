"""Which names are no pictures', and which a glob matches: the same for Python, Java and Hadoop."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from fer_spark.sources.files.globs import NameFilter, glob_pattern
from fer_spark.sources.files.names import PICTURE_SUFFIXES, PictureNames, is_picture_name

PARTS = st.sampled_from(
    ["a", "IMG_1", "_DSC1", ".x", "@eaDir", "@eaDir2", "Thumbs.db", ".json", "json", ".JPG", ".jpg", ".Mov", "._b", " ",
     "README", "__MACOSX", ".DS_Store", ".trash", "\n", "é", ".txt~", "K", ".m\N{KELVIN SIGN}v"]
)  # fmt: skip
PATHS = st.lists(st.lists(PARTS, min_size=1, max_size=3).map("".join), min_size=1, max_size=3).map("/".join)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=PATHS)
def test_java_passes_over_the_same_paths(spark: SparkSession, path: str) -> None:
    jvm: Any = spark._jvm
    names = PictureNames()
    found = jvm.java.util.regex.Pattern.compile(names.pattern).matcher(path).find()
    assert found == (names.why_none(path) is not None)


@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
def test_no_ending_of_a_picture_is_passed_over(suffix: str) -> None:
    for name in (f"a{suffix}", f"b/_DSC1{suffix.upper()}"):
        assert PictureNames().why_none(name) is None
        assert is_picture_name(name)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("x/IMG_1.JPG.json", ".json"),
        ("IMG_1.MOV", ".mov"),
        ("x/@eaDir/IMG.JPG/SYNOPHOTO_THUMB_XL.jpg", "in @eaDir"),
        ("x/._IMG.JPG", "._*"),
        ("x/Thumbs.db", "Thumbs.db"),
        (".Trash-1000/files/a.jpg", "in .Trash-1000"),
        ("json", None),
        ("a.json.jpg", None),
        ("@eaDir.jpg", None),
        ("x/_DSC1.JPG", None),
    ],
)
def test_what_says_that_a_file_is_no_picture(path: str, why: str | None) -> None:
    assert PictureNames().why_none(path) == why


def test_an_ending_that_a_glob_names_is_wanted() -> None:
    assert PictureNames("*.{jpg,txt}").why_none("a.txt") is None
    assert PictureNames("*.{jpg,txt}").why_none("a.json") == ".json"
    assert PictureNames("txt/*.jpg").why_none("a.txt") == ".txt"


GLOBS = st.lists(st.sampled_from(["*", "?", "a", "B", ".", "jpg", "[ab]", "[^a]", "[!a]", "{a,b}", "-", "+", "\\*"]),
                 min_size=1, max_size=5).map("".join)  # fmt: skip
NAMES = st.text(alphabet="abAB.-+*jpg", min_size=1, max_size=6).filter(lambda name: name.strip("."))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(glob=GLOBS, name=NAMES)
def test_a_glob_matches_as_hadoops_does(spark: SparkSession, glob: str, name: str) -> None:
    hadoop: Any = spark._jvm.org.apache.hadoop.fs  # type: ignore[union-attr]
    expected = hadoop.GlobFilter(glob).accept(hadoop.Path(f"/{name}"))
    assert (glob_pattern(glob).fullmatch(name) is not None) == expected
    assert NameFilter(glob).accepts(f"x/{name}") == expected
