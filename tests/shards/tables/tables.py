"""A table of shards in a folder of a test, and how others see it: deltalake, or pyiceberg in a catalog named lake."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from fer_spark.shards.tables.content import ShardTable
from fer_spark.shards.tables.delta import DeltaShards
from fer_spark.shards.tables.iceberg import IcebergShards
from fer_spark.tables.delta import DeltaPlace
from fer_spark.tables.iceberg import IcebergPlace
from tests.tables.catalogs import catalog_in
from tests.tables.duckdb import duckdb_rows

NAME = "lake.faces.shards"
PACKAGES = {"delta": "deltalake", "iceberg": "pyiceberg"}


@dataclass(frozen=True)
class Others:
    """A reader that knows nothing of us. `below`: of --output, or `_quarantine`; `name` of Iceberg's table."""

    form: str
    output: Path
    below: str = ""
    name: str = NAME

    def open(self) -> Any:
        if self.form == "delta":
            from deltalake import DeltaTable

            return DeltaTable(str(self.output / self.below))
        from pyiceberg.catalog import load_catalog

        return load_catalog("lake").load_table(self.name.removeprefix("lake."))

    def rows(self) -> Any:
        """An Arrow table."""
        opened = self.open()
        return opened.to_pyarrow_table() if self.form == "delta" else opened.scan().to_arrow()

    def counts(self) -> list[int]:
        """Rows after each commit, the first one first. Fails where files of a former version are deleted."""
        opened = self.open()
        if self.form == "iceberg":
            return [opened.scan(snapshot_id=each.snapshot_id).to_arrow().num_rows for each in opened.snapshots()]
        counts = []
        for version in range(opened.version() + 1):
            opened.load_as_version(version)
            counts.append(opened.to_pyarrow_table().num_rows)
        return counts

    def commits(self) -> int:
        opened = self.open()
        return int(opened.version()) + 1 if self.form == "delta" else len(opened.snapshots())

    def about(self) -> dict[str, Any]:
        """What the last commit says of itself."""
        if self.form == "delta":
            return dict(self.open().history(1)[0])
        return dict(self.open().current_snapshot().summary.additional_properties)

    def places(self) -> set[str]:
        """Of the files that count."""
        opened = self.open()
        if self.form == "delta":
            return set(map(unquote, opened.file_uris()))
        return {task.file.file_path.removeprefix("file://") for task in opened.scan().plan_files()}

    def duckdb_rows(self) -> Any:
        """The same by DuckDB. Skips where it is not here."""
        where = str(self.output / self.below) if self.form == "delta" else self.open().metadata_location
        return duckdb_rows(self.form, where)


def faces_table(form: str, output: Path, monkeypatch: pytest.MonkeyPatch) -> ShardTable:
    """Of the shards in `output`. Skips where the package is not installed."""
    pytest.importorskip(PACKAGES[form])
    if form == "delta":
        return DeltaShards(DeltaPlace(str(output), f"file:{output}"))
    catalog_in(output.parent / "catalog", monkeypatch)
    return IcebergShards(IcebergPlace(NAME), f"file://{output}")
