"""Any table of bytes or paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from fer_spark.labels import TAXONOMIES
from fer_spark.sources.catalog import open_source
from fer_spark.sources.settings import SourceError, SourceSettings
from tests.sources.lakes import by_path, by_row, check, write


def _table(spark: SparkSession, path: Path, **more: Any) -> Any:
    return open_source(spark, SourceSettings(source="table", input=str(path), **more), 100)


def test_bytes_in_parquet(spark: SparkSession, tmp_path: Path) -> None:
    rows = [
        (b"a", "Happy", "p1", "train", 0.5),
        (b"", "sad", "p2", "test", -2.0),
        (b"x" * 101, "sad", None, None, None),
    ]
    rows += [
        (None, "fear", "p3", "train", 9.0),
        (b"c", "cheesy", "p4", "train", 0.0),
        (b"d", "fear", "p4", "nowhere", 0.0),
    ]
    frame = spark.createDataFrame(rows, "photo binary, label string, person string, split string, valence double")
    frame.coalesce(1).write.parquet(str(tmp_path / "t"))
    source = _table(spark, tmp_path / "t")
    check(source)
    found = {i: (row["label"], row["split"], row["reject_reason"]) for i, row in by_row(source).items()}
    assert found == {
        0: ("happy", "train", None),
        1: ("sad", "test", "empty"),
        2: ("sad", None, "too_large"),
        3: ("fear", "train", "empty"),
        4: (None, "train", "bad_label"),
        5: ("fear", None, "bad_annotation"),
    }
    first = by_row(source)[0]
    assert (bytes(first["content"]), first["group_id"], first["valence"]) == (b"a", "p1", 0.5)
    assert first["source_path"].endswith(".parquet#0")


@pytest.mark.job
def test_a_struct_of_bytes_and_codes(spark: SparkSession, tmp_path: Path) -> None:
    frame = spark.createDataFrame(
        [((b"a", "a.jpg"), 3), ((b"b", None), 0)], "image struct<bytes binary, path string>, label long"
    )
    frame.coalesce(1).write.parquet(str(tmp_path / "t"))
    for labels in ("", "fer2013"):
        with pytest.raises(SourceError, match="--codes 0=…,3=…"):
            _table(spark, tmp_path / "t", labels=labels)
    scored = open_source(spark, SourceSettings(source="table", input=str(tmp_path / "t")), labels_needed=False)
    assert [(row["label"], row["reject_reason"]) for row in by_row(scored).values()] == [(None, None)] * 2
    for meaning in ({"labels": ",".join(TAXONOMIES["fer2013"].names)}, {"codes": "3=happiness,0=Anger"}):
        coded = _table(spark, tmp_path / "t", bytes_column="image.bytes", **meaning)
        assert {i: row["label"] for i, row in by_row(coded).items()} == {0: "happy", 1: "angry"}
    assert str(coded.numbering) == "0 = angry, 3 = happy from --codes"


def test_a_label_column_by_another_name_is_asked_for(spark: SparkSession, tmp_path: Path) -> None:
    frame = spark.createDataFrame([(b"a", "happy", 1), (b"b", "sad", 2)], "img_bytes binary, labels string, id int")
    frame.coalesce(1).write.parquet(str(tmp_path / "t"))
    with pytest.raises(SourceError, match=r"\(is it labels\?\); the table has: img_bytes, labels, id\. .*--unlabelled"):
        _table(spark, tmp_path / "t")
    named = by_row(_table(spark, tmp_path / "t", label_column="labels"))
    assert [named[i]["label"] for i in range(2)] == ["happy", "sad"]
    bare = _table(spark, tmp_path / "t", unlabelled=True)
    assert (bare.label_names, [row["reject_reason"] for row in by_row(bare).values()]) == ((), [None, None])
    scored = open_source(spark, SourceSettings(source="table", input=str(tmp_path / "t")), labels_needed=False)
    assert scored.label_names == ()
    with pytest.raises(SourceError, match="give one of them"):
        _table(spark, tmp_path / "t", unlabelled=True, label_column="labels")


@pytest.mark.job
def test_paths_beside_the_table_or_elsewhere(spark: SparkSession, tmp_path: Path) -> None:
    lines = '{"path": "p/a.jpg", "expression": "joy"}\n{"path": "p/b.jpg", "expression": "sad"}\n{"path": "p/a.jpg"}\n'
    write(tmp_path, {"t.jsonl": lines, "p/a.jpg": b"1", "p/b.jpg": b"", "p/c.jpg": b"3", "notes.txt": "x"})
    source = _table(spark, tmp_path / "t.jsonl")
    found = {(row["source_path"], row["source_row"]): (row["label"], row["reject_reason"]) for row in check(source)}
    assert found == {
        ("p/a.jpg", 0): ("happy", None),
        ("p/a.jpg", 2): (None, "bad_label"),
        ("p/b.jpg", 1): ("sad", "empty"),
        ("p/c.jpg", None): (None, "unlisted"),
    }
    write(tmp_path, {"q/t.csv": "file\na.jpg\nb.jpg\na.jpg\n"})
    bare = _table(spark, tmp_path / "q" / "t.csv", images=str(tmp_path / "p"), glob="[ab].jpg")
    rows = {row["source_row"]: (row["label"], row["reject_reason"]) for row in check(bare)}
    assert rows == {0: (None, None), 1: (None, "empty"), 2: (None, "bad_annotation")}
    assert bare.label_names == ()


def test_a_table_without_pictures_lists_its_columns(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, {"t.csv": "a,b\n1,2\n3,4\n"})
    with pytest.raises(SourceError, match="none of the columns a, b holds pictures"):
        _table(spark, tmp_path / "t.csv")
    with pytest.raises(SourceError, match="'a' is string; expected binary"):
        _table(spark, tmp_path / "t.csv", bytes_column="a")


def test_one_partition_is_spread_by_key(spark: SparkSession, tmp_path: Path) -> None:
    spark.range(60).selectExpr("CAST(CONCAT('x', id) AS binary) AS content").coalesce(1).write.parquet(
        str(tmp_path / "t")
    )
    raw = _table(spark, tmp_path / "t").raw()
    assert raw.rdd.getNumPartitions() == 4 * spark.sparkContext.defaultParallelism
    assert len(by_path(_table(spark, tmp_path / "t"))) == 60


@pytest.mark.parametrize("ending", ["parquet", pytest.param("csv", marks=pytest.mark.job)])
def test_names_of_several_files_state_the_split_where_no_column_does(
    spark: SparkSession, tmp_path: Path, ending: str
) -> None:
    named: dict[str, str | None]
    named = {"train-00000-of-00002": "train", "train-00001-of-00002": "train", "validation-00000-of-00001": "val"}
    named |= {"test": "test", "part-00000": None}
    (tmp_path / "in").mkdir()
    for number, name in enumerate(named):
        path = tmp_path / "in" / f"{name}.{ending}"
        if ending == "parquet":
            pq.write_table(pa.table({"image": [b"%d" % number], "label": ["sad"]}), path)
        else:
            write(tmp_path / "in", {path.name: f"image,label\np/{number}.jpg,sad\n", f"p/{number}.jpg": b"%d" % number})
    rows = check(_table(spark, tmp_path / "in"))
    found = {bytes(row["content"]): row["split"] for row in rows if row["content"] is not None}
    assert found == {b"%d" % number: split for number, split in enumerate(named.values())}
    alone = _table(spark, tmp_path / "in" / f"test.{ending}")
    assert [row["split"] for row in alone.raw().collect() if row["content"] is not None] == [None]
