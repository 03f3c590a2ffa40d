"""Shards committed to Delta and Iceberg: the same files, each state once, in one commit; others read what they hold."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fer_spark.rows import Column
from fer_spark.shards import settings
from fer_spark.shards.manifest import ImageColumn, Manifest
from fer_spark.shards.settings import ShardSettings
from fer_spark.shards.tables.content import ShardTable, TableFile, faces_of, quarantine_of
from fer_spark.shards.tables.delta import DeltaShards
from fer_spark.shards.tables.iceberg import IcebergShards
from fer_spark.tables.delta import DeltaPlace
from fer_spark.tables.errors import CommitError, OutputError
from fer_spark.tables.iceberg import IcebergPlace
from tests.shards.small_shards import GRAY, write_shards
from tests.shards.tables.tables import NAME, Others, faces_table

GROUPS = {"train": [[5, 3], [4]], "val": [[2]]}


@pytest.fixture(params=["delta", pytest.param("iceberg", marks=pytest.mark.table)])  # pyiceberg loads for seconds
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "shards of é"


@pytest.fixture
def table(form: str, output: Path, monkeypatch: pytest.MonkeyPatch) -> ShardTable:
    return faces_table(form, output, monkeypatch)


def own_rows(output: Path, manifest: Manifest) -> list[dict[str, Any]]:
    """What the files hold, `split` from the manifest."""
    rows = []
    for file in manifest.files:
        rows += [
            row | {"split": file.split} for row in pq.read_table(output / file.path, partitioning=None).to_pylist()
        ]
    return in_order(rows)


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["split"], row["face_id"]))


def less(manifest: Manifest, number: int) -> Manifest:
    """Without one of its files."""
    return replace(manifest, files=manifest.files[:number] + manifest.files[number + 1 :])


def test_others_read_the_rows_of_the_very_files(form: str, table: ShardTable, output: Path) -> None:
    manifest = write_shards(output, GROUPS, run={"job": "0123456789abcdef"})
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*.parquet")}
    table.check()
    assert table.commit(faces_of(manifest)) == set()
    others = Others(form, output)
    found = others.rows()
    assert in_order(found.to_pylist()) == own_rows(output, manifest)
    assert len(found) == 14
    assert found.schema.field("image_6_gray").type in (pa.binary(), pa.large_binary())
    assert others.places() == {str(path) for path in before}
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*.parquet")} == before
    assert others.about()["fer_spark.job"] == "0123456789abcdef"
    assert others.about()["fer_spark.checksum"] == manifest.checksum


def test_a_state_is_committed_once_and_an_added_file_leaves_the_former_readable(
    form: str, table: ShardTable, output: Path
) -> None:
    manifest, others = write_shards(output, GROUPS), Others(form, output)
    for _ in range(2):
        table.commit(faces_of(less(manifest, 1)))
        assert others.commits() == 1
    for _ in range(2):
        assert table.commit(faces_of(manifest)) == set()
        assert others.counts() == [10, 14]


def test_a_rebuild_of_other_pixels_takes_one_commit_and_names_what_it_replaced(
    form: str, table: ShardTable, output: Path
) -> None:
    first = write_shards(output, GROUPS)
    table.commit(faces_of(first))
    wide = ImageColumn(replace(GRAY.pixels, column="image_7_gray"), [0.5], [0.25])
    second = write_shards(output, {"test": [[6], [1]]}, {"image_7_gray": wide})
    assert table.commit(faces_of(second)) == {file.path for file in first.files}
    others = Others(form, output)
    assert in_order(others.rows().to_pylist()) == own_rows(output, second)
    assert len(second.files) == 2
    assert "image_6_gray" not in others.rows().column_names
    assert others.counts() == [14, 7]
    third = write_shards(output, {"val": [[3]]})
    table.commit(faces_of(third))
    assert in_order(others.rows().to_pylist()) == own_rows(output, third)


def test_files_that_go_are_named_and_those_that_stay_are_kept(form: str, table: ShardTable, output: Path) -> None:
    manifest = write_shards(output, GROUPS)
    table.commit(faces_of(less(manifest, 0)))
    assert table.commit(faces_of(less(manifest, 1))) == {manifest.files[1].path}
    assert Others(form, output).places() == {str(output / manifest.files[i].path) for i in (0, 2)}
    assert Others(form, output).counts()[-1] == 10


def test_files_of_an_older_release_have_null_in_a_column_that_is_new(
    form: str, table: ShardTable, output: Path
) -> None:
    manifest = write_shards(output, GROUPS)
    table.commit(faces_of(less(manifest, 0)))
    content = faces_of(manifest)
    wider = replace(content, columns=content.columns.with_columns("LATER", Column("mood", "array<float>", "new")))
    table.commit(wider)
    others = Others(form, output)
    assert others.rows()["mood"].to_pylist() == [None] * 14
    commits = others.commits()
    table.commit(wider)
    assert others.commits() == commits


def test_of_two_that_commit_in_the_same_moment_the_second_is_refused(
    form: str, table: ShardTable, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_shards(output, GROUPS)
    table.commit(faces_of(less(manifest, 0)))
    real, others = type(table)._open, list[str]()

    def overtaken(self: Any) -> Any:
        opened = real(self)
        if not others:
            others.append("first")
            table.commit(faces_of(manifest))
        return opened

    monkeypatch.setattr(type(table), "_open", overtaken)
    with pytest.raises(CommitError, match="the next run tries again"):
        table.commit(faces_of(manifest))
    assert Others(form, output).counts()[-1] == 14


def test_the_quarantine_is_a_table_without_splits_and_may_be_empty(form: str, table: ShardTable, output: Path) -> None:
    manifest = write_shards(output, GROUPS)
    table.commit(quarantine_of(manifest, []))
    others = Others(form, output)
    assert others.rows().num_rows == 0
    content = quarantine_of(manifest, [])
    rows = pa.Table.from_pylist(
        [{"source_path": "a.png", "split": "val", "reason": "empty"}, {"source_path": "b.png"}],
        content.columns.arrow_schema,
    )
    pq.write_table(rows, output / "bad.parquet")
    file = TableFile("bad.parquet", 2, (output / "bad.parquet").stat().st_size)
    table.commit(replace(content, files=(file,)))
    assert others.rows().to_pylist() == rows.to_pylist()


def test_a_table_of_something_else_is_refused(
    form: str, table: ShardTable, output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if form == "delta":
        from deltalake import write_deltalake

        write_deltalake(str(output), pa.table({"a": [1]}))
        words = "a Delta table is there that build-shards did not write"
    else:
        elsewhere = tmp_path / "elsewhere"
        IcebergShards(IcebergPlace(NAME), f"file://{elsewhere}").commit(faces_of(write_shards(elsewhere, GROUPS)))
        words = f"lake.faces.shards: a table is there that is not of file://{output}: choose another --table"
    for refused in (table.check, lambda: table.commit(faces_of(write_shards(output, GROUPS)))):
        with pytest.raises(OutputError, match=words):
            refused()


def test_a_delta_table_whose_files_do_not_say_what_it_holds_is_refused(output: Path) -> None:
    pytest.importorskip("deltalake")
    table = DeltaShards(DeltaPlace("here", f"file:{output}"))
    table.commit(faces_of(write_shards(output, GROUPS)))
    Others("delta", output).open().alter.add_constraint({"known": "split <> ''"})
    with pytest.raises(OutputError, match="remove its folder _delta_log, which the next run writes again"):
        table.check()
    shutil.rmtree(output / "_delta_log")
    table.check()


def test_places_that_a_package_would_misread_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("deltalake")
    with pytest.raises(OutputError, match="deltalake takes no % in a path: choose another --output"):
        DeltaShards(DeltaPlace("here", "file:/50%41")).check()
    with pytest.raises(OutputError, match=r"pyiceberg takes no # \? in a path: choose another --output"):
        IcebergShards(IcebergPlace(NAME), "file:///a#b?").check()


def test_settings_that_make_no_table_are_refused_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ({"format": "iceberg"}, {"table": NAME}, {"format": "delta", "table": NAME}):
        with pytest.raises(ValueError, match="--table names the table of --format iceberg"):
            ShardSettings(output="out", **wrong).check()
    monkeypatch.setattr(settings, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"--format delta needs deltalake: pip install 'fer-spark\[tables\]'"):
        ShardSettings(output="out", format="delta").check()
    ShardSettings(output="out").check()
