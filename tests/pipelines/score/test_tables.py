"""Scores in tables that keep their own books: by Python packages, or by Spark where it knows them, else they skip.

Neither Delta nor Iceberg has a release for the lock's Spark 4.3 (CONTRIBUTING: What was run where). To run them by
Spark, on 4.1.2, with a catalog named lake for Iceberg:

    pip install pyspark==4.1.2
    PYSPARK_SUBMIT_ARGS="--packages io.delta:delta-spark_4.1_2.13:4.4.0,$ICEBERG
        --conf spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension
        --conf spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog
        --conf spark.sql.catalog.lake=org.apache.iceberg.spark.SparkCatalog --conf spark.sql.catalog.lake.type=hadoop
        --conf spark.sql.catalog.lake.warehouse=/tmp/lake pyspark-shell" make test-long GROUP=table

    ICEBERG=org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.12.0
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from fer_spark.artifacts import Storage
from fer_spark.cli.commands.report import main as report
from fer_spark.rows import SCORE
from fer_spark.rows import Table as Columns
from fer_spark.scoring.outputs.catalog import FORMATS
from fer_spark.scoring.outputs.read import read_scores
from tests.pipelines.evaluate.evaluations import write_bundle
from tests.pipelines.score.worlds import (
    BRIGHT,
    DARK,
    MIDDLE,
    NAMES,
    both_hold_the_lease,
    dies_at_the_second_commit,
    lake,
    picture,
    score,
)
from tests.scoring.outputs.places import Reader, place, reader_of

GRAYS = {"a.png": DARK, "b.png": MIDDLE, "c/d.png": BRIGHT, "c/e.png": 60, "f.png": 90}


@dataclass(frozen=True)
class Table:
    """One output, and the words that name it."""

    spark: SparkSession
    form: str
    name: str
    books: Path

    @property
    def words(self) -> list[str]:
        return ["--format", self.form, "--checkpoint", str(self.books)]

    @property
    def place(self) -> str:
        """Where the summary lies."""
        return str(self.books) if self.form == "iceberg" else self.name

    @property
    def reader(self) -> Reader:
        return reader_of(self.spark, self.form, self.name)

    def paths(self) -> list[str]:
        """Paths of the rows that a reader of the table sees."""
        return sorted(row["source_path"] for row in self.reader.rows())

    def summary(self) -> dict[str, Any]:
        return dict(json.loads((Path(self.place) / "_summary.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"), NAMES, views="single")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return lake(tmp_path / "lake", GRAYS)


@pytest.fixture(params=["iceberg", "delta"])
def table(
    request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Table:
    form = str(request.param)
    return Table(spark, form, place(spark, form, tmp_path, monkeypatch), tmp_path / "books")


@pytest.mark.table
def test_a_whole_run_replaces_what_is_there_and_the_report_reads_it(
    table: Table, bundle: Path, pictures: Path, tmp_path: Path
) -> None:
    words = table.words if table.form == "iceberg" else table.words[:2]
    assert score(bundle, pictures, table.name, *words) == 0
    assert table.paths() == sorted(GRAYS)
    assert score(bundle, pictures, table.name, *words) != 0  # scores are there
    (pictures / "a.png").unlink()
    assert score(bundle, pictures, table.name, *words, "--overwrite") == 0
    assert table.paths() == sorted(set(GRAYS) - {"a.png"})
    page = tmp_path / "page.html"
    assert report(["--scores", table.place, "--output", str(page)]) == 0
    assert "c/d.png" in page.read_text(encoding="utf-8")


@pytest.mark.table
def test_nights_add_what_is_new_and_an_unchanged_night_commits_nothing(
    table: Table, bundle: Path, pictures: Path
) -> None:
    def night() -> dict[str, Any]:
        assert score(bundle, pictures, table.name, *table.words, "--incremental", "--chunk-images", "2") == 0
        return table.summary()

    assert night()["scored_pictures"] == 5
    assert table.paths() == sorted(GRAYS)
    assert len({row["batch"] for row in table.reader.rows()}) >= 2
    counts = table.reader.counts()
    assert (night()["scored_pictures"], table.reader.counts()) == (0, counts)
    picture(pictures / "new.png", 200)
    done = night()
    assert (done["scored_pictures"], done["unchanged"]) == (1, 5)
    assert table.paths() == sorted([*GRAYS, "new.png"])
    counts = table.reader.counts()
    assert counts[-2:] == [5, 6]  # time travel to the night before
    assert counts == sorted(counts)
    assert {row["source_path"]: row["label"] for row in table.reader.rows()}["a.png"] == NAMES[0]


@pytest.mark.table
@pytest.mark.parametrize("moment", ["before the entry", "after the entry"])
def test_rows_of_a_commit_that_the_ledger_never_heard_of_are_removed(
    table: Table, bundle: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    words = [*table.words, "--incremental", "--chunk-images", "2"]
    with dies_at_the_second_commit(monkeypatch, moment):
        score(bundle, pictures, table.name, *words)
    there = table.paths()
    assert 0 < len(there) < 5
    assert score(bundle, pictures, table.name, *words) == 0
    assert table.paths() == sorted(GRAYS)
    assert 0 < table.summary()["unchanged"] < 5


@pytest.mark.table
@pytest.mark.parametrize("moment", ["before anything is written", "before the entry"])
def test_two_runs_that_both_hold_the_lease_double_nothing(
    table: Table, bundle: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    words = [*table.words, "--incremental"]
    with both_hold_the_lease(monkeypatch, moment, lambda: score(bundle, pictures, table.name, *words)) as codes:
        codes.append(score(bundle, pictures, table.name, *words))
    assert codes == [0, 1]
    assert table.paths() == sorted(GRAYS)
    assert score(bundle, pictures, table.name, *words) == 0
    assert table.paths() == sorted(GRAYS)


@pytest.mark.table
def test_a_table_of_another_release_gets_its_new_columns_and_keeps_those_that_are_no_more(
    table: Table, bundle: Path, pictures: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Older(FORMATS[table.form]):
        """A release without the column margin."""

        def __init__(self, spark: SparkSession, name: str, books: Storage) -> None:
            columns = tuple(column for column in SCORE.columns if column.name != "margin")
            super().__init__(spark, name, books, Columns("OLDER", columns))

    words = [*table.words, "--incremental"]
    with monkeypatch.context() as patched:
        patched.setitem(FORMATS, table.form, Older)
        assert score(bundle, pictures, table.name, *words) == 0
    table.reader.add_column("mood")
    assert read_scores(spark, table.place).where("margin IS NOT NULL").isEmpty()
    picture(pictures / "new.png", 200)
    assert score(bundle, pictures, table.name, *words) == 0
    rows = {row["source_path"]: row for row in table.reader.rows()}
    assert rows.keys() == {*GRAYS, "new.png"}
    assert {name for name, row in rows.items() if row["margin"] is not None} == {"new.png"}
    assert {row["mood"] for row in rows.values()} == {None}
