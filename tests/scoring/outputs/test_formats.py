"""Each output format takes commits and gives the rows back, also where an older or a newer release wrote before.

The formats of tables need their classes: tests/pipelines/score/test_tables.py says how to give them to Spark.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from fer_spark.artifacts import Storage
from fer_spark.rows import Column, Table
from fer_spark.scoring import outputs
from fer_spark.scoring.outputs.catalog import FORMATS
from fer_spark.scoring.outputs.format import Format
from fer_spark.scoring.outputs.read import read_scores
from fer_spark.scoring.outputs.tables import check_fits, completed, fitted, missing_columns
from fer_spark.scoring.settings import ScoreSettings
from fer_spark.tables.errors import OutputError
from tests.scoring.outputs.places import place, reader_of

PATH, BATCH = Column("path", "string", "which"), Column("batch", "int", "when")
SHADE, TILT = Column("shade", "double", "how dark"), Column("tilt", "map<string,float>", "how far")
OLDER = Table("OLDER", (PATH, SHADE, BATCH))
NEWER = Table("NEWER", (PATH, TILT, BATCH))
EVERY = [pytest.param(form, marks=pytest.mark.table if kind.package else ()) for form, kind in FORMATS.items()]


def frame(spark: SparkSession, columns: Table, *rows: tuple[Any, ...]) -> DataFrame:
    return spark.createDataFrame(list(rows), columns.spark_schema)


def opened(spark: SparkSession, form: str, folder: Path, name: str, columns: Table) -> Format:
    kind = FORMATS[form]
    return kind(spark, name, Storage(spark, str(folder / "books") if kind.named else name), columns)


def everything(spark: SparkSession, scores: Format) -> list[dict[str, Any]]:
    """All rows with all columns that any of them has, as a reader sees them who knows nothing of us."""
    return sorted(reader_of(spark, scores.form, scores.name).rows(), key=lambda row: str(row["path"]))


@pytest.mark.parametrize("form", EVERY)
def test_a_newer_release_adds_its_column_and_keeps_one_that_is_no_more(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    name = place(spark, form, tmp_path, monkeypatch)
    older, newer = (opened(spark, form, tmp_path, name, columns) for columns in (OLDER, NEWER))
    files = older.append(frame(spark, OLDER, ("a", 0.5, 1), ("b", 0.25, 1)), 1, "batch-000001")
    newer.check_columns()
    before = newer.read(spark, name, {"files": files, "output": name}, NEWER)
    assert {row["tilt"] for row in before.collect()} == {None}
    files += newer.append(frame(spark, NEWER, ("c", {"x": 0.75}, 2)), 2, "batch-000002")
    shown = {(row["path"], row["shade"], str(row["tilt"]), row["batch"]) for row in everything(spark, newer)}
    assert {row[:2] for row in shown} == {("a", 0.5), ("b", 0.25), ("c", None)}
    assert [row[3] for row in sorted(shown)] == [1, 1, 2]
    read = newer.read(spark, name, {"files": files, "output": name}, NEWER).select(NEWER.names)
    assert {row["path"]: row["tilt"] for row in read.collect()} == {"a": None, "b": None, "c": {"x": 0.75}}
    older.append(frame(spark, OLDER, ("d", 1.0, 3)), 3, "batch-000003")  # nor does going back to it lose anything
    assert {row["path"]: row["shade"] for row in everything(spark, newer)} == {"a": 0.5, "b": 0.25, "c": None, "d": 1}


@pytest.mark.parametrize("form", EVERY)
def test_a_single_run_is_replaced_by_one_with_other_columns(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    name = place(spark, form, tmp_path, monkeypatch)
    older, newer = (opened(spark, form, tmp_path, name, columns) for columns in (OLDER, NEWER))
    older.check_free(published=False, overwrite=False)
    assert not older.occupied()
    older.replace(frame(spark, OLDER, ("a", 0.5, 0)), 1, "scores-one")
    assert newer.occupied()
    with pytest.raises(OutputError, match="--overwrite replaces them"):
        newer.check_free(published=True, overwrite=False)
    newer.check_free(published=True, overwrite=True)
    newer.drop_replaced(newer.replace(frame(spark, NEWER, ("b", {"x": 1.0}, 0)), 1, "scores-two"))
    assert [(row["path"], row.get("shade")) for row in everything(spark, newer)] == [("b", None)]


def test_columns_that_a_table_lacks_are_found_and_those_that_we_lack_are_null(spark: SparkSession) -> None:
    standing = StructType.fromDDL("PATH string, shade double, batch int, mood array<string>")
    assert missing_columns(NEWER, standing) == [TILT]  # Spark's names know no case
    rows = fitted(frame(spark, NEWER, ("c", {"x": 0.5}, 2)), NEWER, standing)
    assert rows.schema.simpleString() == (
        "struct<path:string,tilt:map<string,float>,batch:int,shade:double,mood:array<string>>"
    )
    assert rows.collect()[0].asDict() == {"path": "c", "tilt": {"x": 0.5}, "batch": 2, "shade": None, "mood": None}
    whole = completed(frame(spark, OLDER, ("a", 0.5, 1)), NEWER)
    assert whole.collect()[0].asDict() == {"path": "a", "shade": 0.5, "batch": 1, "tilt": None}


@pytest.mark.parametrize(
    ("ddl", "words"),
    [
        ("path string, batch bigint", "lake.t: column batch is bigint, expected int: write to another --output"),
        ("path string, mood string NOT NULL", "column mood takes no null, and this release does not write it"),
    ],
)
def test_a_table_that_cannot_take_our_rows_is_refused_before_the_work(ddl: str, words: str) -> None:
    check_fits("lake.t", NEWER, StructType.fromDDL("path string NOT NULL, tilt map<string,float>, shade double"))
    with pytest.raises(OutputError, match=words):
        check_fits("lake.t", NEWER, StructType.fromDDL(ddl))


def test_a_format_is_one_class_that_the_catalog_lists_and_the_flag_offers() -> None:
    names = [f"{outputs.__name__}.{module.name}" for module in pkgutil.iter_modules(outputs.__path__)]
    classes = {kind for name in names for kind in vars(importlib.import_module(name)).values() if inspect.isclass(kind)}
    whole = {
        kind for kind in classes if issubclass(kind, Format) and not inspect.isabstract(kind) and "form" in dir(kind)
    }
    assert whole == set(FORMATS.values())
    field = ScoreSettings.__dataclass_fields__["format"]
    assert field.metadata["choices"] == tuple(FORMATS)
    assert field.default in FORMATS


def test_a_format_of_a_later_release_is_named_with_those_that_this_one_knows(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "_summary.json").write_text('{"format": "lance", "files": [], "figures": {}}', encoding="utf-8")
    with pytest.raises(OutputError, match="format 'lance', this release knows parquet, json, delta, iceberg"):
        read_scores(spark, str(tmp_path))
