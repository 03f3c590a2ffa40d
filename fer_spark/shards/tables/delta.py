"""Shards as a Delta table: `_delta_log` in their own folder, written by the package deltalake."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from fer_spark.shards.tables.content import SPLIT, Content, ShardTable, TableFile
from fer_spark.tables.delta import DeltaPlace
from fer_spark.tables.errors import OutputError

_APPLICATION = "fer_spark.shards"
"""Under this name the log counts our commits: of two that began from the same version, it takes one."""


@dataclass(frozen=True)
class DeltaShards(ShardTable):
    """`below`: the table's folder below --output, with a slash at its end, or empty for --output itself."""

    place: DeltaPlace
    below: str = ""

    def check(self) -> None:
        if self.place.is_there():
            self._open()

    def commit(self, content: Content) -> set[str]:
        if not self.place.is_there():
            self._create(content)
            return set()
        opened = self._open()
        standing = dict(_standing(opened))
        before = {self.below + path for path in standing}
        missing = [name for name in content.columns.names if name not in opened.schema().to_arrow().names]
        if before == content.paths and not missing:
            return set()
        self._replace(opened, standing, content)
        return before - content.paths

    def _create(self, content: Content) -> None:
        from deltalake.transaction import create_table_with_add_actions

        with self.place.committing():
            create_table_with_add_actions(
                self.place.address,
                _schema(content),
                [self._added(file) for file in content.files],
                partition_by=[SPLIT] if content.by_split else [],
                storage_options=self.place.options,
                commit_properties=_numbered(1, content),
            )

    def _replace(self, opened: Any, standing: dict[str, str | None], content: Content) -> None:
        """Files that stay are not named again, as a log takes no file twice in one commit. Where none stays, columns
        may go too."""
        added = [self._added(file) for file in content.files if file.path.removeprefix(self.below) not in standing]
        stays = len(added) < len(content.files)
        partitions = [SPLIT] if content.by_split else []
        with self.place.committing():
            if not stays:
                numbered = _numbered(self._last(opened) + 1, content)
                opened.create_write_transaction(
                    added, "overwrite", _schema(content), partition_by=partitions, commit_properties=numbered
                )
                return
            opened = self._with_columns(opened, content)
            removed = [
                _removed(path, split) for path, split in standing.items() if self.below + path not in content.paths
            ]
            numbered = _numbered(self._last(opened) + 1, content)
            opened.create_write_transaction(
                [*added, *removed], "append", opened.schema(), partition_by=partitions, commit_properties=numbered
            )

    def _with_columns(self, opened: Any, content: Content) -> Any:
        """Files of an older release stay, without the columns that are new."""
        there = set(opened.schema().to_arrow().names)
        new = [field for field in _schema(content).fields if field.name not in there]
        if not new:
            return opened
        opened.alter.add_columns(new)
        return self._open()

    def _open(self) -> Any:
        opened = self.place.open()
        if self._last(opened) == 0:
            raise OutputError(
                f"{self.place.name}: a Delta table is there that build-shards did not write: choose another --output"
            )
        if opened.protocol().min_writer_version > 2:
            raise OutputError(
                f"{self.place.name}: the Delta table has been changed so that its files alone do not say what it holds "
                "(deletion vectors, renamed columns, constraints): remove its folder _delta_log, which the next run "
                "writes again"
            )
        return opened

    @staticmethod
    def _last(opened: Any) -> int:
        return int(opened.transaction_version(_APPLICATION) or 0)

    def _added(self, file: TableFile) -> Any:
        from deltalake.transaction import AddAction

        split = {} if file.split is None else {SPLIT: file.split}
        counted = json.dumps({"numRecords": file.rows})
        return AddAction(file.path.removeprefix(self.below), file.bytes, split, _now_ms(), True, counted)


def _standing(opened: Any) -> list[tuple[str, str | None]]:
    """Path and split of each file of the table."""
    actions = opened.get_add_actions(flatten=True)
    paths = actions["path"].to_pylist()
    named = f"partition.{SPLIT}"
    splits = actions[named].to_pylist() if named in actions.schema.names else [None] * len(paths)
    return list(zip(paths, splits, strict=True))


def _removed(path: str, split: str | None) -> Any:
    from deltalake.transaction import RemoveAction

    return RemoveAction(
        path,
        data_change=True,
        deletion_timestamp=_now_ms(),
        partition_values={} if split is None else {SPLIT: split},
    )


def _schema(content: Content) -> Any:
    from deltalake import Schema

    return Schema.from_arrow(content.columns.arrow_schema)


def _numbered(number: int, content: Content) -> Any:
    from deltalake import CommitProperties, Transaction

    return CommitProperties(content.about, app_transactions=[Transaction(_APPLICATION, number)])


def _now_ms() -> int:
    return int(time.time() * 1000)
