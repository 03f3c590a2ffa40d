"""YOLO's layouts: boxes and classes of each line, whoever wrote the folders."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml
from pyspark.sql import SparkSession

from fer_spark.faces.detectors.source import AnnotatedBox
from fer_spark.faces.prepare import FacePreparer
from fer_spark.faces.settings import FaceSettings
from fer_spark.sources.catalog import open_source, recognised
from fer_spark.sources.settings import SourceSettings
from tests.poison import jpeg
from tests.sources.lakes import check, write

NAMES = ["angry", "happy", "sad"]
Face = tuple[int, float, float, float, float]
"""Class; left, top, width, height as shares."""

FORMS = {
    "roboflow": ("{split}/images/{name}.jpg", "{split}/labels/{name}.txt"),
    "ultralytics": ("images/{split}/{name}.jpg", "labels/{split}/{name}.txt"),
    "darknet": ("obj_{split}_data/{name}.jpg", "obj_{split}_data/{name}.txt"),
}
DATA = {
    "roboflow": {"train": "../train/images", "val": "../valid/images", "nc": 3, "names": NAMES},
    "ultralytics": {
        "path": "/home/me",
        "train": "images/train",
        "val": ["images/valid"],
        "names": dict(enumerate(NAMES)),
    },
    "darknet": {"train": "obj_train_data", "val": "./obj_valid_data/", "names": NAMES},
}


def line(face: Face, polygon: bool) -> str:
    code, left, top, width, height = face
    if polygon:
        corners = [(left, top), (left + width, top), (left + width / 2, top + height), (left, top + height / 2)]
        return f"{code} " + " ".join(f"{x:.6f} {y:.6f}" for x, y in corners)
    return f"{code}  {left + width / 2:.6f}\t{top + height / 2:.6f} {width:.6f} {height:.6f}"


@pytest.mark.job
@pytest.mark.parametrize("form", FORMS)
def test_every_face_of_every_picture_is_a_row(spark: SparkSession, tmp_path: Path, form: str) -> None:
    draw, truth, files = random.Random(form), dict[tuple[str, int], Face](), dict[str, bytes | str]()
    empty = []
    for number in range(12):
        split, name = ("train", "valid")[number % 2], f"{'_' * (number % 3 == 0)}p {number}"
        picture, text = (pattern.format(split=split, name=name) for pattern in FORMS[form])
        faces = [
            (draw.randrange(3), i / 4 + 0.01, draw.uniform(0, 0.4), draw.uniform(0.1, 0.24), draw.uniform(0.1, 0.5))
            for i in range(number % 4)
        ]
        files[picture] = jpeg(60 + number)
        files[text] = ("\r\n" if number % 5 == 0 else "\n").join([*(line(face, number % 4 == 2) for face in faces), ""])
        truth |= {(picture, i): face for i, face in enumerate(faces)}
        empty += [picture] if not faces else []
    lone = FORMS[form][1].format(split="train", name="lone")
    more = {lone: "0 0.5 0.5 1 1"} if form != "darknet" else {}
    files |= {"data.yaml": yaml.safe_dump(DATA[form]), "README.roboflow.txt": "x", **more}
    write(tmp_path / "in" / "set", files)
    found = recognised(spark, SourceSettings(input=str(tmp_path / "in")), str)
    assert found.source == "yolo"
    source = open_source(spark, found)
    rows = {(row["source_path"], row["source_row"]): row for row in check(source)}
    good = {key: row for key, row in rows.items() if row["reject_reason"] is None}
    assert good.keys() == truth.keys()
    for key, row in good.items():
        code, *box = truth[key]
        assert row["label"] == NAMES[code]
        assert row["split"] == ("val" if "valid" in key[0] else "train")
        assert row["box_is_share"]
        assert [row[f"box_{side}"] for side in ("left", "top", "width", "height")] == pytest.approx(box, abs=2e-6)
    other = {key[0]: row["reject_reason"] for key, row in rows.items() if key not in good}
    missing = {lone.replace("labels", "images").replace(".txt", ".*"): "missing_file"} if more else {}
    assert other == {**dict.fromkeys(empty, "not_a_face"), **missing}
    assert len(empty) == 3
    assert source.detector == "source"


def test_a_line_that_is_no_box_and_a_picture_without_label_file_have_their_reason(
    spark: SparkSession, tmp_path: Path
) -> None:
    lines = ["0 0.5 0.5 0.2", "0 0.5 0.5 0.2 x", "1 30 40 20 20", "1 0.5 0.5 0 0.1"]
    texts = {"labels/a.txt": "\n".join([*lines, "1 0.2 0.2 0.1 0.1 0.93"]), "labels/classes.txt": "\n".join(NAMES)}
    pictures = {"images/a.jpg": jpeg(), "images/b.jpg": jpeg(61), "images/c.png": jpeg(62)}
    write(tmp_path, {**texts, **pictures, "labels/c.txt": "0 0.5 0.5 1 1", "data.yml": "nothing: 1"})
    rows = check(open_source(spark, SourceSettings(source="yolo", input=str(tmp_path))))
    rows.sort(key=lambda row: (row["source_path"], row["source_row"] or 0))
    found = [
        (row["source_path"][-5:], row["source_row"], row["reject_reason"], str(row["reject_detail"])[:18])
        for row in rows
    ]
    assert found == [
        ("a.jpg", 0, "bad_annotation", "line 1 has 3 numbe"),
        ("a.jpg", 1, "bad_annotation", "line 2: a value is"),
        ("a.jpg", 2, "bad_annotation", "line 3: values out"),
        ("a.jpg", 3, "bad_annotation", "line 4: its box ha"),
        ("a.jpg", 4, None, "None"),
        ("b.jpg", None, "unlisted", "no annotation name"),
        ("c.png", 0, None, "None"),
    ]
    whole = next(row for row in rows if row["source_path"] == "images/c.png")
    prepared = FacePreparer(FaceSettings(size=("8:gray",)), AnnotatedBox()).prepare(whole.asDict())
    [face] = prepared
    assert [face[f"box_{side}"] for side in ("left", "top", "width", "height")] == [0, 0, 62, 40]


@pytest.mark.job
def test_lists_of_pictures_state_the_splits(spark: SparkSession, tmp_path: Path) -> None:
    """Relative, of another machine, with CRLF; what none names keeps its folder's split, what two name the later."""
    pictures = {f"pool/images/{name}.jpg": jpeg() for name in "abcde"} | {"train/images/f.jpg": jpeg()}
    labels = {path.replace("images", "labels").replace(".jpg", ".txt"): "1 0.5 0.5 1 1" for path in pictures}
    lists = {
        "lists/train.txt": "./pool/images/a.jpg\r\npool/images/b.jpg\r\n\r\n",
        "val.txt": "/content/my set/pool/images/c.jpg\n/content/my set/pool/images/b.jpg\n",
    }
    data = {"train": "../lists/train.txt", "val": "/content/my set/val.txt", "test": "gone.txt", "names": NAMES}
    write(tmp_path, {**pictures, **labels, **lists, "data.yaml": yaml.safe_dump(data)})
    source = open_source(spark, recognised(spark, SourceSettings(input=str(tmp_path)), str))
    found = {row["source_path"].rsplit("/", 1)[1][0]: row["split"] for row in source.keys().collect()}
    assert found == {"a": "train", "b": "val", "c": "val", "d": None, "e": None, "f": "train"}
    assert source.lines() == ["the list 'gone.txt' is not there: nothing says which pictures are test"]
