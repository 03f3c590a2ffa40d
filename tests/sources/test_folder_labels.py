"""Labels and splits that folders name."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from fer_spark.sources.catalog import open_source, recognised
from fer_spark.sources.class_names import class_names, class_of_folder, class_of_folder_column
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.sources.lakes import by_path, check, write


def test_folders_name_splits_and_labels(spark: SparkSession, tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "train/Happy/a.jpg": b"1",
            "Validation/sadness/deep/b.jpg": b"2",
            "test/fear/c.jpg": b"",
            "angry/d.jpg": b"3",
            "train/hapy/e.jpg": b"4",
            "f.jpg": b"5",
        },
    )
    source = open_source(spark, SourceSettings(source="folder", input=str(root)))
    rows = {row["source_path"]: row for row in check(source)}
    told = {path: (row["split"], row["label"], row["reject_reason"]) for path, row in rows.items()}
    assert told == {
        "train/Happy/a.jpg": ("train", "happy", None),
        "Validation/sadness/deep/b.jpg": ("val", "sad", None),
        "test/fear/c.jpg": ("test", "fear", "empty"),
        "angry/d.jpg": (None, "angry", None),
        "train/hapy/e.jpg": ("train", None, "bad_label"),
        "f.jpg": (None, None, "bad_label"),
    }
    assert rows["train/hapy/e.jpg"]["reject_detail"] == "'hapy' is no known expression; nearest: happy"
    assert len(source.label_names) == 7


def test_folders_may_be_numbers_once_somebody_says_what_they_mean(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {"train/0/a.jpg": b"1", "train/7/b.jpg": b"2", "val/1/c.jpg": b"3"})
    for labels in ("", "affectnet8"):
        with pytest.raises(SourceError, match="the numbers 0, 1, 7, and nothing says what they mean"):
            open_source(spark, SourceSettings(source="folder", input=str(root), labels=labels))
    expected = {"train/0/a.jpg": "neutral", "train/7/b.jpg": "contempt", "val/1/c.jpg": "happy"}
    coded = SourceSettings(source="folder", input=str(root), labels="affectnet8", codes="0=neutral,1=happy,7=contempt")
    named = open_source(spark, coded)
    assert {path: row["label"] for path, row in by_path(named).items()} == expected
    write(root, {"data.yaml": "names: {0: neutral, 1: happy, 7: contempt}\n"})
    stored = open_source(spark, SourceSettings(source="folder", input=str(root), glob="*.jpg"))
    assert {path: row["label"] for path, row in by_path(stored).items()} == expected
    assert str(stored.numbering).endswith("from data.yaml beside the data")


def test_a_number_among_folders_of_names_is_rejected_alone(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {"happy/a.jpg": b"1", "3/b.jpg": b"2"})
    rows = by_path(open_source(spark, SourceSettings(source="folder", input=str(root))))
    assert (rows["happy/a.jpg"]["label"], rows["3/b.jpg"]["reject_reason"]) == ("happy", "bad_label")
    assert "say with --codes what it means" in rows["3/b.jpg"]["reject_detail"]


def test_a_folder_is_called_as_a_class_alike_wherever_that_is_decided(spark: SparkSession) -> None:
    """With numbers, signs and cases around it; a name of --labels that has a number itself is taken whole."""
    names = class_names(SourceSettings(source="auto", input="lake", labels="2 Faces,calm"))
    known = ["angry", "Happiness", "SURPRISE", "2 faces", "Calm"]
    fronts, ends = ["", "0_", "07-", "3. ", "12 ", "123_", "x_", " ", "1"], ["", " ", "s!"]
    folders = [front + name + end for name in [*known, "anna", ""] for front in fronts for end in ends]
    frame = spark.createDataFrame([(folder,) for folder in folders], "folder string")
    rows = frame.select("folder", class_of_folder_column(F.col("folder"), names).alias("name")).collect()
    assert {row["folder"]: row["name"] or "" for row in rows} == {f: class_of_folder(f, names) for f in folders}
    found = {folder for folder in folders if class_of_folder(folder, names)}
    assert {"angry", "0_Happiness", "07-SURPRISE ", "3. Calm", "2 faces", "12 2 faces"} & found == {
        *("angry", "0_Happiness", "07-SURPRISE ", "3. Calm", "2 faces")
    }
    assert not {folder for folder in found if folder.startswith(("x_", "123_")) or "anna" in folder or not folder}


def test_numbered_classes_below_folders_of_persons_are_labels(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {f"{who}/{label}/{who}.jpg": b"1" for who in "ab" for label in ("0_angry", "3-happy")})
    source = recognised(spark, SourceSettings(source="auto", input=str(root)), lambda line: None)
    assert (source.source, source.label_from) == ("images", "class")
    labels = {path: row["label"] for path, row in by_path(open_source(spark, source)).items()}
    assert labels == {path: "angry" if "0_angry" in path else "happy" for path in labels}
    assert len(labels) == 4


def test_label_from_parent(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path, {"x/contempt/a.jpg": b"1", "x/joy/b.jpg": b"2"})
    source = open_source(spark, SourceSettings(source="images", input=str(root), label_from="parent"))
    assert {path: row["label"] for path, row in by_path(source).items()} == {
        "x/contempt/a.jpg": "contempt",
        "x/joy/b.jpg": "happy",
    }
    assert len(source.label_names) == 8
