"""Pictures in the cells of a table: Spark's image struct, lists of values of any nesting and type, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import Row, SparkSession

from fer_spark.faces.opened import OpenedPicture
from fer_spark.faces.settings import FaceSettings
from fer_spark.sources.catalog import open_source
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.sources.lakes import by_row, check

RNG = np.random.default_rng(3)
GRAY = [RNG.integers(0, 256, (side, side), np.uint8) for side in (48, 40, 48)]
TALL = [RNG.integers(0, 256, (30, 20), np.uint8) for _ in range(3)]
COLOUR = [RNG.integers(0, 256, (12, 17, 3), np.uint8) for _ in range(3)]
SQUARE = [RNG.integers(0, 256, (11, 11, 3), np.uint8) for _ in range(3)]

COLUMNS: dict[str, tuple[pa.Array, list[npt.NDArray[np.uint8]]]] = {
    "uint8": (pa.array([one.ravel() for one in GRAY], pa.list_(pa.uint8())), GRAY),
    "signed": (pa.array([one.view(np.int8).ravel() for one in GRAY], pa.list_(pa.int8())), GRAY),
    "int64": (pa.array([one.ravel().astype(int) for one in GRAY], pa.list_(pa.int64())), GRAY),
    "double": (pa.array([one.ravel().astype(float) for one in GRAY], pa.list_(pa.float64())), GRAY),
    "flat_colour": (pa.array([one.ravel() for one in SQUARE], pa.list_(pa.uint8())), SQUARE),
    "nested": (pa.array([one.tolist() for one in TALL], pa.list_(pa.list_(pa.uint8()))), TALL),
    "one_row": (pa.array([[one.ravel().tolist()] for one in GRAY], pa.list_(pa.list_(pa.int32()))), GRAY),
    "colour": (pa.array([one.tolist() for one in COLOUR], pa.list_(pa.list_(pa.list_(pa.uint8())))), COLOUR),
    "planes": (
        pa.array([one.transpose(2, 0, 1).tolist() for one in COLOUR], pa.list_(pa.list_(pa.list_(pa.int16())))),
        COLOUR,
    ),
}


def image(pixels: npt.NDArray[np.uint8], **other: Any) -> dict[str, Any]:
    """Spark's struct of a gray picture, or one with blue first."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    fields = {"origin": f"file:/x/p{pixels[0, 0].max()}_1.jpg", "height": pixels.shape[0], "width": pixels.shape[1]}
    stated = {"nChannels": channels, "mode": {1: 0, 3: 16, 4: 24}[channels], "data": pixels.tobytes()}
    return {**fields, **stated, **other}


IMAGE = pa.struct(
    [(name, pa.int32()) for name in ("height", "width", "nChannels", "mode")]
    + [("origin", pa.string()), ("data", pa.binary())]
)


def shown(row: Row) -> npt.NDArray[np.uint8]:
    return OpenedPicture(bytes(row["content"]), row["encoding"], FaceSettings(), gray=False).view(1)


@pytest.mark.job
def test_lists_of_every_kind_give_their_picture(spark: SparkSession, tmp_path: Path) -> None:
    columns = {name: column for name, (column, _) in COLUMNS.items()}
    pq.write_table(pa.table({**columns, "label": ["happy", "sad", "sad"]}), tmp_path / "t.parquet")
    for name, (_, wanted) in COLUMNS.items():
        settings = SourceSettings(source="table", input=str(tmp_path), bytes_column=name)
        rows = by_row(open_source(spark, settings))
        assert [rows[i]["label"] for i in range(3)] == ["happy", "sad", "sad"]
        assert all(np.array_equal(shown(rows[i]), wanted[i]) for i in range(3)), name
    with pytest.raises(SourceError, match=r"none of the columns .* holds pictures"):  # a list may be anything
        open_source(spark, SourceSettings(source="table", input=str(tmp_path)))


def test_a_stated_size_shapes_a_flat_list_and_what_does_not_fit_has_a_reason(
    spark: SparkSession, tmp_path: Path
) -> None:
    flat = [TALL[0].ravel().tolist(), COLOUR[0].ravel().tolist(), [], None, TALL[1].ravel().tolist()[1:]]
    sizes = [(30, 20), (12, 17), (30, 20), (30, 20), (30, 20)]
    sides = {"Height": [height for height, _ in sizes], "width": [width for _, width in sizes]}
    pq.write_table(pa.table({"img": pa.array(flat, pa.list_(pa.uint8())), **sides}), tmp_path / "t.parquet")
    source = open_source(spark, SourceSettings(source="table", input=str(tmp_path)))
    rows = sorted(check(source), key=lambda row: row["source_row"])
    assert np.array_equal(shown(rows[0]), TALL[0])
    assert np.array_equal(shown(rows[1]), COLOUR[0])
    assert [row["reject_reason"] for row in rows] == [None, None, "empty", "empty", None]
    assert rows[4]["encoding"] == "pixels 30x20x1 rgb"  # which has a value more than there are


def test_sparks_own_images(spark: SparkSession, tmp_path: Path) -> None:
    blue_first = [GRAY[0], COLOUR[0][..., ::-1], np.dstack([COLOUR[1][..., ::-1], np.full((12, 17), 255, np.uint8)])]
    undecoded = {"origin": "x", "height": -1, "width": -1, "nChannels": -1, "mode": -1, "data": b""}
    wrong = [image(GRAY[0], mode=21), image(GRAY[0], data=bytes(9)), undecoded, None]
    rows = [*(image(one) for one in blue_first), *wrong]
    labels = pa.array(["happy"] * len(rows))
    pq.write_table(pa.table({"image": pa.array(rows, IMAGE), "label": labels}), tmp_path / "t.parquet")
    settings = SourceSettings(source="table", input=str(tmp_path), group_from=r"/(?<person>p\d+)_")
    source = open_source(spark, settings)
    found = sorted(check(source), key=lambda row: row["source_row"])
    for row, wanted in zip(found, (GRAY[0], COLOUR[0], COLOUR[1]), strict=False):
        assert np.array_equal(shown(row), wanted)
        assert str(row["group_id"]).startswith("p")
    assert [row["reject_reason"] for row in found[3:]] == ["unreadable", "unreadable", "unreadable", "empty"]
    assert [str(row["reject_detail"])[:20] for row in found[3:]] == [
        "mode 21 with 1 chann", "9 bytes, a picture o", "Spark could not deco", "the row holds no pic"
    ]  # fmt: skip
    assert source.lines() == ["--group-from finds no person in the names of 2 of 7 pictures, such as 't.parquet#6'"]
