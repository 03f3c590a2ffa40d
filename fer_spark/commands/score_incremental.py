"""A scheduled run: only what the ledger does not know, in bounded chunks, each committed once."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark import StorageLevel
from pyspark.sql import functions as F

from fer_spark.artifacts import Storage
from fer_spark.commands.score_context import Run, Scored
from fer_spark.commands.score_input import Only
from fer_spark.commands.score_summary import publish_summary, summarise
from fer_spark.scoring.columns import ALREADY_KNOWN
from fer_spark.scoring.figures import Figures
from fer_spark.scoring.lease import Lease
from fer_spark.scoring.ledger import SEEN_DIRECTORY, Entry, Ledger
from fer_spark.scoring.on_spark import (
    SEEN_DDL,
    figures_of,
    mark_known,
    missing_rows,
    salted,
    score_frame,
    seen_rows,
    settled,
    unseen,
)
from fer_spark.sources.base import Slice

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_BROADCAST_IDS = 1_000_000


@dataclass(frozen=True)
class _Books:
    """The ledger as it was opened, and what it takes to write to it."""

    ledger: Ledger
    storage: Storage
    lease: Lease
    listed_at_us: int


def score_new(run: Run, lease: Lease) -> Scored:
    """Score what the ledger does not know, while this run holds the lease. Raises LedgerError or LeaseError."""
    storage = Storage(run.spark, run.settings.checkpoint)
    ledger = Ledger(storage)
    ledger.bind(run.output.name, run.output.form, run.output.occupied())
    books = _Books(ledger, storage, lease, int(time.time() * 1e6))
    _tidy(run, books)
    earlier = ledger.figures()
    if run.input.stats is not None:
        figures, unchanged = _new_files(run, books)
    else:
        figures, unchanged = _new_rows(run, books), 0
    run.output.drop_staging()
    files = [file for entry in ledger.entries for file in entry.files]
    summary = summarise(run, figures, earlier, files, unchanged)
    publish_summary(run.output, summary)
    return Scored(summary, figures, figures.bad_fraction > run.settings.max_bad_fraction)


def _tidy(run: Run, books: _Books) -> None:
    """Remove what a killed run left: nothing that an entry names."""
    output = run.output
    output.drop_staging()
    if output.holds_files:
        for name in books.ledger.strays(output.data_files()):
            output.storage.delete(name)
    else:
        output.drop_batches_from(books.ledger.next_batch)
    for name in books.ledger.stray_seen():
        books.storage.delete(name)


def _new_files(run: Run, books: _Books) -> tuple[Figures, int]:
    """Pictures that are files: those whose path, length or age the ledger does not know are read, and no others."""
    assert run.input.stats is not None
    with run.progress.step("comparing with the ledger"):
        stats = run.input.stats()
        listed = run.input.keys().select(F.col("source_path").alias("path"), F.col("source_row").alias("row"))
        listed = listed.join(stats, "path", "left").withColumn("real", F.col("path"))
        new = unseen(salted(listed, "path", run.salt), _seen(run, books)).persist(StorageLevel.MEMORY_AND_DISK)
        count = new.count()
    chunks = math.ceil(count / run.settings.chunk_images)
    # what is left of an earlier run's chunks would fill this one's unevenly with the same hash
    number = F.pmod(F.xxhash64(F.col("path"), F.lit(books.ledger.next_batch)), F.lit(chunks))
    figures = Figures()
    try:
        for chunk in range(chunks):
            here = new.where(number == chunk)
            paths = [row["real"] for row in here.select("real").collect()]
            if not paths:
                continue
            with run.progress.step(f"scoring chunk {chunk + 1} of {chunks}"):
                figures += _commit(run, books, run.input.read(Only(paths=tuple(paths))), here)
    finally:
        new.unpersist()
    return figures, run.input.images - count


def _new_rows(run: Run, books: _Books) -> Figures:
    """Other inputs: every picture's bytes are compared, unless no file of the input changed since the last run."""
    fingerprint = run.input.fingerprint()
    if fingerprint and books.ledger.finished(run.key, fingerprint):
        return _known(run.input.images)
    chunks = max(1, math.ceil(run.input.images / run.settings.chunk_images))
    figures = Figures()
    for chunk in range(chunks):
        with run.progress.step(f"scoring chunk {chunk + 1} of {chunks}"):
            figures += _commit(run, books, run.input.read(Slice(chunk, chunks)), None)
    if fingerprint:
        books.ledger.finish(run.key, fingerprint)
    if run.input.pixels is not None:  # faces that are known were not even read
        figures += _known(max(run.input.images - figures.pictures, 0))
    return figures


def _commit(run: Run, books: _Books, raw: DataFrame, listed: DataFrame | None) -> Figures:
    """Score one chunk; data file first, then what was seen, then the entry that makes both count."""
    batch = books.ledger.next_batch
    staged = run.output.stage("rows", score_frame(_without_known(run, books, raw), run.job))
    if listed is not None:
        keys = listed.select(F.col("path").alias("source_path"), F.col("row").alias("source_row"))
        gone = missing_rows(keys, staged, run.job, run.key.model)
        staged = staged.unionByName(run.output.stage("missing", gone))
    rows = settled(staged, _seen(run, books)).withColumn("batch", F.lit(batch))
    figures = figures_of(rows)
    figures.check()
    again = figures_of(staged).pictures - figures.pictures
    if not figures.pictures and listed is None:
        return _known(again)
    name = books.ledger.new_name(batch)
    books.lease.verify()
    files: list[str] = []
    if figures.pictures and run.output.holds_files:
        files = run.output.add_files(rows, 1, f"batch-{name}")
    elif figures.pictures:
        run.output.add_table(rows, batch)
    seen = f"{SEEN_DIRECTORY}/{name}"
    seen_rows(listed, staged, books.listed_at_us).coalesce(1).write.parquet(books.storage.uri(seen))
    books.lease.verify()
    books.ledger.commit(Entry(batch, run.key, files, seen, figures))
    return figures + _known(again)


def _known(pictures: int) -> Figures:
    return Figures(pictures, not_scored={ALREADY_KNOWN: pictures} if pictures else {})


def _without_known(run: Run, books: _Books, raw: DataFrame) -> DataFrame:
    known = _seen(run, books).where("image_id IS NOT NULL").select("image_id")
    if run.input.pixels is None:
        pictures = sum(entry.figures.pictures for entry in books.ledger.of(run.key))
        return mark_known(raw, known, run.salt, pictures <= _BROADCAST_IDS) if pictures else raw
    ids = salted(raw.select("image_id", F.col("image_id").alias("_id")), "_id", run.salt).distinct()
    fresh = ids.join(known.distinct(), F.col("_id") == known["image_id"], "left_anti").select("image_id")
    return raw.join(fresh, "image_id", "left_semi")


def _seen(run: Run, books: _Books) -> DataFrame:
    """What earlier commits with this model, preparation and salt account for."""
    paths = [books.storage.uri(entry.seen) for entry in books.ledger.of(run.key)]
    if not paths:
        return run.spark.createDataFrame([], SEEN_DDL)
    return run.spark.read.schema(SEEN_DDL).parquet(*paths)
