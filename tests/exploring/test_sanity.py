"""Columns, spellings and repeated paths of small tables whose answers are known."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from fer_spark.exploring.sanity import columns_table
from fer_spark.exploring.sanity_on_spark import column_figures, repeats, spellings
from fer_spark.sources.catalog import open_annotations
from fer_spark.sources.settings import SourceSettings
from tests.exploring.frames import annotations

TABLE = """path,cat_emot,valence,arousal,note
a.jpg,0,0.5,0.25,x
b.jpg,1,-2,nan,
,HAPPY,word,0.5,
c.jpg,10,1.5,-0.5,
c.jpg,12,0.1,,
"""


def test_columns_have_the_type_that_all_their_values_have(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "val.csv").write_text(TABLE)
    opened = open_annotations(spark, SourceSettings(source="affectnet", input=str(tmp_path / "val.csv")))
    assert opened.table is not None
    table = columns_table(column_figures(opened.table), opened.expected)
    found = {row["column"]: row for row in table.records()}
    assert list(found) == ["path", "cat_emot", "valence", "arousal", "note"]
    assert {row["split"] for row in found.values()} == {"val"}  # by the file's name
    assert [found[name]["type"] for name in found] == ["string", "string", "string", "double", "string"]
    assert [found[name]["nulls"] for name in found] == [1, 0, 0, 1, 4]
    assert [found[name]["nan"] for name in found] == [0, 0, 0, 1, 0]
    assert [found[name]["distinct"] for name in found] == [3, 5, 5, 4, 1]
    assert [found[name]["ok"] for name in found] == [False, True, False, False, None]


def test_annotations_are_given_as_they_are(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "val.csv").write_text(TABLE)
    opened = open_annotations(spark, SourceSettings(source="affectnet", input=str(tmp_path / "val.csv")))
    rows = opened.rows.orderBy("label_raw").collect()
    assert [row["label_raw"] for row in rows] == ["0", "1", "10", "12", "HAPPY"]
    assert [row["label"] for row in rows] == ["neutral", "happy", "no_face", None, "happy"]
    assert [row["valence"] for row in rows] == [0.5, -2.0, 1.5, 0.1, None]
    assert str(rows[1]["arousal"]) == "nan"
    assert [row["not_number"] for row in rows] == [None, None, None, None, "word"]
    assert [row["path"] for row in rows] == ["a.jpg", "b.jpg", "c.jpg", "c.jpg", None]


def test_labels_of_several_spellings_are_found(spark: SparkSession) -> None:
    written = [("Happy", "happy"), ("happy", "happy"), ("happy", "happy"), ("sad", "sad"), ("hmm", None)]
    frame = annotations(spark, [{"label_raw": raw, "label": label} for raw, label in written])
    most, variants = spellings(frame)
    assert [(one.raw, one.label, one.count) for one in most] == [
        ("happy", "happy", 2),
        ("Happy", "happy", 1),
        ("hmm", "", 1),
        ("sad", "sad", 1),
    ]
    assert variants == {"happy": (2, 1)}


def test_repeated_paths_labels_and_splits_are_told_apart(spark: SparkSession) -> None:
    rows = [
        ("a", "happy", "train"),
        ("a", "happy", "train"),
        ("b", "happy", "train"),
        ("b", "sad", "train"),
        ("b", "sad", "train"),
        ("c", "sad", "train"),
        ("c", "sad", "val"),
        ("d", "sad", "val"),
    ]
    frame = annotations(spark, [{"path": p, "label": label, "split": s} for p, label, s in rows], 3)
    found = repeats(frame)
    assert (found.paths, found.redundant, found.conflicting_rows, found.split_rows) == (3, 4, 3, 2)
    assert (found.conflicting_examples, found.split_examples) == (("b",), ("c",))
    assert set(found.repeated_examples) < {"a", "b", "c"}
