"""What a scheduled run writes to: the ledger, the lease, and one commit that makes a chunk of scores count."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

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
    figures_of_commit,
    in_tasks,
    mark_known,
    marked,
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
_IN_ONE_TASK = 2_000
"""Up to so many pictures, one task counts and writes their scores."""


class Listed(NamedTuple):
    """A chunk's pictures that are files of their own. `rows`: path as it is published, row, length and modified_us;
    `paths`: as they are read."""

    rows: DataFrame
    paths: tuple[str, ...]


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
    now_s = min(time.time(), lease.stamped_s())  # this machine's clock may be ahead of the one that stamps the pictures
    books = Books(ledger, storage, lease, int(now_s * 1e6), ledger.figures(), Explained())
    _tidy(run, books)
    return books


def close_books(run: Run, books: Books, figures: Figures, unchanged: int) -> Scored:
    """Publish the summary of a run that came to its end. Raises LeaseError or LedgerError where another run took the
    lease: it may be at work, and if this summary came after its, the next run's has all files again."""
    books.lease.verify()
    run.output.drop_staging()
    files = [file for entry in books.ledger.entries for file in entry.files]
    why = books.explained.summary(run, [file for entry in books.ledger.entries for file in entry.explanations])
    summary = summarise(run, figures, books.earlier, files, unchanged, why)
    publish_summary(run.output, summary)
    books.ledger.check_latest()
    return Scored(summary, figures, figures.bad_fraction > run.settings.max_bad_fraction)


def listed_here(run: Run, files: DataFrame) -> Listed:
    """Of rows of path, row, length, modified_us and `real`: as they are now, whatever becomes of the files."""
    table = files.select("path", "row", "length", "modified_us", "real").toArrow()
    rows = run.spark.createDataFrame(table.drop_columns("real"))
    return Listed(rows, tuple(table["real"].to_pylist()))


def commit(run: Run, books: Books, raw: DataFrame, pictures: int, listed: DataFrame | None = None) -> Figures:
    """Score one chunk of about so many `pictures`; data files first, then what was seen, then the entry that makes all
    of them count. `listed`: the rows of all of them, exactly, where they are files."""
    batch, earlier = books.ledger.next_batch, seen(run, books)
    run.warm.join()
    with run.timed_pass():
        staged = run.output.stage("rows", in_tasks(score_frame(_without_known(run, books, raw), run.job), pictures))
    if pictures <= _IN_ONE_TASK:
        staged = staged.coalesce(1)
    rows = marked(staged.withColumn("batch", F.lit(batch)), earlier)
    figures, found = figures_of_commit(rows)
    if listed is not None and found != pictures:
        keys = listed.select(F.col("path").alias("source_path"), F.col("row").alias("source_row"))
        missing = run.output.stage("missing", missing_rows(keys, staged, run.job, run.key.model))
        staged = staged.unionByName(missing)
        rows = marked(staged.withColumn("batch", F.lit(batch)), earlier)
        figures, found = figures_of_commit(rows)
    rows = settled(rows)
    figures.check()
    again = found - figures.pictures
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
    rows = run.spark.read.schema(SEEN.spark_schema).parquet(*paths)
    return rows.coalesce(1) if _few(run, books) else rows  # what lies in one task is joined without a shuffle


def _few(run: Run, books: Books) -> bool:
    return sum(entry.figures.pictures for entry in books.ledger.of(run.key)) <= _BROADCAST_IDS


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
        return mark_known(raw, there, run.salt, _few(run, books)) if books.ledger.of(run.key) else raw
    ids = salted(raw.select("image_id", F.col("image_id").alias("_id")), "_id", run.salt).distinct()
    fresh = ids.join(there.distinct(), F.col("_id") == there["image_id"], "left_anti").select("image_id")
    return raw.join(fresh, "image_id", "left_semi")
