"""AffectNet's layouts, with the traps that its users report."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from fer_spark.sources.affectnet_npy import parse_npy
from fer_spark.sources.catalog import open_source, recognised
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.sources.lakes import by_path, check, write

HEADER = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n"
POINTS = ";".join(f"{i}.5" for i in range(136))


def _full(tmp_path: Path) -> Path:
    train = [
        f"1/a.jpg,134.0,135.5,300,301,{POINTS},1,0.78,0.04",
        f"1/a.jpg,500.0,135.0,200,201,{POINTS},6,-0.5,0.7",  # another face of the same picture
        "1/b.jpg,10,11,-1,-1,1;2;3,7,-0.6,0.5",  # no box, too few points
        f"2/c.jpg,10,11,100,101,{POINTS},8,0.1,0.1",
        f"2/d.jpg,10,11,100,101,{POINTS},9,-2,-2",
        f"2/e.jpg,10,11,100,101,{POINTS},10,-2,-2",
        f"2/f.jpg,10,11,100,101,{POINTS},0,1.7,0",
        f"2/g.jpg,10,11,100,101,{POINTS},0,often,0",
        f"2/h.jpg,10,11,100,101,{POINTS},11,0,0",
        f"1/a.jpg,134.0,135.5,300,301,{POINTS},1,0.78,0.04",  # repeats the first row
        f"2/gone.jpg,10,11,100,101,{POINTS},0,0,0",
        f"2/i.jpg,NaN,11,100,101,{POINTS},2,NaN,",
    ]
    pictures = {
        f"Manually_Annotated_Images/{place}.jpg": place
        for place in ["1/a", "1/b", "2/c", "2/d", "2/e", "2/f", "2/g", "2/h", "2/i", "3/v", "3/new"]
    }
    return write(
        tmp_path,
        {
            "Manually_Annotated_file_lists/training.csv": HEADER + "\n".join(train) + "\n",
            "Manually_Annotated_file_lists/validation.csv": HEADER + f"3/v.jpg,1,2,30,40,{POINTS},4,-0.2,0.9\n",
            **pictures,
        },
    )


def _open(spark: SparkSession, path: Path, **more: Any) -> Any:
    return open_source(spark, SourceSettings(source="affectnet", input=str(path), **more))


@pytest.mark.job
def test_the_full_release(spark: SparkSession, tmp_path: Path) -> None:
    source = _open(spark, _full(tmp_path))
    rows = check(source)
    told = {(row["source_path"], row["source_row"]): (row["split"], row["label"], row["reject_reason"]) for row in rows}
    assert told == {
        ("1/a.jpg", 0): ("train", "happy", None),
        ("1/a.jpg", 1): ("train", "angry", None),
        ("1/b.jpg", 2): ("train", "contempt", None),
        ("2/c.jpg", 3): ("train", None, "no_expression"),
        ("2/d.jpg", 4): ("train", None, "no_expression"),
        ("2/e.jpg", 5): ("train", None, "not_a_face"),
        ("2/f.jpg", 6): ("train", "neutral", "bad_annotation"),
        ("2/g.jpg", 7): ("train", "neutral", "bad_annotation"),
        ("2/h.jpg", 8): ("train", None, "bad_label"),
        ("1/a.jpg", 9): ("train", "happy", "bad_annotation"),
        ("2/gone.jpg", 10): ("train", "neutral", "missing_file"),
        ("2/i.jpg", 11): ("train", "sad", None),
        ("3/v.jpg", 0): ("val", "fear", None),
        ("3/new.jpg", None): (None, None, "unlisted"),
    }
    found = {row["source_row"]: row for row in rows if row["split"] == "train"}
    assert [found[0][f"box_{side}"] for side in ("left", "top", "width", "height")] == [134.0, 135.5, 300.0, 301.0]
    assert found[0]["landmarks"] == [i + 0.5 for i in range(136)]
    assert (found[2]["box_left"], found[2]["landmarks"]) == (None, None)
    assert (found[11]["box_left"], found[11]["valence"], found[11]["arousal"]) == (None, None, None)
    assert found[1]["arousal"] == pytest.approx(0.7)
    assert found[6]["reject_detail"] == "valence 1.7 is outside [-1, 1]"
    assert found[7]["reject_detail"] == "valence 'often' is no number"
    assert found[9]["reject_detail"] == "repeats row 0"
    assert "the annotator saw none" in found[3]["reject_detail"]
    assert source.has_boxes
    assert not source.faces_are_cropped


@pytest.mark.job
def test_faces_without_expression_are_kept_on_request(spark: SparkSession, tmp_path: Path) -> None:
    _full(tmp_path)
    source = _open(spark, tmp_path / "Manually_Annotated_file_lists" / "training.csv", keep_no_expression=True)
    rows = by_row_of(check(source))
    assert [(rows[i]["label"], rows[i]["reject_reason"]) for i in (3, 4, 5)] == [
        (None, None),
        (None, None),
        (None, "not_a_face"),
    ]
    assert rows[3]["valence"] == pytest.approx(0.1)
    assert rows[4]["valence"] is None


def by_row_of(rows: list[Any]) -> dict[int, Any]:
    return {row["source_row"]: row for row in rows}


@pytest.mark.job
def test_the_interim_table_in_codes_or_names(spark: SparkSession, tmp_path: Path) -> None:
    write(
        tmp_path,
        {"x/a.jpg": "a", "x/b.jpg": "b", "t.csv": "path,cat_emot,valence,arousal\na.jpg,7,0.1,-0.2\nb.jpg,Fear,,\n"},
    )
    rows = by_path(_open(spark, tmp_path / "t.csv", images=str(tmp_path / "x")))
    assert {path: (row["label"], row["split"]) for path, row in rows.items()} == {
        "a.jpg": ("contempt", None),
        "b.jpg": ("fear", None),
    }
    seven = by_path(_open(spark, tmp_path / "t.csv", images=str(tmp_path / "x"), labels="affectnet7"))
    assert seven["a.jpg"]["reject_reason"] == "bad_label"
    with pytest.raises(SourceError, match="not beside the table"):
        _open(spark, tmp_path / "t.csv")


def _npy(value: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array(value), allow_pickle=True)
    return buffer.getvalue()


def _reduced(tmp_path: Path) -> Path:
    files: dict[str, bytes | str] = {}

    def add(level: str, name: str, expression: object, valence: object, picture: bool = True) -> None:
        if picture:
            files[f"{level}/images/{name}.jpg"] = f"{level} {name}"
        stem = f"{level}/annotations/{name}"
        files.update(
            {
                f"{stem}_exp.npy": _npy(expression),
                f"{stem}_val.npy": _npy(valence),
                f"{stem}_aro.npy": _npy("-0.25"),
            }
        )
        files[f"{stem}_lnd.npy"] = _npy(np.arange(136, dtype=np.float64))

    add("train_set", "0", "1", "0.5")  # numbers as text, as in the original release
    add("train_set", "1", 3, -0.5)
    add("train_set", "2", "7", "-2")
    add("train_set", "3", {"no": "dict"}, 0.0)  # a pickled object
    add("train_set", "4", 2, 0.0, picture=False)
    add("val_set", "0", "6", "1.0")  # the id of another picture
    files["train_set/images/5.jpg"] = "no annotation"
    files["val_set/images/6.jpg"] = ""
    files["val_set/annotations/6_exp.npy"] = _npy(0)
    files["val_set/images/7.jpg"] = "val only"
    files["val_set/annotations/7_val.npy"] = _npy(0.5)
    return write(tmp_path, files)


@pytest.mark.job
def test_the_eight_label_release(spark: SparkSession, tmp_path: Path) -> None:
    source = _open(spark, _reduced(tmp_path))
    rows = {row["source_path"]: row for row in check(source)}
    told = {path: (row["split"], row["label"], row["reject_reason"]) for path, row in rows.items()}
    assert told == {
        "train_set/images/0.jpg": ("train", "happy", None),
        "train_set/images/1.jpg": ("train", "surprise", None),
        "train_set/images/2.jpg": ("train", "contempt", None),
        "train_set/images/3.jpg": ("train", None, "bad_annotation"),
        "train_set/images/4.jpg": ("train", "sad", "missing_file"),
        "val_set/images/0.jpg": ("val", "angry", None),
        "train_set/images/5.jpg": (None, None, "unlisted"),
        "val_set/images/6.jpg": ("val", "neutral", "empty"),
        "val_set/images/7.jpg": ("val", None, "bad_annotation"),
    }
    first = rows["train_set/images/0.jpg"]
    assert (first["valence"], first["arousal"], first["landmarks"][135]) == (0.5, -0.25, 135.0)
    assert rows["train_set/images/2.jpg"]["valence"] is None
    assert "3_exp.npy" in rows["train_set/images/3.jpg"]["reject_detail"]
    assert source.faces_are_cropped
    assert Counter(row["source_row"] for row in rows.values()) == {None: 9}


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a/5_exp.npy", _npy("3"), {"kind": "exp", "text": "3"}),
        ("a/5_val.npy", _npy(np.float32(0.25)), {"kind": "val", "text": "0.25"}),
        ("a/5_exp.npy", _npy(b"7"), {"kind": "exp", "text": "7"}),
        ("a/5_lnd.npy", _npy([1.0, 2.0]), {"kind": "lnd", "numbers": None}),
    ],
)
def test_npy_values(name: str, content: bytes, found: dict[str, object]) -> None:
    assert parse_npy(name, content) == found


@pytest.mark.parametrize("content", [b"", b"not npy", _npy({"a": 1}), _npy([1, 2])])
def test_bad_npy_is_a_problem_not_a_crash(content: bytes) -> None:
    assert str(parse_npy("a/5_exp.npy", content)["problem"]).startswith("a/5_exp.npy: ")


@pytest.mark.job
def test_the_form_that_kaggle_has(spark: SparkSession, tmp_path: Path) -> None:
    lines = ",pth,label,relFCs\n0,anger/image0000006.jpg,surprise,0.87\n1,contempt/image7.jpg,contempt,0.8\n"
    write(tmp_path, {"labels.csv": lines, "anger/image0000006.jpg": b"a", "contempt/image7.jpg": b"c"})
    said: list[str] = []
    settings = recognised(spark, SourceSettings(source="auto", input=str(tmp_path)), said.append)
    assert settings.source == "affectnet"
    assert "relFCs" in said[0]
    source = open_source(spark, settings)
    assert {row["source_path"]: (row["label"], row["reject_reason"]) for row in check(source)} == {
        "anger/image0000006.jpg": ("surprise", None),
        "contempt/image7.jpg": ("contempt", None),
    }
    assert source.detector == "none"
