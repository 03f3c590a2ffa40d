"""Scores in tables that keep their own books, on a Spark that knows them; without their packages these tests skip.

Neither Delta nor Iceberg has a release for the lock's Spark 4.3 (CONTRIBUTING: What was run where). To run them on
4.1.2, with a catalog named lake for Iceberg:

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
from pyspark.sql import DataFrame, SparkSession

from fer_spark.cli.commands.report import main as report
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
from tests.scoring.outputs.places import place

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

    def frame(self) -> DataFrame:
        if self.form == "iceberg":
            return self.spark.table(self.name)
        return self.spark.read.format(self.form).load(self.name)

    def paths(self) -> list[str]:
        """Paths of the rows that a reader of the table sees."""
        return sorted(row["source_path"] for row in self.frame().select("source_path").collect())

    def commits(self) -> int:
        if self.form == "iceberg":
            return self.spark.table(f"{self.name}.snapshots").count()
        return len(list((Path(self.name) / "_delta_log").glob("*.json")))

    def versions(self) -> list[DataFrame]:
        """The table as it stood after each of its commits, the first one first."""
        if self.form == "iceberg":
            snapshots = self.spark.table(f"{self.name}.snapshots").orderBy("committed_at").collect()
            return [
                self.spark.sql(f"SELECT * FROM {self.name} VERSION AS OF {row['snapshot_id']}") for row in snapshots
            ]
        reader = self.spark.read.format("delta")
        return [reader.option("versionAsOf", number).load(self.name) for number in range(self.commits())]

    def summary(self) -> dict[str, Any]:
        where = self.books if self.form == "iceberg" else Path(self.name)
        return dict(json.loads((where / "_summary.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"), NAMES, views="single")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return lake(tmp_path / "lake", GRAYS)


@pytest.fixture(params=["iceberg", "delta"])
def table(request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path) -> Table:
    form = str(request.param)
    return Table(spark, form, place(spark, form, tmp_path), tmp_path / "books")


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
    scores = str(table.books) if table.form == "iceberg" else table.name
    assert report(["--scores", scores, "--output", str(page)]) == 0
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
    assert table.frame().select("batch").distinct().count() >= 2
    commits = table.commits()
    assert (night()["scored_pictures"], table.commits()) == (0, commits)
    picture(pictures / "new.png", 200)
    done = night()
    assert (done["scored_pictures"], done["unchanged"]) == (1, 5)
    assert table.paths() == sorted([*GRAYS, "new.png"])
    counts = [version.count() for version in table.versions()]
    assert counts[-2:] == [5, 6]  # time travel to the night before
    assert counts == sorted(counts)
    assert {row["source_path"]: row["label"] for row in table.frame().collect()}["a.png"] == NAMES[0]


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
    table: Table, bundle: Path, pictures: Path, spark: SparkSession
) -> None:
    if table.form != "iceberg":
        pytest.skip("Delta drops a column only with column mapping: tests/scoring/outputs has its columns")
    words = [*table.words, "--incremental"]
    assert score(bundle, pictures, table.name, *words) == 0
    spark.sql(f"ALTER TABLE {table.name} DROP COLUMN margin")  # as if an older release had written it
    spark.sql(f"ALTER TABLE {table.name} ADD COLUMNS (mood string)")
    assert read_scores(spark, str(table.books)).where("margin IS NOT NULL").isEmpty()
    picture(pictures / "new.png", 200)
    assert score(bundle, pictures, table.name, *words) == 0
    rows = {row["source_path"]: row for row in table.frame().collect()}
    assert rows.keys() == {*GRAYS, "new.png"}
    assert {name for name, row in rows.items() if row["margin"] is not None} == {"new.png"}
    assert {row["mood"] for row in rows.values()} == {None}
