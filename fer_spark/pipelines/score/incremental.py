"""A scheduled run: only what the ledger does not know, in bounded chunks, each committed once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from fer_spark.pipelines.score.books import Books, close_books, commit, known, listed_here, open_books, seen
from fer_spark.pipelines.score.context import Run, Scored
from fer_spark.pipelines.score.input import Only
from fer_spark.scoring.figures import Figures
from fer_spark.scoring.on_spark import salted, unseen
from fer_spark.sources.base import Slice
from fer_spark.spark.held import held

if TYPE_CHECKING:
    from fer_spark.scoring.lease import Lease


def score_new(run: Run, lease: Lease) -> Scored:
    """Score what the ledger does not know, while this run holds the lease. Raises LedgerError or LeaseError."""
    books = open_books(run, lease)
    if run.input.stats is not None:
        figures, unchanged = _new_files(run, books)
    else:
        figures, unchanged = _new_rows(run, books), 0
    return close_books(run, books, figures, unchanged)


def _new_files(run: Run, books: Books) -> tuple[Figures, int]:
    """Pictures that are files: those whose path, length or age the ledger does not know are read, and no others."""
    assert run.input.stats is not None
    with run.progress.step("comparing with the ledger"):
        stats = run.input.stats()
        listed = run.input.keys().select(F.col("source_path").alias("path"), F.col("source_row").alias("row"))
        listed = listed.join(stats, "path", "left").withColumn("real", F.col("path"))
        new = held(unseen(salted(listed, "path", run.salt), seen(run, books)))
        count = new.count()
    chunks = math.ceil(count / run.settings.chunk_images)
    # what is left of an earlier run's chunks would fill this one's unevenly with the same hash
    number = F.pmod(F.xxhash64(F.col("path"), F.lit(books.ledger.next_batch)), F.lit(chunks))
    figures = Figures()
    try:
        for chunk in range(chunks):
            here = listed_here(run, new.where(number == chunk))
            if not here.paths:
                continue
            with run.progress.step(f"scoring chunk {chunk + 1} of {chunks}"):
                raw = run.input.read(Only(paths=here.paths))
                figures += commit(run, books, raw, len(here.paths), here.rows)
    finally:
        new.unpersist()
    return figures, run.input.images - count


def _new_rows(run: Run, books: Books) -> Figures:
    """Other inputs: every picture's bytes are compared, unless no file of the input changed since the last run."""
    fingerprint = run.input.fingerprint()
    if fingerprint and books.ledger.finished(run.key, fingerprint):
        return known(run.input.images)
    chunks = max(1, math.ceil(run.input.images / run.settings.chunk_images))
    figures = Figures()
    for chunk in range(chunks):
        with run.progress.step(f"scoring chunk {chunk + 1} of {chunks}"):
            raw = run.input.read(Slice(chunk, chunks))
            figures += commit(run, books, raw, math.ceil(run.input.images / chunks))
    if fingerprint:
        books.ledger.finish(run.key, fingerprint)
    if run.input.pixels is not None:  # faces that are known were not even read
        figures += known(max(run.input.images - figures.pictures, 0))
    return figures
