"""A single run: all of the input into an output that is there whole or not at all."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from fer_spark.pipelines.score.context import Run, Scored
from fer_spark.pipelines.score.explain import Explained, explain_scored
from fer_spark.pipelines.score.summary import publish_summary, summarise
from fer_spark.scoring.figures import Figures
from fer_spark.scoring.on_spark import figures_of, in_tasks, missing_rows, salted, score_frame
from fer_spark.scoring.outputs.format import SINGLE_RUN
from fer_spark.sources.base import Slice
from fer_spark.spark.session import sized_for
from fer_spark.tables.errors import OutputError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from fer_spark.scoring.outputs.output import Output
    from fer_spark.scoring.settings import ScoreSettings


def check_place(output: Output, settings: ScoreSettings) -> None:
    """Raise OutputError where something is in the way."""
    there = output.summary()
    if there is not None and there.get("settings", {}).get("incremental"):
        raise OutputError(
            f"{output.name} is kept by the ledger at {there['settings']['checkpoint']}: add --incremental "
            f"--checkpoint {there['settings']['checkpoint']}, or choose another --output"
        )
    output.scores.check_free(there is not None, settings.overwrite)


def score_whole(run: Run) -> Scored:
    """Score, check that every picture is accounted for, then publish: files first, summary last."""
    with sized_for(run.spark, run.input.images):
        return _score(run, run.output.summary())


def _score(run: Run, before: dict[str, Any] | None) -> Scored:
    output, settings = run.output, run.settings
    with run.progress.step("scoring"), run.timed_pass():
        raw = in_tasks(run.input.read(Slice()), run.input.images)
        run.warm.join()
        rows = output.stage("rows", score_frame(raw, run.job))
    with run.progress.step("counting"):
        figures = figures_of(rows)
        if run.input.pixels is not None or figures.pictures != run.input.images:
            rows = rows.unionByName(output.stage("missing", missing_rows(_keys(run), rows, run.job, run.key.model)))
            figures = figures_of(rows)
    figures.check()
    if run.input.pixels is None and figures.pictures != run.input.images:
        raise RuntimeError(f"{run.input.images:,} pictures in, {figures.pictures:,} accounted for")
    earlier = Figures() if before is None else Figures.from_dict(before["figures"])
    if figures.bad_fraction > settings.max_bad_fraction:
        output.drop_staging()
        return Scored(summarise(run, figures, earlier, []), figures, too_many_bad=True)
    name, explained = f"{SINGLE_RUN}{uuid.uuid4().hex[:8]}", Explained()
    why = explain_scored(run, rows, name, explained) if figures.faces else []
    with run.progress.step("writing"):
        count = figures.faces + sum(figures.not_scored.values())
        files = output.scores.replace(run.to_write(rows), count, name)
    done = Scored(summarise(run, figures, earlier, files, explanations=explained.summary(run, why)), figures)
    publish_summary(output, done.summary, first=before is None)
    output.scores.drop_replaced(files)
    for name in set(output.explanation_files()) - set(why):
        output.books.delete(name)
    output.drop_staging()
    return done


def _keys(run: Run) -> DataFrame:
    return salted(run.input.keys(), "source_path", run.salt)
