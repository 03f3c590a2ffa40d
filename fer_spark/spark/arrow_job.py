"""One Arrow function over a table: its rows as a DataFrame, or written to a local disk by the Python workers.

Rows on their way from Python to Spark's Parquet writer are taken apart by the JVM cell by cell. Where workers can write
to the very disk that Spark would, that is spared.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import EIO
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from fer_spark.rows import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Batches = Iterator[pa.RecordBatch]
_WRITTEN = pa.schema([("name", pa.string()), ("rows", pa.int64()), ("errno", pa.int32())])
_WRITTEN_DDL = "name string, rows bigint, errno int"
_FAILED = "_failed-"
"""With the run's name, a file that says to tasks that have not begun that another could not write, and its errno."""


@dataclass(frozen=True)
class ArrowJob:
    """`function` over all `rows`, in one pass that has not begun; it yields batches of `table`.

    `incompressible`: columns of bytes that seldom repeat, so that no dictionary is tried.
    """

    rows: DataFrame
    function: Callable[[Batches], Batches]
    table: Table
    incompressible: Sequence[str] = ()

    def frame(self) -> DataFrame:
        """The results as a DataFrame; nothing runs until it is used."""
        return self.rows.mapInArrow(self.function, self.table.spark_schema)

    def write(self, directory: Path) -> dict[str, int]:
        """Run it, each task writing one Parquet file (Snappy) into a local directory that is there on every worker.

        Returns the files that count, by name, and the rows of each; a task without rows writes none. Other files there
        are of tasks that died or were run twice, perhaps still at it: move the ones that count. Raises the OSError of a
        worker that could not write.
        """
        run = uuid4().hex[:12]
        writer = _Writer(str(directory), run, self.function, self.table.arrow_schema, tuple(self.incompressible))
        found = self.rows.mapInArrow(writer.__call__, _WRITTEN_DDL).collect()
        for row in found:
            if row["errno"] is not None:
                raise OSError(row["errno"], os.strerror(row["errno"]), str(directory))
        return {row["name"]: row["rows"] for row in found}


@dataclass(frozen=True)
class _Writer:
    """What a task does. Its file's name is no other attempt's, of this run or of one whose driver was killed.

    That a file cannot be written is a result, not an error: Spark would try it again, and print its traceback.
    """

    directory: str
    run: str
    function: Callable[[Batches], Batches]
    schema: pa.Schema
    incompressible: tuple[str, ...]

    def __call__(self, batches: Batches) -> Batches:
        from pyspark import TaskContext

        context = TaskContext.get()
        assert context is not None
        failed = Path(self.directory, _FAILED + self.run)
        if failed.exists():
            yield _row(errno=int(failed.read_text() or EIO))
            return
        name = f"part-{context.partitionId():05d}-{self.run}-{context.taskAttemptId()}.parquet"
        file = _File(os.path.join(self.directory, name), self.schema, self.incompressible)
        results = self.function(batches)
        try:
            for batch in results:
                file.write(batch)
            file.close()
        except _NotWrittenError as error:
            file.remove()
            with suppress(OSError):
                failed.write_text(str(error.errno))
            yield _row(errno=error.errno)
        except BaseException:
            file.remove()
            raise
        else:
            if file.rows:
                yield _row(name, file.rows)


def _row(name: str | None = None, rows: int | None = None, errno: int | None = None) -> pa.RecordBatch:
    return pa.record_batch([[name], [rows], [errno]], schema=_WRITTEN)


class _NotWrittenError(OSError):
    """An OSError of the file, not of the function whose rows go into it."""


class _File:
    """A Parquet file that is there from its first row on."""

    def __init__(self, path: str, schema: pa.Schema, incompressible: Sequence[str]) -> None:
        self.rows = 0
        self._path, self._schema = path, schema
        self._repeating = [name for name in schema.names if name not in incompressible]
        self._writer: pq.ParquetWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        if not batch.num_rows:
            return
        with _not_written_on_oserror():
            if self._writer is None:
                self._writer = pq.ParquetWriter(
                    self._path, self._schema, compression="snappy", use_dictionary=self._repeating
                )
            self._writer.write_batch(batch)
        self.rows += batch.num_rows

    def close(self) -> None:
        if self._writer is not None:
            with _not_written_on_oserror():
                self._writer.close()

    def remove(self) -> None:
        with suppress(OSError, pa.ArrowException):  # what broke off may not be closed either
            self.close()
        with suppress(OSError):
            os.unlink(self._path)


@contextmanager
def _not_written_on_oserror() -> Iterator[None]:
    """Raises _NotWrittenError in an OSError's stead."""
    try:
        yield
    except OSError as error:
        raise _NotWrittenError(error.errno or EIO, str(error)) from error
