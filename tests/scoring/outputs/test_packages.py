"""Tables that deltalake and pyiceberg commit to: each batch once, read by others; what would be misread is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from fer_spark.artifacts import Storage
from fer_spark.rows import Column, Table
from fer_spark.scoring.figures import Figures
from fer_spark.scoring.ledger import Entry, Key, Ledger
from fer_spark.scoring.outputs.backend import in_spark
from fer_spark.scoring.outputs.catalog import FORMATS
from fer_spark.scoring.outputs.tables import Tables
from fer_spark.tables.errors import CommitError, OutputError
from tests.scoring.outputs.places import Reader, place, reader_of
from tests.tables.duckdb import duckdb_rows

COLUMNS = Table("SHORT", (Column("path", "string", "which"), Column("batch", "int", "when")))
KEY = Key("model", "preparation")
FORMS = pytest.mark.parametrize("form", ["delta", "iceberg"])


class Night:
    """One table, its ledger, and commits to it."""

    def __init__(self, spark: SparkSession, form: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.spark, self.form, self.name = spark, form, place(spark, form, folder, monkeypatch)
        if in_spark(spark, form):
            pytest.skip(f"this Spark knows {form} itself")
        self.books = Storage(spark, str(folder / "books") if FORMATS[form].named else self.name)
        self.ledger = Ledger(Storage(spark, str(folder / "ledger")))

    def open(self) -> Tables:
        scores = FORMATS[self.form](self.spark, self.name, self.books, COLUMNS)
        assert isinstance(scores, Tables)
        return scores

    def append(self, batch: int, *paths: str) -> None:
        rows = self.spark.createDataFrame([(path, batch) for path in paths], COLUMNS.spark_schema)
        self.open().append(rows, batch, f"batch-{batch:06d}-{paths[0]}")

    def enter(self, batch: int) -> None:
        """In the ledger."""
        self.ledger.commit(Entry(batch, KEY, [], "seen", Figures()))

    @property
    def reader(self) -> Reader:
        return reader_of(self.spark, self.form, self.name)

    def paths(self) -> list[str]:
        """As a program sees them that knows nothing of us, and as we do."""
        theirs = sorted(row["path"] for row in self.reader.rows())
        ours = self.open().read(self.spark, self.books.root, {"output": self.name}, COLUMNS).collect()
        assert sorted(row["path"] for row in ours) == theirs
        return theirs

    def files(self, folder: Path) -> set[str]:
        """Folders of data, whether a commit names them or not."""
        return {path.parent.name for path in folder.rglob("part-*.parquet")}


@pytest.fixture
def night(spark: SparkSession, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    return Night(spark, form, tmp_path, monkeypatch)


@pytest.mark.table
@FORMS
def test_a_run_that_comes_late_commits_nothing_and_its_files_stay_unseen(night: Night, tmp_path: Path) -> None:
    night.append(1, "a", "b")
    night.enter(1)
    night.ledger.fence(KEY)  # batch 2 was another run's, taken for dead
    night.open().drop_uncommitted(night.ledger)
    with pytest.raises(CommitError, match="another run has committed batch 2"):
        night.append(2, "late")
    night.append(3, "c")
    with pytest.raises(CommitError, match="another run has committed batch 3"):
        night.append(3, "again")
    assert night.paths() == ["a", "b", "c"]
    assert {"batch-000002-late", "batch-000003-again"} < night.files(tmp_path)


@pytest.mark.table
@pytest.mark.parametrize("fenced", [False, True])
@FORMS
def test_of_two_runs_that_commit_a_batch_in_the_same_moment_one_succeeds(
    night: Night, monkeypatch: pytest.MonkeyPatch, fenced: bool
) -> None:
    """Or none, where the other has but taken the number."""
    night.append(1, "a")
    kind, others = type(night.open().backend), list[str]()
    real = kind._check_number

    def overtaken(self: Any, opened: Any, batch: int) -> None:
        real(self, opened, batch)
        if others:
            return
        others.append("first")
        if fenced:
            night.open().backend.fence(2)
        else:
            night.append(2, *others)

    monkeypatch.setattr(kind, "_check_number", overtaken)
    with pytest.raises(CommitError, match="the next run"):
        night.append(2, "second")
    assert night.paths() == (["a"] if fenced else ["a", "first"])


@pytest.mark.table
@FORMS
def test_a_batch_is_dropped_out_of_files_that_others_have_merged(night: Night) -> None:
    for batch, path in enumerate("abc", start=1):
        night.append(batch, path)
    night.enter(1)
    night.enter(2)
    if night.form == "delta":
        night.reader.open().optimize.compact()
    else:
        opened = night.reader.open()
        opened.overwrite(opened.scan().to_arrow())
    assert night.paths() == ["a", "b", "c"]
    night.open().drop_uncommitted(night.ledger)
    assert night.paths() == ["a", "b"]
    night.append(4, "d")
    assert night.paths() == ["a", "b", "d"]


@pytest.mark.table
@FORMS
def test_duckdb_reads_the_table(night: Night) -> None:
    night.append(1, "a", "b")
    night.append(2, "c")
    where = night.name if night.form == "delta" else night.reader.open().metadata_location
    rows = sorted(duckdb_rows(night.form, where).to_pylist(), key=lambda row: str(row["path"]))
    assert [(row["path"], row["batch"]) for row in rows] == [("a", 1), ("b", 1), ("c", 2)]


@pytest.mark.table
@pytest.mark.parametrize("form", ["delta"])
def test_delta_tables_that_would_be_misread_are_refused(night: Night, tmp_path: Path) -> None:
    import pyarrow as pa
    from deltalake import DeltaTable, write_deltalake

    rows = pa.table({"path": ["a"], "batch": pa.array([1], pa.int32())})
    write_deltalake(str(tmp_path / "parts"), rows, partition_by=["batch"])
    write_deltalake(str(tmp_path / "deleting"), rows, configuration={"delta.enableDeletionVectors": "true"})
    write_deltalake(str(tmp_path / "early"), rows)
    DeltaTable(str(tmp_path / "early")).alter.add_constraint({"early": "batch < 2"})
    for name, words in (
        ("parts", "it is partitioned"),
        ("deleting", "a reader of version 3"),
        ("early", "a reader of version 1 and a writer of [37]"),
        ("50%41", "deltalake takes no % in a path"),
    ):
        place = str(tmp_path / name)
        with pytest.raises(OutputError, match=words):
            FORMATS["delta"](night.spark, place, Storage(night.spark, place), COLUMNS).check_columns()


@pytest.mark.table
@pytest.mark.parametrize("form", ["iceberg"])
def test_iceberg_tables_that_would_be_misread_are_refused_and_catalogs_that_are_not_there(
    night: Night, tmp_path: Path
) -> None:
    night.append(1, "a")
    opened = night.reader.open()
    with opened.update_schema() as update:
        update.rename_column("path", "name")
    with pytest.raises(OutputError, match="a column has been renamed, or dropped and added again"):
        night.open().check_columns()
    with opened.update_spec() as update:
        update.add_identity("batch")
    with pytest.raises(OutputError, match="it is partitioned"):
        night.open().check_columns()
    for name, words in (
        ("nowhere.faces.scores", "cannot open a catalog named nowhere .*PYICEBERG_CATALOG__NOWHERE__URI"),
        ("scores", "expected CATALOG.NAMESPACE.TABLE"),
    ):
        with pytest.raises(OutputError, match=words):
            FORMATS["iceberg"](night.spark, name, night.books, COLUMNS).check_columns()
