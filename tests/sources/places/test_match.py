"""Paths of other machines mean the picture they mean, or none: many machines over one lake, the truth known by name."""

from __future__ import annotations

import dataclasses
import random
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.catalog import open_source
from fer_spark.sources.places.match import matched
from fer_spark.sources.places.spelled import parts, place_key, without_prefix
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.sources.examples import EXAMPLES, LABELS
from tests.sources.lakes import write

FOLDERS = ("train/happy", "train/sad", "test/happy", "Größe é", "a b/c+d", "")
LAKE = [f"{folder}/1.jpg" for folder in FOLDERS if folder]
LAKE += [f"{at}/{name}".lstrip("/") for i, at in enumerate(FOLDERS) for name in (f"ü{i}.JPG", f"%{i}.png")]
GONE = ["train/happy/ü1.JPG", "train/sad/ü3.JPG", "test/happy/gone.jpg"]
"""Named by every list and not there; two are called as pictures in other folders, which no list names."""
UNLISTED = {"train/sad/ü1.JPG", "Größe é/ü3.JPG"}
PREFIXES = (
    "C:\\Users\\me\\faces\\", "D:/x/", "\\\\nas\\share\\", "/content/drive/MyDrive/faces/", "/kaggle/input/faces/",
    "../input/faces/", "../../", "faces/", "./faces/./", "//data//faces/", "file:///home/me/", "s3a://lake/faces/",
    "https://host:80/x/y/", "~/faces/", "train/more/",
)  # fmt: skip
SPELLINGS: tuple[Callable[[str], str], ...] = (
    str, str.upper, str.lower, str.swapcase, quote, lambda path: unicodedata.normalize("NFD", path),
    lambda path: quote(unicodedata.normalize("NFD", path)).upper(),
)  # fmt: skip


class Lake:
    """Pictures by their names alone."""

    description = "lake"

    def __init__(self, spark: SparkSession, files: list[str]) -> None:
        self._files = spark.createDataFrame([(name,) for name in files], "path string")

    def listed(self) -> DataFrame:
        return self._files

    def key(self, path: Any) -> Any:
        return path


def found(spark: SparkSession, files: list[str], lists: dict[str, list[str]]) -> dict[tuple[str, str], tuple[str, str]]:
    """By list and name: the key that the row has, and its problem."""
    rows = [(list_, name) for list_, names in lists.items() for name in names]
    frame = spark.createDataFrame(rows, "_file string, named string").withColumns(
        {"key": place_key(F.col("named"), "/lake"), "reject_reason": F.lit(None).cast("string")}
    )
    frame = frame.withColumn("reject_detail", F.col("reject_reason"))
    out = matched(frame, Lake(spark, files), "x").collect()  # type: ignore[arg-type]
    return {(row["_file"], row["named"]): (row["key"], row["reject_detail"]) for row in out}


def machines(seed: int) -> Iterator[tuple[str, str, Callable[[str], str]]]:
    drawn = random.Random(seed)
    for i, prefix in enumerate(PREFIXES):
        yield f"{i}.csv", prefix, drawn.choice(SPELLINGS)
    for i, spelling in enumerate(SPELLINGS):
        yield f"{len(PREFIXES) + i}.csv", drawn.choice(PREFIXES), spelling


def named_by(prefix: str, path: str, spelling: Callable[[str], str]) -> str:
    name = prefix + spelling(path)
    return name.replace("/", "\\") if "\\" in prefix else name


@pytest.mark.job
def test_lists_of_many_machines_mean_what_they_mean(spark: SparkSession) -> None:
    lists, truth = {}, {}
    for file, prefix, spelling in machines(7):
        names = {named_by(prefix, path, spelling): path for path in LAKE if path not in UNLISTED}
        gone = [named_by(prefix, path, spelling) for path in GONE]
        lists[file] = [*names, *gone]
        truth |= {(file, name): path for name, path in names.items()}
    rows = found(spark, LAKE, lists)
    assert {place: rows[place] for place in truth} == {place: (path, None) for place, path in truth.items()}
    others = {rows[place] for place in rows.keys() - truth.keys()}
    assert not {key for key, _ in others} & set(LAKE), "what is missing is not looked for in other folders"


def test_what_could_be_several_pictures_is_none(spark: SparkSession) -> None:
    files = ["a/1.jpg", "b/1.jpg", "b/2.jpg", "c/3.jpg", "C/3.jpg", "4.jpg", "d/é.jpg", "d/e\u0301.jpg", "e/5.jpg"]
    lists = {
        "flat": ["/x/1.jpg", "/x/2.jpg"],
        "case": ["/x/C/3.jpg", "/x/c/3.JPG"],
        "two": ["/x/a/4.jpg", "/x/b/4.jpg"],
        "unicode": ["/x/d/é.jpg", "/x/D/é.jpg"],
        "exact": ["e/5.jpg", "/x/e/5.jpg", "e/gone/5.jpg"],
    }
    rows = found(spark, files, lists)
    sure = {place: key for place, (key, problem) in rows.items() if problem is None and key in files}
    assert sure == {
        ("flat", "/x/2.jpg"): "b/2.jpg",
        ("case", "/x/C/3.jpg"): "C/3.jpg",
        ("unicode", "/x/d/é.jpg"): "d/é.jpg",
        ("exact", "e/5.jpg"): "e/5.jpg",
    }
    assert "the path ends as those of 2 pictures, such as 'a/1.jpg' and 'b/1.jpg'" in rows["flat", "/x/1.jpg"][1]
    assert rows["two", "/x/a/4.jpg"][1].startswith("2 rows name different pictures that could all be '4.jpg'")


PART = st.text("abÄé %+.1", min_size=1, max_size=5).filter(lambda text: text.strip(".") != "")


@given(
    inner=st.lists(PART, min_size=1, max_size=4), prefix=st.sampled_from(PREFIXES), spelling=st.sampled_from(SPELLINGS)
)
def test_the_parts_of_a_spelling_end_as_those_of_the_file(
    inner: list[str], prefix: str, spelling: Callable[[str], str]
) -> None:
    path = "/".join(inner)
    exact, folded = parts(path)
    assert exact == inner
    if "%" not in path or spelling in (str, quote):
        assert parts(f"{prefix}{spelling(path)}".replace("\\", "/"))[1][-len(inner) :] == folded


FILES: dict[str, bytes | str] = {
    f"images/{label}/{i}.jpg": f"{label}{i}" for label in ("happy", "sad") for i in range(3)
}


def test_a_list_of_another_machine_is_read_and_said(spark: SparkSession, tmp_path: Path) -> None:
    *others, last = FILES
    lines = [f"C:/me/{name.removeprefix('images/')},{name.split('/')[1]}" for name in others]
    listed = "\n".join(["image,emotion", *lines, "C:/me/sad/9.jpg,sad", "D:/old/2.jpg,sad\n"]).replace("/", "\\")
    write(tmp_path, {"t.csv": listed, **FILES})
    settings = SourceSettings(source="legend", input=str(tmp_path / "t.csv"), path_prefix="D:\\old=images/sad")
    source = open_source(spark, settings)
    rows = {row["source_row"]: row for row in source.raw().collect()}
    read = [(rows[i]["source_path"], rows[i]["label"]) for i in range(len(others))]
    assert read == [(name, name.split("/")[1]) for name in others]
    assert (rows[5]["source_path"], rows[5]["reject_reason"]) == ("C:\\me\\sad\\9.jpg", "missing_file")
    assert (rows[6]["source_path"], rows[6]["reject_reason"]) == (last, None)
    assert source.lines()[-1].startswith("5 rows name their pictures by paths of another place, and were matched")
    assert source.lines()[-1].endswith("'C:\\me\\happy\\0.jpg' is 'images/happy/0.jpg'")


@pytest.mark.parametrize("name", ["legend", "table", "affectnet", "expw", "rafdb"])
@pytest.mark.job
def test_every_source_that_joins_a_list_with_files(spark: SparkSession, tmp_path: Path, name: str) -> None:
    settings = dataclasses.replace(EXAMPLES[name](tmp_path), source=name)
    [table] = [path for path in tmp_path.rglob("*") if path.suffix in (".csv", ".jsonl", ".lst", ".txt")]
    text = table.read_text()
    for picture in tmp_path.rglob("*.jpg"):
        stem = picture.stem.removesuffix("_aligned")
        text = text.replace(f"{stem}.jpg", f"/mnt/x/{stem}.JPG")
    table.write_text(text)
    source = open_source(spark, settings)
    assert Counter(row["label"] for row in source.raw().collect() if row["reject_reason"] is None) == LABELS
    assert "3 rows name their pictures by paths of another place" in source.lines()[-1]


def test_a_prefix_is_replaced_as_a_whole(spark: SparkSession) -> None:
    names = ["C:\\me\\old\\a\\0.jpg", "C:/me/old/0.jpg", "C:\\me\\oldest\\1.jpg", "x/C:/me/old/2.jpg", None]
    frame = spark.createDataFrame([(name,) for name in names], "named string")
    prefixes = ("C:\\me\\old=images/new/", "C:/me/old/=images/new", "C:/me/old")
    replaced = [without_prefix(frame, F.col("named"), prefix).alias(f"p{i}") for i, prefix in enumerate(prefixes)]
    rows = frame.select(*replaced, without_prefix(frame, F.col("named"), "")).collect()
    inside = ["images/new/a/0.jpg", "images/new/0.jpg", *names[2:]]
    assert [[row[i] for row in rows] for i in range(4)] == [inside, inside, ["a/0.jpg", "0.jpg", *names[2:]], names]
    with pytest.raises(SourceError, match=r"'/content': no path begins with '/content': the table says 'C:"):
        without_prefix(frame, F.col("named"), "/content")
