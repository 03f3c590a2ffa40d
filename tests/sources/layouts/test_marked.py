"""Lists that mark faces with a class and a box: COCO, Pascal VOC, Roboflow; each read as it was written."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from pyspark.sql import SparkSession

from fer_spark.sources.catalog import open_source, recognised
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.poison import jpeg
from tests.sources.lakes import check, write

Face = tuple[str, int, int, int, int]
"""Class; left, top, width, height in px."""
Marked = dict[str, list[Face]]
"""Faces by the path of the picture."""
Files = dict[str, bytes | str]

CLASSES = ("Angry", "happiness", "sad")
SIDES = ("box_left", "box_top", "box_width", "box_height")


def coco(marked: Marked, base: str = "") -> str:
    """Images, annotations and categories in an order of their own, ids from anywhere."""
    ids = {path: 7 * i + 3 for i, path in enumerate(marked)}
    numbered = [(path, face) for path, faces in marked.items() for face in faces]
    annotations = [
        {"id": i, "image_id": ids[path], "category_id": CLASSES.index(face[0]) + 1, "bbox": face[1:], "iscrowd": 0}
        for i, (path, face) in enumerate(numbered)
    ]
    images = [{"id": ids[path], "file_name": path.removeprefix(base), "width": 9} for path in reversed(list(marked))]
    categories = [{"id": 0, "name": "faces"}, *({"id": i + 1, "name": name} for i, name in enumerate(CLASSES))]
    return json.dumps({"info": {}, "annotations": annotations[::-1], "images": images, "categories": categories})


def voc(name: str, faces: list[Face]) -> str:
    objects = "".join(
        f"<object><name>{label}</name><pose>x</pose><bndbox><xmax>{x + w}</xmax><xmin> {x}</xmin><ymin>{y}</ymin>"
        f"<ymax>{y + h}.0</ymax></bndbox></object>"
        for label, x, y, w, h in faces
    )
    return f"<?xml version='1.0'?>\n<annotation><filename>{escape(name)}</filename>{objects}</annotation>\n"


def boxes(marked: Marked, base: str) -> str:
    rows = [(path, face) for path, faces in marked.items() for face in faces]
    lines = [f'"{path.removeprefix(base)}",9,9,{n},{x},{y},{x + w},{y + h}' for path, (n, x, y, w, h) in rows]
    return "\r\n".join(["filename,width,height,class,xmin,ymin,xmax,ymax", *lines, ""])


def _of_split(marked: Marked, split: str) -> Marked:
    return {path: faces for path, faces in marked.items() if f"/{split}" in f"/{path}"}


def _xml(marked: Marked, where: Callable[[str], str]) -> Files:
    return {where(path): voc(path.rsplit("/", 1)[-1], faces) for path, faces in marked.items()}


FORMS: dict[str, tuple[str, str, Callable[[Marked], Files]]] = {
    "COCO": (
        "coco",
        "{split}2017/{name}",
        lambda marked: {
            f"annotations/instances_{split}2017.json": coco(_of_split(marked, split), f"{split}2017/")
            for split in ("train", "val")
        },
    ),
    "COCO by Roboflow": (
        "coco",
        "{split}/{name}",
        lambda marked: {
            f"{split}/_annotations.coco.json": coco(_of_split(marked, split), f"{split}/") for split in ("train", "val")
        },
    ),
    "VOC": (
        "voc",
        "JPEGImages/{name}",
        lambda marked: {
            **_xml(marked, lambda path: path.replace("JPEGImages", "Annotations").replace(".jpg", ".xml")),
            "ImageSets/Main/train.txt": "".join(f"{Path(path).stem}\r\n" for path in marked if "train" in path),
            "ImageSets/Main/val.txt": "".join(f"{Path(path).stem}  1\n" for path in marked if "val" in path),
            "ImageSets/Main/angry_val.txt": "".join(f"{Path(path).stem} -1\n" for path in marked),
        },
    ),
    "VOC by Roboflow": (
        "voc",
        "{split}/{name}",
        lambda marked: _xml(marked, lambda path: path.replace(".jpg", ".xml")),
    ),
    "VOC in a folder a split": (
        "voc",
        "{split}/images/{name}",
        lambda marked: _xml(marked, lambda path: path.replace("images", "Annotations").replace(".jpg", ".XML")),
    ),
    "Roboflow's CSV": (
        "roboflow",
        "{split}/{name}",
        lambda marked: {
            f"{split}/_annotations.csv": boxes(_of_split(marked, split), f"{split}/") for split in ("train", "val")
        },
    ),
}


@pytest.mark.parametrize(
    "form", [form if form == "COCO" else pytest.param(form, marks=pytest.mark.job) for form in FORMS]
)
def test_every_face_of_every_picture_is_a_row(spark: SparkSession, tmp_path: Path, form: str) -> None:
    layout, pattern, files_of = FORMS[form]
    draw, marked = random.Random(form), Marked()
    for number in range(12):
        split = ("train", "val")[number % 3 == 0]
        name = f"{'_' * (number % 4 == 1)}p é{number} {split}.jpg"
        marked[pattern.format(split=split, name=name)] = [
            (draw.choice(CLASSES), 10 * i, *(draw.randrange(1, 9) for _ in range(3))) for i in range(number % 4)
        ]
    files: Files = {path: jpeg(60 + i) for i, path in enumerate(marked)}
    lone = pattern.format(split="val", name="lone val.jpg")
    files |= files_of({**marked, lone: [("sad", 1, 1, 2, 2)]})
    files[pattern.format(split="train", name="unmarked.jpg")] = jpeg(50)
    write(tmp_path / "in" / "set", {**files, "README.dataset.txt": "x"})
    found = recognised(spark, SourceSettings(input=str(tmp_path / "in")), str)
    assert found.source == layout
    source = open_source(spark, found)
    rows = check(source)
    good = [row for row in rows if row["reject_reason"] is None]
    label_of = dict(zip(CLASSES, ("angry", "happy", "sad"), strict=True))
    told = [(row["source_path"], row["label"], *(row[side] for side in SIDES)) for row in good]
    assert sorted(told) == sorted((path, label_of[n], *box) for path, faces in marked.items() for n, *box in faces)
    assert {row["split"] for row in good if "val" in row["source_path"]} == {"val"}
    assert {row["split"] for row in good if "train" in row["source_path"]} == {"train"}
    other = {row["source_path"].rsplit("/", 1)[-1]: row["reject_reason"] for row in rows if row not in good}
    empty = [path.rsplit("/", 1)[-1] for path, faces in marked.items() if not faces]
    nothing = "unlisted" if layout == "roboflow" else "not_a_face"
    assert other == {**dict.fromkeys(empty, nothing), "lone val.jpg": "missing_file", "unmarked.jpg": "unlisted"}
    assert source.detector == "source"


def test_a_coco_list_that_contradicts_itself_loses_no_row(spark: SparkSession, tmp_path: Path) -> None:
    images = [{"id": i, "file_name": f"{i}.jpg"} for i in range(3)]
    box = {"bbox": [1, 2, 3, 4]}
    annotations = [
        {"image_id": 0, "category_id": 1, **box},
        {"image_id": 9, "category_id": 1, **box},
        {"image_id": 1, "category_id": 8, **box},
        {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3]},
        {"image_id": 2, "category_id": 1},
        {"image_id": 2, "category_id": 2, **box},
        {"image_id": 2, "category_id": 1, "bbox": {"left": 1, "top": 2, "right": 3, "bottom": 4}},
    ]
    categories = [{"id": 1, "name": "sad"}, {"id": 2, "name": "sad"}, {"id": 2, "name": "happy"}]
    part = {"images": images, "annotations": annotations, "categories": categories}
    captions = {"images": images, "annotations": [{"image_id": 0, "caption": "a face"}]}
    write(tmp_path, {f"{i}.jpg": jpeg(50 + i) for i in range(3)})
    answers = [{"image_id": 0, "category_id": 1, **box, "score": 0.9}]
    write(tmp_path, {"a.json": json.dumps(part), "captions.json": json.dumps(captions), "b.json": json.dumps(answers)})
    rows = check(open_source(spark, SourceSettings(source="coco", input=str(tmp_path))))
    rows.sort(key=lambda row: row["source_row"])
    assert [(row["source_path"], row["label"], row["reject_reason"], row["reject_detail"]) for row in rows] == [
        ("0.jpg", "sad", None, None),
        ("a.json#1", "sad", "bad_annotation", "the row names no picture"),
        ("1.jpg", None, "bad_annotation", "its category_id 8 is that of none of the categories"),
        ("1.jpg", "sad", "bad_annotation", "the face's box '[1, 2, 3]' is not four numbers"),
        ("2.jpg", "sad", None, None),
        ("2.jpg", None, "bad_annotation", "its category_id 2 is that of 2 of the categories"),
        ("2.jpg", "sad", "bad_annotation", "its bbox is no list of numbers"),
    ]
    for text in ('{"images": [{"file_name": "0.jpg"', '{"images": [{"file_name": "0.jpg"}], "annotations": 3}'):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(SourceError, match=r"a\.json: (no JSON|expected COCO's lists of)"):
            open_source(spark, SourceSettings(source="coco", input=str(tmp_path)))


def test_an_annotation_that_is_no_such_xml_or_names_another_picture_has_its_reason(
    spark: SparkSession, tmp_path: Path
) -> None:
    face: Face = ("sad", 1, 2, 3, 4)
    texts = {
        "good": voc("good.jpg", [face, ("no such class", 5, 5, 5, 5)]),
        "broken": "<annotation><filename>broken.jpg</filename><object>",
        "renamed": voc("good.jpg", [face]),
        "nameless": voc(" ", [face]),
        "box": voc("box.jpg", [face]).replace("<ymin>2<", "<ymin>two<"),
        "path": voc("C:\\me\\path.jpg", [face]),
        "bomb": '<!DOCTYPE a [<!ENTITY b "sad">]>' + voc("bomb.jpg", [face]).replace(">sad<", ">&b;<"),
        "empty": "",
    }
    write(tmp_path, {f"{name}.jpg": jpeg(50 + i) for i, name in enumerate(texts)})
    write(tmp_path, {f"{name}.xml": text for name, text in texts.items()})
    rows = check(open_source(spark, SourceSettings(source="voc", input=str(tmp_path))))
    good = sorted((row["source_path"], row["label"]) for row in rows if row["reject_reason"] is None)
    assert good == [("good.jpg", "sad"), ("path.jpg", "sad")]
    details = {row["reject_detail"] for row in rows if row["reject_reason"] == "bad_annotation"}
    assert "its annotation: it is no XML" in details
    assert "its annotation names 'good.jpg'" in details
    assert "its annotation names no picture" in details
    assert "its box is not four numbers" in details
    assert "its annotation: the file has no bytes" in details
    assert [row["source_path"] for row in rows if row["reject_reason"] == "bad_label"] == ["good.jpg"]
    unlisted = {row["source_path"] for row in rows if row["reject_reason"] == "unlisted"}
    assert {"broken.jpg", "renamed.jpg", "nameless.jpg", "empty.jpg"} <= unlisted


def test_a_column_a_class_labels_where_exactly_one_is_marked(spark: SparkSession, tmp_path: Path) -> None:
    header = "filename, Angry, Happy, Sad\n"
    lists = {
        "train/_classes.csv": header + "a.jpg, 1, 0, 0\nb.jpg, 0, 1, 1\nc.jpg, 0, 0, 0\n\n",
        "valid/_classes.csv": header + "a.jpg, 0, 0, 1\nb.jpg, 0, 1\nc.jpg, 0, x, 0\n",
    }
    pictures = {f"{split}/{name}.jpg": jpeg(50 + i) for i, name in enumerate("abc") for split in ("train", "valid")}
    write(tmp_path, {**lists, **pictures})
    found = recognised(spark, SourceSettings(input=str(tmp_path)), str)
    assert found.source == "roboflow"
    source = open_source(spark, found)
    rows = {row["source_path"]: row for row in check(source)}
    assert {path: (row["label"], row["split"], row["reject_reason"]) for path, row in rows.items()} == {
        "train/a.jpg": ("angry", "train", None),
        "train/b.jpg": (None, "train", "bad_annotation"),
        "train/c.jpg": (None, "train", "bad_label"),
        "valid/a.jpg": ("sad", "val", None),
        "valid/b.jpg": (None, "val", "bad_annotation"),
        "valid/c.jpg": (None, "val", "bad_annotation"),
    }
    assert source.detector is None
    assert rows["train/b.jpg"]["reject_detail"] == "its row has several classes: Happy, Sad"
    write(tmp_path, {"train/_annotations.csv": boxes({}, "")})
    with pytest.raises(SourceError, match=r"holds _annotations\.csv and _classes\.csv"):
        open_source(spark, found)
    (tmp_path / "train/_annotations.csv").write_text("filename,class\n")
    alone = SourceSettings(source="roboflow", input=str(tmp_path / "train/_annotations.csv"))
    with pytest.raises(SourceError, match="no column xmin, ymin, xmax, ymax; the list has: filename, class"):
        open_source(spark, alone)
