"""Pictures spread over columns of a value each: put together in the order of their numbers, never of other columns."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import Row, SparkSession

from fer_spark.faces.errors import UnreadablePictureError
from fer_spark.sources.catalog import open_annotations, open_source, recognised
from fer_spark.sources.settings import AUTO, SourceSettings
from fer_spark.sources.values.columns import pixel_columns
from tests.poison import jpeg
from tests.sources.lakes import by_row, check, write
from tests.sources.values.test_cells import shown

RNG = np.random.default_rng(5)


def _names(count: int, pattern: str, first: int) -> list[str]:
    return [pattern.format(i) for i in range(first, first + count)]


@pytest.mark.parametrize("pattern", ["pixel{}", "Pixel_{}", "px{}", "pix {}", "p{}", "{}", "pixels.{}"])
@pytest.mark.parametrize(("count", "shape"), [(64, "8x8x1"), (2304, "48x48x1"), (300, "10x10x3")])
@pytest.mark.parametrize("first", [0, 1])
def test_numbers_give_the_order(pattern: str, count: int, shape: str, first: int) -> None:
    names = _names(count, pattern, first)
    found = pixel_columns(random.Random(count).sample(["label", "usage", *names], count + 2))
    assert found is not None
    assert list(found.names) == names
    assert str(found.shape) == f"pixels {shape} rgb"


def test_places_give_the_order_and_the_shape() -> None:
    names = [f"{row}x{column}" for row in range(1, 31) for column in range(1, 21)]
    found = pixel_columns(["label", *reversed(names)])
    assert found is not None
    assert list(found.names) == names
    assert str(found.shape) == "pixels 30x20x1 rgb"
    assert pixel_columns(names[1:]) is None


@pytest.mark.parametrize(
    "names",
    [
        _names(63, "pixel{}", 0),
        _names(65, "pixel{}", 0),
        _names(64, "pixel{}", 2),
        [*_names(63, "pixel{}", 0), "pixel64"],
        _names(49, "pixel{}", 0),
        _names(64, "feature{}", 0),
        [*_names(32, "pixel{}", 0), *_names(32, "px{}", 32)],
        ["label", "file"],
    ],
    ids=["one short", "one more", "from 2", "a gap", "too few", "other names", "two families", "none"],
)
def test_what_is_no_picture_is_left(names: list[str]) -> None:
    assert pixel_columns(["emotion", *names]) is None


def _csv(pictures: list[npt.NDArray[np.uint8]], labels: list[str], holes: dict[int, str]) -> str:
    """In columns of any order; `holes`: {row: what its value 7 is instead}."""
    order = RNG.permutation(pictures[0].size)
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow([*(f"pixel{i}" for i in order), "label"])
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        values = [str(value) for value in picture.ravel()]
        values[7] = holes.get(number, values[7])
        rows.writerow([*(values[i] for i in order), label])
    return text.getvalue()


def test_a_csv_gives_its_pictures_and_what_lacks_a_value_is_no_picture(spark: SparkSession, tmp_path: Path) -> None:
    pictures = [RNG.integers(0, 256, (12, 12), np.uint8) for _ in range(8)]
    labels = ["happy", "sad"] * 4
    holes = {2: "", 3: "256", 4: "0.5", 5: "x", 6: f"{pictures[6].ravel()[7]}.0"}
    lake = write(tmp_path, {"faces.csv": _csv(pictures, labels, holes)})
    said: list[str] = []
    settings = recognised(spark, SourceSettings(source=AUTO, input=str(lake / "faces.csv")), said.append)
    assert settings.source == "table"
    assert "its columns pixel0 to pixel143 hold a value each" in said[0]
    rows = check(open_source(spark, settings))
    found = {row["source_row"]: row for row in rows}
    assert [found[i]["label"] for i in range(8)] == labels
    for number in (0, 1, 6, 7):
        assert np.array_equal(shown(found[number]), pictures[number]), number
    assert _refused(found[2]) == "unreadable: 143 values, a picture of 12x12 has 144"
    assert "'256', expected a whole number 0-255" in _refused(found[3])
    assert "'0.5', expected a whole number 0-255" in _refused(found[4])
    assert "'x', expected a whole number 0-255" in _refused(found[5])


def _refused(row: Row) -> str:
    with pytest.raises(UnreadablePictureError) as found:
        shown(row)
    return str(found.value)


@pytest.mark.parametrize("kind", [pa.uint8(), pa.int8(), pa.float64()], ids=str)
def test_a_table_of_numbers_gives_them_too(spark: SparkSession, tmp_path: Path, kind: pa.DataType) -> None:
    pictures = RNG.integers(0, 256, (3, 8, 8), np.uint8)
    flat = pictures.reshape(3, 64)
    values = flat.view(np.int8) if kind == pa.int8() else flat
    columns = {str(i): pa.array(values[:, i].tolist(), kind) for i in range(64)}
    pq.write_table(pa.table({**columns, "label": ["happy", "sad", "sad"]}), tmp_path / "t.parquet")
    rows = by_row(open_source(spark, SourceSettings(source="table", input=str(tmp_path))))
    assert all(np.array_equal(shown(rows[i]), pictures[i]) for i in range(3))


def test_named_files_go_before_columns_of_numbers(spark: SparkSession, tmp_path: Path) -> None:
    """Which may be what a network made of them: they make no table of a list beside its pictures."""
    text = ",".join(["path", "label", *map(str, range(64))]) + "\n" + ",".join(["a.jpg", "sad", *["0"] * 64]) + "\n"
    lake = write(tmp_path, {"faces.csv": text, "a.jpg": jpeg()})
    settings = recognised(spark, SourceSettings(source=AUTO, input=str(lake)), str)
    assert settings.source == "legend"
    table = SourceSettings(source="table", input=str(lake / "faces.csv"))
    assert [row["encoding"] for row in open_source(spark, table).raw().collect()] == ["file"]


def test_a_column_called_pixels_beside_them_is_another(spark: SparkSession, tmp_path: Path) -> None:
    text = ",".join(["label", "pixels", *map(str, range(64))]) + "\n" + ",".join(["sad", "64", *["7"] * 64]) + "\n"
    settings = SourceSettings(source="table", input=str(write(tmp_path, {"faces.csv": text}) / "faces.csv"))
    (row,) = open_source(spark, settings).raw().collect()
    assert np.array_equal(shown(row), np.full((8, 8), 7))
    assert open_annotations(spark, settings).rows.count() == 1
