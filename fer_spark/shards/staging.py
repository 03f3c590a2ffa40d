"""Chunks of prepared rows, each committed by a marker written last, so that a killed job resumes after the last one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_spark.artifacts import Storage, literal
from fer_spark.preparation.preparation import Preparation, Reuse
from fer_spark.rows import Table
from fer_spark.settings import differences
from fer_spark.spark.arrow_job import ArrowJob

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DIRECTORY = "_staging"  # Spark, pyarrow and Petastorm all pass over names that begin with an underscore
_JOB = f"{DIRECTORY}/job.json"
_PUBLISHED = f"{DIRECTORY}/published.sha256"
_ROWS = "rows"


class StagingError(Exception):
    """The job in the staging area cannot be resumed; the message says what differs and what to do."""


@dataclass(frozen=True)
class Job:
    """What decides the prepared rows: two jobs that are equal here may share their chunks.

    `description` holds a Preparation under `preparation`, if the job prepares faces.
    """

    mode: str
    chunks: int
    description: dict[str, Any]

    def to_json(self) -> str:
        return json.dumps({"mode": self.mode, "chunks": self.chunks, **self.description}, indent=1, sort_keys=True)


class Staging:
    """The staging area of one output directory."""

    def __init__(self, spark: SparkSession, storage: Storage) -> None:
        self._spark = spark
        self._storage = storage

    def unfinished(self) -> dict[str, Any] | None:
        """The description of a job that did not get to its end; None where there is none."""
        text = self._storage.read_text(_JOB)
        return None if text is None else dict(json.loads(text))

    def begin(self, job: Job) -> None:
        """Start from scratch: what was staged is dropped."""
        self._storage.delete(DIRECTORY)
        self._storage.publish_text(_JOB, job.to_json())

    def differences(self, job: Job) -> list[str]:
        """How the unfinished job differs from `job`, a line each; empty if it can be resumed.

        Raises StagingError for one of a newer release.
        """
        before, now = self.unfinished() or {}, json.loads(job.to_json())
        try:
            prepared = Preparation.described(now), Preparation.described(before)
        except ValueError as error:
            raise StagingError(f"{self._storage.uri(_JOB)}: {error}") from error
        others = differences(_without_preparation(before), _without_preparation(now), "then", str)
        return prepared[0].differences(prepared[1], Reuse.ROWS, "now", "then", "--") + others

    def committed(self) -> dict[int, int]:
        """Chunk number → rows, of every chunk whose marker is there."""
        markers = [file.path for file in self._storage.list_files(DIRECTORY) if file.path.endswith("_chunk.json")]
        read = [json.loads(self._storage.read_text(path) or "{}") for path in markers]
        return {int(marker["chunk"]): int(marker["rows"]) for marker in read}

    def commit(self, chunk: int, job: ArrowJob) -> int:
        """Run the chunk, write its rows, then its marker. Returns the number of rows."""
        directory = _chunk_directory(chunk)
        self._storage.delete(directory)
        local = self._storage.local(directory)
        count = self._by_spark(chunk, job) if local is None else self._by_workers(directory, local, job)
        self._storage.publish_text(f"{directory}/_chunk.json", json.dumps({"chunk": chunk, "rows": count}))
        return count

    def _by_spark(self, chunk: int, job: ArrowJob) -> int:
        """`overwrite`, though nothing is there: some object stores (SeaweedFS) keep folders whose files are deleted."""
        rows = self._storage.uri(_rows_directory(chunk))
        job.frame().write.option("compression", "snappy").parquet(rows, mode="overwrite")
        return self._read([chunk], job.table).count()

    def _by_workers(self, directory: str, local: Path, job: ArrowJob) -> int:
        """Files that count are moved to where `read` looks: a task whose driver, or whose other attempt, is gone may go
        on writing."""
        rows, attempts = local / _ROWS, local / "_attempts"
        self._storage.make_directory(f"{directory}/_attempts")
        rows.mkdir()
        try:
            written = job.write(attempts)
            for name in written:
                (attempts / name).rename(rows / name)
        except FileNotFoundError as error:
            raise StagingError(
                f"{attempts} is not the same where the workers are: on a cluster --output has to be a place that all "
                "share"
            ) from error
        self._storage.delete(f"{directory}/_attempts")
        return sum(written.values())

    def read(self, table: Table) -> DataFrame:
        """All committed rows, which are `table`'s. Whoever counts them has `check` compare."""
        return self._read(sorted(self.committed()), table)

    def check(self, found: int) -> None:
        """Raise StagingError if rows are missing from a chunk: `found` is how many `read` gave."""
        expected = sum(self.committed().values())
        if found != expected:
            raise StagingError(
                f"{self._storage.uri(DIRECTORY)} holds {found:,} rows, its markers say {expected:,}: "
                "files were removed from it; build again with --on-existing overwrite"
            )

    def announce(self, manifest: str) -> None:
        """Before a manifest is published, note which it is: once it is there, only to clear away is left."""
        self._storage.publish_text(_PUBLISHED, _digest(manifest))

    def announced(self, manifest: str) -> bool:
        """Whether the job here has announced this manifest."""
        return self._storage.read_text(_PUBLISHED) == _digest(manifest)

    def size_bytes(self) -> int:
        return sum(file.length for file in self._storage.list_files(DIRECTORY))

    def drop(self) -> None:
        self._storage.delete(DIRECTORY)

    def _read(self, chunks: list[int], table: Table) -> DataFrame:
        paths = [literal(self._storage.uri(_rows_directory(chunk))) for chunk in chunks]
        return self._spark.read.schema(table.spark_schema).parquet(*paths)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _chunk_directory(chunk: int) -> str:
    return f"{DIRECTORY}/chunk-{chunk:05d}"


def _rows_directory(chunk: int) -> str:
    return f"{_chunk_directory(chunk)}/{_ROWS}"


def _without_preparation(description: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in description.items() if name not in ("preparation", "faces", "detector")}
