"""Labels as a column a class: read where each row marks one, refused where numbers are no marks."""

from __future__ import annotations

import csv
import io
import json
import random
import zipfile
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fer_spark.sources.catalog import open_annotations, open_source, recognised
from fer_spark.sources.numbering.one_hot import class_columns
from fer_spark.sources.settings import AUTO, SourceError, SourceSettings
from tests.poison import jpeg
from tests.sources.lakes import check, write

CLASSES = ["Anger", " disgust", "fear", "Happiness", "sadness", "surprise", "neutral"]
NAMES = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
SPELLINGS = [("1", "0"), ("1.0", "0.0"), ("TRUE", "FALSE"), ("x", ""), ("yes", "no")]


def _table(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([["image", *CLASSES, "occluded"], *rows])
    return text.getvalue()


def _labels(spark: SparkSession, settings: SourceSettings) -> dict[str, tuple[str | None, str | None]]:
    """{a picture's name: (its label, the reason why it has none)}."""
    rows = open_source(spark, settings, 10_000).raw().collect()
    return {row["source_path"].rsplit("/", 1)[-1]: (row["label"], row["reject_reason"]) for row in rows}


def test_the_marked_class_is_the_label_and_anything_else_is_quarantined(spark: SparkSession, tmp_path: Path) -> None:
    """Each row in one of the spellings."""
    draw, rows, expected = random.Random(1), [], {}
    for number in range(60):
        yes, no = SPELLINGS[number % len(SPELLINGS)]
        count = 1 if number % 4 else draw.choice((0, 2, 3))
        marked = draw.sample(range(len(NAMES)), count)
        cells = [yes if i in marked else no for i in range(len(NAMES))]
        rows.append([f"{number}.jpg", *cells, draw.choice(("0", "1"))])
        expected[f"{number}.jpg"] = (NAMES[marked[0]], None) if count == 1 else (None, "bad_label")
    files = {f"images/{row[0]}": jpeg(40 + number) for number, row in enumerate(rows)}
    lake = write(tmp_path / "lake", {"labels.csv": _table(rows), **files})
    said: list[str] = []
    settings = recognised(spark, SourceSettings(source=AUTO, input=str(lake)), said.append)
    assert settings.source == "legend"
    assert "labels.csv names pictures and has a column for each class, such as anger" in said[0]
    assert _labels(spark, settings) == expected
    check(open_source(spark, settings, 10_000))


def test_a_table_of_json_has_them_too(spark: SparkSession, tmp_path: Path) -> None:
    rows = [{"path": f"{i}.jpg"} | {name: i == j for j, name in enumerate(NAMES)} for i in range(len(NAMES))]
    files = {f"{i}.jpg": jpeg(40 + i) for i in range(len(NAMES))}
    lake = write(tmp_path, {"labels.jsonl": "\n".join(map(json.dumps, rows)), **files})
    found = _labels(spark, SourceSettings(source="table", input=str(lake / "labels.jsonl")))
    assert found == {f"{i}.jpg": (name, None) for i, name in enumerate(NAMES)}


def test_a_list_in_an_archive_may_have_them(spark: SparkSession, tmp_path: Path) -> None:
    rows = [[f"images/{i}.jpg", *("1" if i == j else "0" for j in range(len(NAMES))), "0"] for i in range(len(NAMES))]
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        archive.writestr("labels.csv", _table(rows))
        for i in range(len(NAMES)):
            archive.writestr(f"images/{i}.jpg", jpeg(40 + i))
    said: list[str] = []
    settings = recognised(spark, SourceSettings(source=AUTO, input=str(tmp_path / "faces.zip")), said.append)
    assert "faces.zip holds labels.csv, which names pictures and labels" in said[0]
    assert _labels(spark, settings) == {f"{i}.jpg": (name, None) for i, name in enumerate(NAMES)}


@pytest.mark.parametrize("vote", ["7", "-0.25", "happy"])
def test_votes_are_no_labels(spark: SparkSession, tmp_path: Path, vote: str) -> None:
    """As in FER+, where a row of one vote for an expression may have nine for no face."""
    rows = [["0.jpg", "0", "0", "1", "0", "0", "0", "0", "0"], ["1.jpg", "0", "0", "0", vote, "1", "0", "0", "0"]]
    lake = write(tmp_path, {"labels.csv": _table(rows), "images/0.jpg": jpeg(40), "images/1.jpg": jpeg(41)})
    settings = SourceSettings(source="legend", input=str(lake))
    with pytest.raises(SourceError, match=f"Happiness holds '{vote}'.*--source ferplus"):
        open_source(spark, settings, 10_000)
    table = SourceSettings(source="table", input=str(lake / "labels.csv"))
    assert "label" not in open_annotations(spark, table).has  # to look at them is no harm


def test_a_label_column_goes_before_them(spark: SparkSession, tmp_path: Path) -> None:
    text = "image,label,happy,sad\n0.jpg,fear,1,0\n"
    lake = write(tmp_path, {"labels.csv": text, "images/0.jpg": jpeg()})
    assert _labels(spark, SourceSettings(source="legend", input=str(lake))) == {"0.jpg": ("fear", None)}


def test_one_column_called_as_an_expression_is_none() -> None:
    assert class_columns(["image", "happy", "Joy", "valence"]) == []
    assert class_columns(["image", "happy", "Sadness "]) == ["happy", "Sadness "]


@pytest.mark.parametrize("name", ["labels", "my_label", "Emotion ID", "true.class", "expression_name"])
def test_a_column_that_may_be_the_label_leaves_none(name: str) -> None:
    assert class_columns(["image", name, "happy", "sad"]) == []


def test_where_another_column_may_be_the_label_nobody_guesses(spark: SparkSession, tmp_path: Path) -> None:
    """The columns may be what a model said."""
    lake = write(tmp_path, {"labels.csv": "image,true.class,happy,sad\n0.jpg,fear,1,0\n", "images/0.jpg": jpeg()})
    with pytest.raises(SourceError, match="Name it with --label-column"):
        open_source(spark, SourceSettings(source="legend", input=str(lake)), 10_000)
    given = SourceSettings(source="legend", input=str(lake), label_column="true.class")
    assert _labels(spark, given) == {"0.jpg": ("fear", None)}


def test_columns_about_labelling_are_none() -> None:
    assert class_columns(["image", "happy", "sad", "labeler", "label_time", "occluded"]) == ["happy", "sad"]
