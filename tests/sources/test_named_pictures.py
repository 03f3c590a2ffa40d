"""Data sets whose names or boxes say the rest: persons, expressions and several faces of one picture."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fer_spark.sources.catalog import open_source
from fer_spark.sources.settings import SourceSettings
from tests.sources.lakes import by_path, check, write


def test_persons_and_expressions_of_kdef_and_jaffe(spark: SparkSession, tmp_path: Path) -> None:
    kdef = {"AF01/AF01AFS.JPG": b"1", "AF01/bf01neHR.jpg": b"2", "AM31/AM31SUFL.JPG": b"3", "AM31/AM31XXS.JPG": b"4"}
    source = open_source(spark, SourceSettings(source="kdef", input=str(write(tmp_path / "k", {**kdef, "a.txt": "x"}))))
    check(source)
    found = {path[5:]: (row["label"], row["group_id"], row["reject_reason"]) for path, row in by_path(source).items()}
    assert found == {
        "AF01AFS.JPG": ("fear", "F01", None),
        "bf01neHR.jpg": ("neutral", "F01", None),
        "AM31SUFL.JPG": ("surprise", "M31", None),
        "AM31XXS.JPG": (None, None, "bad_label"),
    }
    jaffe = {"KA.AN1.39.tiff": b"1", "KA.FE2.46.tiff": b"2", "README.tiff": b"3"}
    rows = by_path(open_source(spark, SourceSettings(source="jaffe", input=str(write(tmp_path / "j", {**jaffe})))))
    assert {path: (row["label"], row["group_id"]) for path, row in rows.items()} == {
        "KA.AN1.39.tiff": ("angry", "KA"),
        "KA.FE2.46.tiff": ("fear", "KA"),
        "README.tiff": (None, None),
    }
    assert rows["README.tiff"]["reject_reason"] == "bad_label"


def test_persons_of_ck_plus(spark: SparkSession, tmp_path: Path) -> None:
    files = {"anger/S010_004_00000017.png": b"1", "contempt/S138_008_00000009.png": b"2"}
    source = open_source(spark, SourceSettings(source="ckplus", input=str(write(tmp_path, {**files}))))
    assert {(row["label"], row["group_id"]) for row in check(source)} == {("angry", "S010"), ("contempt", "S138")}
    assert source.detector == "none"


@pytest.mark.job
def test_each_face_of_an_expw_picture_is_a_row(spark: SparkSession, tmp_path: Path) -> None:
    lines = (
        "a.jpg 0 10 20 50 40 33.3 3",
        "a.jpg 1 10 120 150 40 20.5 6",
        "b.jpg 0 5 5 5 9 1.0 0",
        "b.jpg 1 0 0 9 9 1.0 7x",
    )
    write(
        tmp_path,
        {"data/label/label.lst": "\n".join(lines), "data/image/origin/a.jpg": b"a", "data/image/origin/b.jpg": b"b"},
    )
    source = open_source(spark, SourceSettings(source="expw", input=str(tmp_path)))
    boxes = ("box_left", "box_top", "box_width", "box_height")
    found = {
        row["source_row"]: (row["label"], *(row[name] for name in boxes), row["reject_reason"]) for row in check(source)
    }
    assert found == {
        0: ("happy", 20, 10, 30, 30, None),
        1: ("neutral", 120, 10, 30, 30, None),
        2: ("angry", None, None, None, None, None),
        3: (None, 0, 0, 9, 9, "bad_label"),
    }
    assert source.detector == "source"
