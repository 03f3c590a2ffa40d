"""The jobs as functions, for notebooks: a session that exists, settings by the names of the flags, a result to look at.

import fer_spark

fer_spark.explore(spark, "pictures/", "look/")
built = fer_spark.build_shards(spark, "pictures/", "shards/", size=["48:gray"], seed=1)
built.rows.groupBy("split", "label").count().show()
fer_spark.score(spark, "pictures/", "scores/", keep_crop=True)
fer_spark.explain(spark, "shards/", "why/", split="test", per_class=20)

`source` is where the pictures are: a file, a folder, a glob, any place that Spark reads. Together with `input` it is
the layout instead, as on the command line: build_shards(spark, "legend", "shards/", input="legend.csv", images="p/").

What a command refuses with exit code 2 raises ValueError here, or TypeError for a setting that there is none of.
A session of Spark Connect raises ClassicSessionError, a ValueError: the jobs list and commit files through the JVM.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_spark.artifacts import literal
from fer_spark.cli.keywords import given_of
from fer_spark.explaining.settings import LimeSettings
from fer_spark.exploring.settings import PictureSettings
from fer_spark.faces.settings import FaceSettings
from fer_spark.pipelines.explain.settings import ExplainSettings
from fer_spark.pipelines.explore.settings import ExploreSettings
from fer_spark.pipelines.score.plain import IMAGES, SHIPPED, input_of
from fer_spark.pipelines.score.request import ScoreRequest
from fer_spark.result import Result
from fer_spark.scoring.settings import ScoreSettings
from fer_spark.shards.settings import ShardSettings
from fer_spark.sources.settings import AUTO, SOURCES, SourceSettings, SplitSettings
from fer_spark.spark.connect import need_classic
from fer_spark.telemetry import MetricsSettings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from rich.console import Console

__all__ = ["Result", "build_shards", "explain", "explore", "score"]
Place = str | PathLike[str]


def build_shards(spark: SparkSession, source: Place, output: Place, **settings: Any) -> Result:
    """`fer-spark build-shards`: pictures → Parquet shards of prepared faces. `rows` are the faces.

    Too many bad pictures publish nothing: `published` is False then.
    """
    need_classic(spark, "build-shards")
    from fer_spark.cli.commands.build_shards import COMMAND
    from fer_spark.pipelines.build.run import BuildSettings, read_built, run_build
    from fer_spark.pipelines.build.summary import job_figures, print_summary
    from fer_spark.spark.progress import JobProgress

    given = given_of(COMMAND, _source(source, settings) | {"output": output} | settings)
    shards = given.of(ShardSettings)
    parts = given.of(SourceSettings), given.of(FaceSettings), given.of(SplitSettings), shards
    done = run_build(spark, BuildSettings(*parts), JobProgress(spark.sparkContext))
    job_figures(done).write(given.of(MetricsSettings).metrics_file)
    return Result(
        shards.output,
        dict(json.loads(done.manifest.to_json())),
        not done.too_many_bad,
        lambda console: print_summary(done, shards, console),
        lambda: read_built(spark, shards.output),
    )


def score(
    spark: SparkSession, source: Place | Sequence[Place], output: Place, bundle: Place = SHIPPED, **settings: Any
) -> Result:
    """`fer-spark score`: pictures → one row per face with its perceived expression. `rows` are the scores.

    `source` may be several files and folders. `published` is False where too many pictures were bad, or another run
    was at work.
    """
    need_classic(spark, "score")
    from fer_spark.cli.commands.score import COMMAND
    from fer_spark.pipelines.score import run as pipeline
    from fer_spark.pipelines.score.summary import job_figures, print_summary
    from fer_spark.scoring.outputs.read import read_scores

    given = given_of(COMMAND, _source(source, settings, IMAGES) | {"output": output, "bundle": bundle} | settings)
    chosen = given.of(ScoreSettings)
    done = pipeline.score(spark, ScoreRequest(chosen, given.of(SourceSettings), given.of(LimeSettings)))
    if done is not None:
        job_figures(done).write(given.of(MetricsSettings).metrics_file)

    def show(console: Console) -> None:
        if done is None:
            console.print("Nothing done: another run holds the lease.")
        else:
            print_summary(done, chosen, console)

    return Result(
        chosen.output,
        {} if done is None else done.summary,
        done is not None and not done.too_many_bad,
        show,
        lambda: read_scores(spark, chosen.output),
    )


def explain(spark: SparkSession, shards: Place, output: Place, bundle: Place = SHIPPED, **settings: Any) -> Result:
    """`fer-spark explain`: why a bundle answers as it does on faces of shards. `rows` are the explanations."""
    need_classic(spark, "explain")
    from fer_spark.cli.commands.explain import COMMAND
    from fer_spark.pipelines.explain.run import read_explained, run_explain
    from fer_spark.pipelines.explain.summary import job_figures, print_summary

    given = given_of(COMMAND, {"shards": shards, "output": output, "bundle": bundle} | settings)
    chosen = given.of(ExplainSettings)
    content, place = run_explain(spark, chosen, given.of(LimeSettings))
    job_figures(content).write(given.of(MetricsSettings).metrics_file)
    return Result(
        chosen.output,
        content,
        True,
        lambda console: print_summary(content, place, console),
        lambda: read_explained(spark, chosen.output),
    )


def explore(spark: SparkSession, source: Place, output: Place, **settings: Any) -> Result:
    """`fer-spark explore`: what a data set holds, what is wrong with it, what to do. `rows` are its labels by split.

    Shards are explored by their folder alone, too. `page` is the report.
    """
    need_classic(spark, "explore")
    from fer_spark.cli.commands.explore import COMMAND
    from fer_spark.pipelines.explore.run import run_explore
    from fer_spark.pipelines.explore.summary import print_summary

    found = {} if "shards" in settings else _source(source, settings)
    given = given_of(COMMAND, found | {"output": output} | settings)
    chosen = given.of(ExploreSettings)
    done = run_explore(spark, chosen, given.of(SourceSettings), given.of(PictureSettings))
    return Result(
        chosen.output,
        done.summary,
        True,
        lambda console: print_summary(done.found, done.page, done.total_s, console),
        lambda: spark.read.option("header", True).csv(literal(f"{done.page.rpartition('/')[0]}/tables/categories.csv")),
        done.page,
    )


def _source(source: Place | Sequence[Place], settings: dict[str, Any], layout: str = AUTO) -> dict[str, Any]:
    """Settings that name the pictures: `source` is their place or, with `input`, their layout, which else is given."""
    if "input" in settings:
        return {"source": source}
    places = [source] if isinstance(source, (str, PathLike)) else list(source)
    if len(places) == 1 and str(places[0]) in SOURCES and not Path(places[0]).exists():
        raise ValueError(f"source: {places[0]!r} is a layout; `input` says where its pictures are")
    text = fspath(places[0]) if len(places) == 1 else input_of([fspath(place) for place in places])[0]
    return {"input": text, "source": layout}
