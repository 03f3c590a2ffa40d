"""build-shards --format delta and iceberg: drawn pictures, read by others; runs that break off before the commit."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pyspark.sql import SparkSession

from fer_spark.sample import write_folder
from fer_spark.shards.tables.content import Content, ShardTable
from fer_spark.shards.tables.delta import DeltaShards
from fer_spark.shards.tables.iceberg import IcebergShards
from fer_spark.shards.tables.open import ShardTables
from fer_spark.tables.delta import DeltaPlace
from fer_spark.tables.errors import CommitError
from fer_spark.tables.iceberg import IcebergPlace
from tests.pipelines.build.builds import build, manifest, quarantine, shards
from tests.shards.tables.tables import NAME, PACKAGES, Others
from tests.tables.catalogs import catalog_in

pytestmark = pytest.mark.table
COUNT = 60
FLAGS: dict[str, Any] = {"source": "folder", "detector": "none", "size": ["48:gray", "64:rgb:png"]}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("drawn") / "pictures"
    write_folder(directory, COUNT, seed=5, broken_fraction=0.1)
    return directory


@pytest.fixture(scope="module")
def built(spark: SparkSession, drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parquet alone, and its manifest."""
    output = tmp_path_factory.mktemp("built") / "shards"
    assert build(output, input=drawn, **FLAGS) == 0
    return output


class World:
    """Pictures, and shards of them that are a table too."""

    def __init__(self, form: str, pictures: Path, output: Path) -> None:
        self.form, self.pictures, self.output = form, pictures, output
        self.faces = Others(form, self.output)
        self.quarantine = Others(form, self.output, "_quarantine", f"{NAME}_quarantine")
        self.words = {"format": form} | ({"table": NAME} if form == "iceberg" else {})

    @property
    def new(self) -> Path:
        """A picture that is not there yet, in the folder of a class."""
        return self.pictures / "happy" / "new.png"

    def add(self) -> None:
        """It is unlike the others."""
        cv2.imwrite(str(self.new), np.random.default_rng(1).integers(0, 256, (60, 60), np.uint8))

    def table(self) -> ShardTable:
        """Any of its kind."""
        return DeltaShards(DeltaPlace("", "")) if self.form == "delta" else IcebergShards(IcebergPlace(""), "")

    def build(self, on_existing: str) -> int:
        return build(self.output, input=self.pictures, on_existing=on_existing, **self.words, **FLAGS)

    def commits(self) -> tuple[int, int]:
        return self.faces.commits(), self.quarantine.commits()

    def check(self) -> None:
        """What others read is what the manifest lists."""
        own = shards(self.output).to_pylist()
        assert sorted(self.faces.rows().to_pylist(), key=lambda row: row["face_id"]) == own
        assert sorted(self.quarantine.rows().to_pylist(), key=lambda row: row["source_path"]) == quarantine(self.output)
        listed = {str(self.output / file["path"]) for file in manifest(self.output)["files"]}
        assert self.faces.places() == listed == {str(path) for path in self.output.glob("split=*/*.parquet")}


@pytest.fixture(params=["delta", "iceberg"])
def world(
    request: pytest.FixtureRequest, drawn: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """Shards that are Parquet alone so far. Skips where the package is not installed."""
    form = str(request.param)
    pytest.importorskip(PACKAGES[form])
    if form == "iceberg":
        catalog_in(tmp_path / "catalog", monkeypatch)
    world = World(form, drawn, tmp_path / "shards")
    shutil.copytree(built, world.output)
    yield world
    world.new.unlink(missing_ok=True)


class Killed(BaseException):
    """No code of ours catches it."""


def dies(self: Any, *arguments: Any) -> Any:
    raise Killed


def test_finished_shards_become_a_table_without_a_copy_and_stay_one(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_ino for path in world.output.rglob("*.parquet")}
    assert world.build("resume") == 0
    world.check()
    assert len(shards(world.output)) + len(quarantine(world.output)) == COUNT
    assert len(quarantine(world.output)) > 0
    assert {path: path.stat().st_ino for path in world.output.rglob("*.parquet")} == before
    noted = manifest(world.output)
    assert world.build("resume") == 0
    assert world.commits() == (1, 1)
    assert "Nothing to do" in capsys.readouterr().out
    assert manifest(world.output) == noted
    for on_existing in ("append", "overwrite"):  # which would leave the table behind
        assert build(world.output, input=world.pictures, on_existing=on_existing, **FLAGS) == 2
        assert f"are a table too, which has to follow them: add --format {world.form}" in capsys.readouterr().err


def test_duckdb_reads_both_tables(world: World) -> None:
    assert world.build("resume") == 0
    rows = world.faces.duckdb_rows()
    assert sorted(rows.to_pylist(), key=lambda row: row["face_id"]) == shards(world.output).to_pylist()
    refused = world.quarantine.duckdb_rows().to_pylist()
    assert sorted(refused, key=lambda row: row["source_path"]) == quarantine(world.output)


def test_a_rebuild_killed_before_its_commit_is_committed_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.build("resume") == 0
    before = shards(world.output)
    world.add()
    with monkeypatch.context() as patch:
        patch.setattr(ShardTables, "commit", dies)
        with pytest.raises(Killed):
            world.build("overwrite")
    published = manifest(world.output)
    assert published["counts"]["written_faces"] == len(before) + 1
    assert world.commits() == (1, 1)
    assert world.faces.rows().num_rows == len(before)  # the former files are there until the table names others
    assert world.build("resume") == 0
    world.check()
    assert world.commits() == (2, 2)
    assert manifest(world.output) == published
    assert world.build("resume") == 0
    assert world.commits() == (2, 2)


def test_an_append_killed_between_its_commits_loses_and_doubles_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.build("resume") == 0
    faces = len(shards(world.output))
    world.add()
    kind = type(world.table())
    real = kind.commit

    def refuses(self: ShardTable, content: Content) -> set[str]:
        if not content.by_split:
            raise CommitError("the store is away")
        return real(self, content)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "commit", refuses)
        assert world.build("append") == 1
    assert "the store is away" in capsys.readouterr().err
    assert world.commits() == (2, 1)
    assert world.build("fail") == 2  # whatever the next run is for, it ends the one before it first
    assert f"{faces + 1} faces are there already" in capsys.readouterr().err
    assert world.commits() == (2, 2)
    world.check()
    assert world.faces.counts() == [faces, faces + 1]  # the version before, too
    assert world.quarantine.rows().num_rows == COUNT - faces
