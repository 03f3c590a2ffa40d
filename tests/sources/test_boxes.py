"""Boxes in tables: whatever their columns are called, the crop is the face that the label is of."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pyspark.sql import SparkSession

from fer_spark.faces.detect import DetectorSpec
from fer_spark.faces.prepare import FacePreparer
from fer_spark.faces.settings import FaceSettings
from fer_spark.pipelines.build.context import BuildSettings
from fer_spark.pipelines.build.run import run_build
from fer_spark.preparation.preparation import OWN_BOX
from fer_spark.shards.settings import ShardSettings
from fer_spark.sources.boxes import BOX, BoxColumns, box_columns, boxes_named, with_boxes
from fer_spark.sources.catalog import open_source
from fer_spark.sources.settings import SourceError, SourceSettings, SplitSettings
from fer_spark.sources.tables import AnnotationTable, open_table
from fer_spark.spark.progress import JobProgress
from tests.sources.lakes import write

SPELLINGS = {
    "xywh": ["x y w h", "x y width height", "left top width height", "x min|y min|w|h", "x1 y1 w h", "X Y W H"],
    "xyxy": ["xmin ymin xmax ymax", "x_min y_min x_max y_max", "x1 y1 x2 y2", "left top right bottom", "x0 y0 x1 y1",
             "minX minY maxX maxY", "top left x|top left y|bottom right x|bottom right y"],
    "cxcywh": ["cx cy w h", "x_center y_center width height", "center_x center_y width height"],
}  # fmt: skip
PREFIXES = ("", "face_", "bbox_", "box.", "Face", "bounding_box_", "Roi.", "face-bbox-")
KNOWN = [(order, text.split("|" if "|" in text else " ")) for order, texts in SPELLINGS.items() for text in texts]
OTHERS = ["image", "emotion", "id", "person", "confidence", "split"]


@given(
    known=st.sampled_from(KNOWN),
    prefix=st.sampled_from(PREFIXES),
    upper=st.booleans(),
    order=st.permutations(range(4)),
    more=st.lists(st.sampled_from(OTHERS), unique=True),
)
def test_usual_names_are_found_in_any_spelling(
    known: tuple[str, list[str]], prefix: str, upper: bool, order: list[int], more: list[str]
) -> None:
    names = [prefix + side for side in known[1]]
    names = [name.upper() for name in names] if upper else names
    more = [*more, *(["width", "height"] if known[0] == "xyxy" else [])]  # a picture's own, as in TensorFlow's lists
    [found] = boxes_named([*more[:2], *(names[i] for i in order), *more[2:]])
    assert (list(found.names), found.order) == (names, known[0])


def test_what_is_no_box_is_none_and_two_are_two() -> None:
    for names in (["width", "height", "x"], ["image", "xmin", "ymin"], ["face_x", "y", "w", "h"], OTHERS, ["x", "y"]):
        assert boxes_named(names) == []
    assert len(boxes_named(["x", "y", "w", "h", "face_left", "face_top", "face_right", "face_bottom"])) == 2


def test_values_of_every_form(spark: SparkSession, tmp_path: Path) -> None:
    box = [10.5, 20.0, 30.0, 40.25]
    text = ["[10.5, 20, 30, 40.25]", "(10.5 20.0 30. 40.25)", "10.5,20,30,40.25", "10.5;2e1;30;40.25"]
    forms = "\n".join(f'"{one}"\t10,5\t20\t30\t40,25' for one in [*text, "10 20 30", ""])
    write(tmp_path, {"t.tsv": f"bbox_xywh\tcx\tcy\tw\th\n{forms}\nx\t10,5\t?\t\t1\n"})
    table = open_table(spark, str(tmp_path / "t.tsv"))
    rows = table.frame.selectExpr("*", "CAST(null AS string) AS reject_reason", "CAST(null AS string) AS reject_detail")
    whole, centre = boxes_named(table.columns, whole=True)[0], boxes_named(table.columns)[0]
    read = [with_boxes(rows, table, one).orderBy("_row").collect() for one in (whole, centre)]
    assert [[row[name] for name in BOX] for row in read[0][:4]] == [box] * 4
    assert [row["reject_reason"] for row in read[0][4:]] == ["bad_annotation", None, "bad_annotation"]
    assert read[0][4]["reject_detail"] == "the face's box '10 20 30' is not four numbers"
    assert [[row[name] for name in BOX] for row in read[1][:6]] == [[-4.5, -0.125, 30.0, 40.25]] * 6
    assert read[1][6]["reject_detail"] == "the face's box '10,5, ?, , 1' is not four numbers"


COLOURS = {"happy": (230, 20, 20), "sad": (20, 20, 230), "fear": (20, 230, 20)}
PLACES = {"happy": (10, 20, 40, 40), "sad": (90, 20, 50, 40), "fear": (30, 90, 40, 30)}


def picture(width: int = 160, height: int = 130) -> bytes:
    pixels = np.full((height, width, 3), 128, np.uint8)
    for label, (left, top, wide, high) in PLACES.items():
        pixels[top : top + high, left : left + wide] = COLOURS[label]
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def lake(root: Path) -> Path:
    """Three faces in each of two pictures, and one face that lies outside."""
    lines = [f"{i}.png,{x},{y},{x + w},{y + h},{label}" for i in (1, 2) for label, (x, y, w, h) in PLACES.items()]
    table = "\n".join(["image,x1,y1,x2,y2,emotion", *lines, "2.png,500,500,560,560,happy", "2.png,5,5,a,9,sad", ""])
    return write(root, {"t.csv": table, "images/1.png": picture(), "images/2.png": picture(161)})


@pytest.mark.parametrize("source", ["legend", pytest.param("table", marks=pytest.mark.job)])
def test_each_face_of_a_picture_has_its_own_label(spark: SparkSession, tmp_path: Path, source: str) -> None:
    settings = SourceSettings(source=source, input=str(lake(tmp_path) / "t.csv"))
    opened = open_source(spark, settings)
    assert opened.detector == OWN_BOX
    faces = FaceSettings(size=("16:rgb:raw",), margin=0.0, min_face_px=8)
    preparer = FacePreparer(faces, DetectorSpec(OWN_BOX))
    rows = [row for raw in opened.raw().collect() for row in preparer.prepare(raw.asDict())]
    crops = [row for row in rows if row["reason"] is None]
    assert sorted((row["source_path"][-5:], row["label"]) for row in crops) == sorted(
        (f"{i}.png", label) for i in (1, 2) for label in PLACES
    )
    for row in crops:
        middle = np.frombuffer(row["image_16_rgb"], np.uint8).reshape(16, 16, 3)[8, 8].astype(int)
        assert np.abs(middle - COLOURS[row["label"]]).max() < 12, row["label"]
    left_out = {row["source_row"]: (row["reason"], row["detail"]) for row in rows if row["reason"] is not None}
    assert left_out[6][0] == "no_face"
    assert "is outside its picture" in left_out[6][1]
    assert left_out[7] == ("bad_annotation", "the face's box '5, 5, a, 9' is not four numbers")


def test_what_is_not_clear_is_asked_for(spark: SparkSession, tmp_path: Path) -> None:
    header = "image,emotion,x,y,w,h,face_x,face_y,face_w,face_h,a,b"
    write(tmp_path, {"t.jsonl": '{"bbox": [10, 20, 40, 40], "faces": {"box": [[1, 2, 3, 4]]}}\n'})
    write(tmp_path, {"two.csv": f"{header}\n1.png,sad,1,2,3,4,5,6,7,8,9,10\n"})
    whole, two = open_table(spark, str(tmp_path / "t.jsonl")), open_table(spark, str(tmp_path / "two.csv"))

    def chosen(table: AnnotationTable, columns: str = "", form: str = "") -> BoxColumns | None:
        return box_columns(table, SourceSettings(input="t", box_columns=columns, box_format=form))

    with pytest.raises(SourceError, match=r"four numbers of bbox are: --box-format xywh \(left, top, width, height\)"):
        chosen(whole)
    assert chosen(whole, form="xyxy") == BoxColumns(("bbox",), "xyxy")
    assert chosen(whole, "none") is None
    with pytest.raises(SourceError, match=r"'faces\.box' holds several boxes a row"):
        with_boxes(whole.frame, whole, chosen(whole, "faces.box", "xywh"))
    with pytest.raises(SourceError, match=r"several boxes a row, x,y,w,h and face_x,face_y,face_w,face_h: name one"):
        chosen(two)
    assert chosen(two, "face_x,face_y,face_w,face_h") == BoxColumns(("face_x", "face_y", "face_w", "face_h"), "xywh")
    assert chosen(two, "x,y,a,b", "xyxy") == BoxColumns(("x", "y", "a", "b"), "xyxy")
    for columns, problem in (
        ("x,y,a,b", "--box-format"),
        ("x,y,w,q", "no column 'q'.*--box-columns"),
        ("x,y", "or four"),
    ):
        with pytest.raises(SourceError, match=problem):
            chosen(two, columns)


@pytest.mark.job
def test_faces_with_boxes_are_built(spark: SparkSession, tmp_path: Path) -> None:
    shards = ShardSettings(output=str(tmp_path / "shards"), max_bad_fraction=0.5)
    source = SourceSettings(source="legend", input=str(lake(tmp_path) / "t.csv"))
    faces = FaceSettings(size=("16:rgb:raw",), min_face_px=8)
    manifest = run_build(
        spark, BuildSettings(source, faces, SplitSettings(), shards), JobProgress(spark.sparkContext)
    ).manifest
    assert (manifest.counts.written_faces, manifest.counts.quarantined) == (6, {"bad_annotation": 1, "no_face": 1})
    assert manifest.preparation.detector == OWN_BOX
