"""What a table of shards, or of their quarantine, holds once it says what the manifest says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from fer_spark.rows import FACE, QUARANTINE, Column, Table
from fer_spark.shards.manifest import Manifest

SPLIT = "split"
"""A column that files below `split=…` do not hold: their folder does."""


@dataclass(frozen=True)
class TableFile:
    """A Parquet file: its path below --output, its rows and bytes, and the split that all its rows are of, if one."""

    path: str
    rows: int
    bytes: int
    split: str | None = None


@dataclass(frozen=True)
class Content:
    """`by_split`: partitioned by the split of each file. `about`: of which build, noted in the table's history."""

    columns: Table
    files: tuple[TableFile, ...]
    by_split: bool
    about: dict[str, str]

    @property
    def paths(self) -> set[str]:
        return {file.path for file in self.files}


def faces_of(manifest: Manifest) -> Content:
    """Every face with its pixels, in all sizes."""
    pixels = (Column(name, "binary", "as the manifest's `images` says") for name in manifest.images)
    files = (TableFile(file.path, file.rows, file.bytes, file.split) for file in manifest.files)
    return Content(FACE.with_columns("SHARD", *pixels), tuple(files), True, _about(manifest))


def quarantine_of(manifest: Manifest, files: Iterable[TableFile]) -> Content:
    """`files`: what the manifest lists as `quarantine_files`."""
    return Content(QUARANTINE, tuple(files), False, _about(manifest))


def _about(manifest: Manifest) -> dict[str, str]:
    return {
        "fer_spark.job": str(manifest.run.get("job", "")),
        "fer_spark.checksum": manifest.checksum,
        "fer_spark.version": manifest.package_version,
    }


class ShardTable(ABC):
    """One table: of the faces, or of the quarantine."""

    @abstractmethod
    def check(self) -> None:
        """Raise OutputError or CommitError where it could not be committed to."""

    @abstractmethod
    def commit(self, content: Content) -> set[str]:
        """Let the table hold these files and no others, in one commit, or in none where it does already.

        Returns paths of the files that it named before, as far as they lie below --output. Raises OutputError for a
        table of something else, CommitError where the commit was refused.
        """
