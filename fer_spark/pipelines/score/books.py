"""What a scheduled run writes to: the ledger, the lease, and one commit that makes a chunk of scores count."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from fer_spark.artifacts import Storage, literal
from fer_spark.pipelines.score.context import Run, Scored
from fer_spark.pipelines.score.explain import Explained, explain_scored
from fer_spark.pipelines.score.summary import publish_summary, summarise
from fer_spark.rows import SEEN
from fer_spark.scoring.columns import ALREADY_KNOWN
from fer_spark.scoring.figures import Figures
from fer_spark.scoring.lease import Lease
from fer_spark.scoring.ledger import SEEN_DIRECTORY, Entry, Ledger, LedgerError
from fer_spark.scoring.on_spark import (
    figures_of,
    mark_known,
    missing_rows,
    salted,
    score_frame,
    seen_rows,
    settled,
)
from fer_spark.scoring.outputs.output import Output

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_BROADCAST_IDS = 1_000_000


@dataclass(frozen=True)
class Books:
    """The ledger as it was opened, what it takes to write to it, and what this run has explained so far."""

    ledger: Ledger
    storage: Storage
    lease: Lease
    listed_at_us: int
    earlier: Figures
    explained: Explained


def open_books(run: Run, lease: Lease) -> Books:
    """Open the ledger and remove what a killed run left. Raises LedgerError where it is not this output's, or scores
    that it lists are missing."""
    storage = Storage.to_write(run.spark, run.settings.checkpoint)
    ledger, scores = Ledger(storage), run.output.scores
    ledger.bind(scores.address, scores.form, scores.occupied(), scores.name)
    _check_there(run.output, ledger)
    books = Books(ledger, storage, lease, int(time.time() * 1e6), ledger.figures(), Explained())
    _tidy(run, books)
    return books


def close_books(run: Run, books: Books, figures: Figures, unchanged: int) -> Scored:
    """Publish the summary of a run that came to its end."""
    run.output.drop_staging()
    files = [file for entry in books.ledger.entries for file in entry.files]
    why = books.explained.summary(run, [file for entry in books.ledger.entries for file in entry.explanations])
    summary = summarise(run, figures, books.earlier, files, unchanged, why)
    publish_summary(run.output, summary)
    return Scored(summary, figures, figures.bad_fraction > run.settings.max_bad_fraction)


def commit(run: Run, books: Books, raw: DataFrame, listed: DataFrame | None) -> Figures:
    """Score one chunk; data files first, then what was seen, then the entry that makes all of them count."""
    batch = books.ledger.next_batch
    with run.timed_pass():
        staged = run.output.stage("rows", score_frame(_without_known(run, books, raw), run.job))
    if listed is not None:
        keys = listed.select(F.col("path").alias("source_path"), F.col("row").alias("source_row"))
        missing = missing_rows(keys, staged, run.job, run.key.model)
        staged = staged.unionByName(run.output.stage("missing", missing))
    rows = settled(staged, seen(run, books)).withColumn("batch", F.lit(batch))
    figures = figures_of(rows)
    figures.check()
    again = figures_of(staged).pictures - figures.pictures
    if not figures.pictures and listed is None:
        return known(again)
    name = books.ledger.new_name(batch)
    books.ledger.reserve(batch)
    explanations = explain_scored(run, rows, f"batch-{name}", books.explained) if figures.faces else []
    books.lease.verify()
    files = run.output.scores.append(run.to_write(rows), batch, f"batch-{name}") if figures.pictures else []
    noted = f"{SEEN_DIRECTORY}/{name}"
    seen_rows(listed, staged, books.listed_at_us).coalesce(1).write.parquet(books.storage.uri(noted))
    books.lease.verify()
    books.ledger.commit(Entry(batch, run.key, files, noted, figures, explanations))
    return figures + known(again)


def known(pictures: int) -> Figures:
    """Figures of so many pictures whose bytes are scored already."""
    return Figures(pictures, not_scored={ALREADY_KNOWN: pictures} if pictures else {})


def seen(run: Run, books: Books) -> DataFrame:
    """What earlier commits with this model, preparation and salt account for."""
    paths = [literal(books.storage.uri(entry.seen)) for entry in books.ledger.of(run.key)]
    if not paths:
        return run.spark.createDataFrame([], SEEN.spark_schema)
    return run.spark.read.schema(SEEN.spark_schema).parquet(*paths)


def _check_there(output: Output, ledger: Ledger) -> None:
    if what := output.scores.lost(ledger):
        raise LedgerError(
            f"{output.name}: {what}, listed in the ledger {ledger.root}, is missing, and would not be scored again: "
            "restore it, or start again with another --checkpoint and an empty --output"
        )


def _tidy(run: Run, books: Books) -> None:
    """Remove what a killed run left: nothing that an entry names, nor that its run can commit any more."""
    output, ledger = run.output, books.ledger
    output.drop_staging()
    if ledger.reserved():
        ledger.fence(run.key)
    output.scores.drop_uncommitted(ledger)
    for name in ledger.strays(output.explanation_files()):
        output.books.delete(name)
    for name in ledger.stray_seen():
        books.storage.delete(name)


def _without_known(run: Run, books: Books, raw: DataFrame) -> DataFrame:
    there = seen(run, books).where("image_id IS NOT NULL").select("image_id")
    if run.input.pixels is None:
        pictures = sum(entry.figures.pictures for entry in books.ledger.of(run.key))
        return mark_known(raw, there, run.salt, pictures <= _BROADCAST_IDS) if pictures else raw
    ids = salted(raw.select("image_id", F.col("image_id").alias("_id")), "_id", run.salt).distinct()
    fresh = ids.join(there.distinct(), F.col("_id") == there["image_id"], "left_anti").select("image_id")
    return raw.join(fresh, "image_id", "left_semi")
