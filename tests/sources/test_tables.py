"""Tables: rows are numbered as in the file however Spark splits it, columns are found or the error helps."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fer_spark.sources.settings import SourceError
from fer_spark.sources.tables import open_table, table_columns
from tests.sources.lakes import write


@pytest.fixture
def tiny_splits(spark: SparkSession) -> Iterator[None]:
    name = "spark.sql.files.maxPartitionBytes"
    old = spark.conf.get(name)
    spark.conf.set(name, "700")
    yield
    spark.conf.set(name, str(old))


def _lines(count: int) -> str:
    quoted = "".join(f'{i},"x, ""y"" {i}",{i * i}\n' + ("\n" if i % 7 == 3 else "") for i in range(count))
    return " id , a name,user.id\n" + quoted


@pytest.mark.usefixtures("tiny_splits")
def test_rows_of_split_files_are_numbered_as_in_each_file(spark: SparkSession, tmp_path: Path) -> None:
    root = write(tmp_path / "t", {"one.csv": _lines(331), "sub two.csv": _lines(113)})
    (root / "three.csv.gz").write_bytes(gzip.compress(_lines(29).encode()))
    table = open_table(spark, str(root))
    assert table.scan.rdd.getNumPartitions() > 12
    rows = table.frame.collect()
    assert table.columns == ["id", "a name", "user.id"]
    assert sorted((row["_file"], row["_row"]) for row in rows) == sorted(
        (name, i) for name, count in (("one.csv", 331), ("sub two.csv", 113), ("three.csv", 29)) for i in range(count)
    )
    assert all(int(row["in:id"]) == row["_row"] and row["in:a name"] == f'x, "y" {row["_row"]}' for row in rows)


@pytest.mark.usefixtures("tiny_splits")
def test_json_lines_and_parquet_are_numbered_too(spark: SparkSession, tmp_path: Path) -> None:
    lines = "".join(f'{{"n": {i}, "s": "{"x" * (i % 50)}"}}\n' for i in range(210))
    write(tmp_path, {"t.jsonl": lines})
    assert all(row["in:n"] == row["_row"] for row in open_table(spark, str(tmp_path / "t.jsonl")).frame.collect())
    spark.range(90).coalesce(1).selectExpr("id AS n").write.parquet(str(tmp_path / "p"))
    assert all(row["in:n"] == row["_row"] for row in open_table(spark, str(tmp_path / "p")).frame.collect())


def test_columns_are_found_whatever_their_case_and_spaces(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, {"t.csv": "Emotion, Pixels , Usage\n0,1 2,Training\n"})
    table = open_table(spark, str(tmp_path / "t.csv"))
    label = table.column("", ("label", "emotion"), "--label-column")
    named = table.column("USAGE", (), "--split-column")
    assert label is not None
    assert named is not None
    assert [tuple(row) for row in table.frame.select(label, named).collect()] == [("0", "Training")]
    assert table.column("", ("person",), "--group-column") is None


def test_a_wrong_column_lists_what_there_is(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, {"t.csv": "image,emotion\na.jpg,sad\n"})
    table = open_table(spark, str(tmp_path / "t.csv"))
    with pytest.raises(
        SourceError, match=r"no column 'emotoin' \(did you mean emotion\?\); the table has: image, emotion"
    ):
        table.column("emotoin", (), "--label-column")
    with pytest.raises(SourceError, match=r"none of pixels is a column; .* Name it with --x"):
        table.column("", ("pixels",), "--x", required=True)


def test_of_a_table_that_spreads_pixels_over_thousands_the_first_columns_are_listed(
    spark: SparkSession, tmp_path: Path
) -> None:
    names = [f"pixel{number}" for number in range(2304)]
    write(tmp_path, {"t.csv": ",".join(names) + "\n" + ",".join("0" for _ in names) + "\n"})
    with pytest.raises(SourceError) as error:
        open_table(spark, str(tmp_path / "t.csv")).column("", ("label",), "--label-column", required=True)
    assert "pixel0, pixel1, " in str(error.value)
    assert " and 2,274 more. Name it with --label-column" in str(error.value)
    assert len(str(error.value)) < 500


def test_other_formats_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, {"t.xlsx": "x", "mixed/a.csv": "x", "mixed/b.jsonl": "{}", "bad.parquet": "no parquet at all"})
    with pytest.raises(SourceError, match="no known format"):
        open_table(spark, str(tmp_path / "t.xlsx"))
    with pytest.raises(SourceError, match="csv and json"):
        open_table(spark, str(tmp_path / "mixed"))
    with pytest.raises(SourceError, match=r"--votes .* cannot be opened as parquet"):
        open_table(spark, str(tmp_path / "bad.parquet"), "--votes")


def test_the_digest_is_of_names_and_sizes(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, {"a/t.csv": "number\n1\n", "b/t.csv": "number\n2\n", "c/t.csv": "number\n22\n"})
    one, same, longer = (open_table(spark, str(tmp_path / name / "t.csv")).digest() for name in "abc")
    assert one == same
    assert one != longer


def test_files_of_one_table_must_agree_on_their_columns(spark: SparkSession, tmp_path: Path) -> None:
    first = "\ufeffpath,valence,arousal\r\na.jpg,0.5,-0.5\r\n"
    write(tmp_path / "swapped", {"a.csv": first, "b.csv": "path,arousal,valence\nb.jpg,-0.5,0.5\n"})
    with pytest.raises(SourceError, match=r"b\.csv has the columns path, arousal, valence, .*a\.csv has"):
        open_table(spark, str(tmp_path / "swapped"))
    write(tmp_path / "fine", {"a.csv": first, "b.csv": '"Path", valence\nb.jpg,0.1\n', "none.csv": ""})
    rows = open_table(spark, str(tmp_path / "fine")).frame.collect()
    assert sorted((row["in:path"], row["in:arousal"]) for row in rows) == [("a.jpg", "-0.5"), ("b.jpg", None)]


TABLE = [{"image": "é a.jpg", "emotion": "sad"}, {"image": "x, y.jpg", "emotion": "happy"}] * 20


@pytest.mark.parametrize(
    ("sign", "encoding"),
    [(",", "utf-16"), (";", "utf-8"), (";", "cp1252"), ("\t", "utf-16"), ("\t", "utf-16-be"), ("|", "utf-8-sig")],
)
def test_tables_of_any_dialect_are_read(spark: SparkSession, tmp_path: Path, sign: str, encoding: str) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["image", "emotion"], delimiter=sign)
    writer.writeheader()
    writer.writerows(TABLE)
    write(tmp_path, {"t.csv": text.getvalue().encode(encoding)})
    rows = open_table(spark, str(tmp_path / "t.csv")).frame.orderBy("_row").collect()
    assert [{"image": row["in:image"], "emotion": row["in:emotion"]} for row in rows] == TABLE
    assert [row["_row"] for row in rows] == list(range(len(TABLE)))
    assert table_columns(spark, str(tmp_path / "t.csv")) == ["image", "emotion"]


@pytest.mark.parametrize(("indent", "encoding"), [(None, "utf-8"), (2, "utf-8-sig"), (2, "utf-16")])
def test_a_json_array_is_read(spark: SparkSession, tmp_path: Path, indent: int | None, encoding: str) -> None:
    write(tmp_path, {"t.json": json.dumps(TABLE, indent=indent, ensure_ascii=False).encode(encoding)})
    table = open_table(spark, str(tmp_path / "t.json"))
    rows = table.frame.orderBy("_row").collect()
    assert [{"image": row["in:image"], "emotion": row["in:emotion"]} for row in rows] == TABLE
    assert [row["_row"] for row in rows] == list(range(len(TABLE)))


def test_what_is_no_table_is_said(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, {"no.json": "x\ny\n", "list.txt": "train_1.jpg 5\ntrain_2.jpg 3\n", "mixed/a.csv": "a,b\n1,2\n"})
    write(tmp_path, {"mixed/b.csv": "a,c\n1,2\n", "t.jsonl": '{"image": {"path": "a.jpg"}, "label": 1}\n'})
    with pytest.raises(SourceError, match="no line of it is an object"):
        open_table(spark, str(tmp_path / "no.json"))
    with pytest.raises(SourceError, match="it is a row, and a table needs a first line"):
        open_table(spark, str(tmp_path / "list.txt"))
    with pytest.raises(SourceError, match="the same columns in the same order"):
        open_table(spark, str(tmp_path / "mixed"))
    nested = open_table(spark, str(tmp_path / "t.jsonl"))
    assert nested.column("", ("image",), "--path-column") is None
    with pytest.raises(SourceError, match=r"expected text or numbers: one of image\.path"):
        nested.column("image", (), "--path-column")
