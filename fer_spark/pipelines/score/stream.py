"""A scheduled run for those who want Spark's own checkpointing: Structured Streaming finds the new files.

Spark's checkpoint says which files are new; the ledger still makes each chunk count once, whatever is replayed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.errors import StreamingQueryException
from pyspark.sql import functions as F

from fer_spark.networks.card import digest_of
from fer_spark.pipelines.score.books import Books, close_books, commit, listed_here, open_books
from fer_spark.pipelines.score.context import Run, Scored
from fer_spark.pipelines.score.input import Only
from fer_spark.scoring.figures import Figures
from fer_spark.scoring.on_spark import salted
from fer_spark.sources.settings import SourceError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from fer_spark.scoring.lease import Lease

DIRECTORY = "stream"
"""Below --checkpoint: Spark's own checkpoints, one per model, preparation, salt and input."""


class StreamError(RuntimeError):
    """The streaming query failed; nothing that was committed is lost."""


def score_stream(run: Run, lease: Lease) -> Scored:
    """Score every file that Spark's checkpoint does not know, then stop (AvailableNow).

    Files that Spark does not read (no bytes, hidden names) are not told of. Raises SourceError for an input whose
    pictures are not files, StreamError for a query that failed, and what its chunks raised.
    """
    if run.input.stream is None:
        raise SourceError("--trigger stream needs pictures that are files: --source images or folder")
    books = open_books(run, lease)
    done: list[Figures] = []
    raised: list[BaseException] = []

    def chunk(files: DataFrame, number: int) -> None:
        try:
            with run.progress.step(f"scoring chunk {number + 1}"):
                done.append(_score(run, books, files))
        except BaseException as error:  # comes back through the JVM as text alone
            raised.append(error)
            raise

    place = books.storage.uri(f"{DIRECTORY}/{_name(run)}")
    writer = run.input.stream(run.settings.chunk_images).writeStream.foreachBatch(chunk)
    query = writer.option("checkpointLocation", place).trigger(availableNow=True).start()
    try:
        query.awaitTermination()
    except StreamingQueryException as error:
        if raised:
            raise raised[0] from error
        raise StreamError(f"the stream failed: {error}") from error
    finally:
        query.stop()
    figures = sum(done, Figures())
    return close_books(run, books, figures, max(run.input.images - figures.pictures, 0))


def _score(run: Run, books: Books, files: DataFrame) -> Figures:
    """One chunk: those of its files that are pictures of the input."""
    keys = run.input.keys().select(F.col("source_path").alias("path"), F.col("source_row").alias("row"))
    listed = files.join(keys, "path").withColumn("real", F.col("path"))
    here = listed_here(run, salted(listed, "path", run.salt))
    if not here.paths:
        return Figures()
    return commit(run, books, run.input.read(Only(paths=here.paths)), len(here.paths), here.rows)


def _name(run: Run) -> str:
    """Another model, preparation, salt or input begins a stream of its own, which sees every file."""
    key = run.key
    return digest_of({"key": [key.model, key.preparation, key.salt_tag], "input": run.input.description})[:32]
