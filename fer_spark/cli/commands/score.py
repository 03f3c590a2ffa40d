"""`fer-spark score`: pictures → one row per face with its perceived expression, every picture accounted for."""

from __future__ import annotations

from fer_spark.cli.run import OK, TOO_MANY_BAD, Command, Given
from fer_spark.explaining.settings import LimeSettings
from fer_spark.faces.settings import DETECTORS
from fer_spark.pipelines.score.plain import plain_settings
from fer_spark.pipelines.score.request import ScoreRequest
from fer_spark.pipelines.score.sources import ALL_SOURCES
from fer_spark.scoring.settings import ScoreSettings
from fer_spark.sources.files.few import is_brief
from fer_spark.sources.settings import SourceSettings
from fer_spark.telemetry import MetricsSettings

_DESCRIPTION = """Pictures → one row per face with its perceived expression, every picture accounted for.

  fer-spark score pictures/        (the shipped model; scores in pictures-scores/, a page in pictures-scores.html)
  fer-spark score --bundle fer2013 --source images --input pictures/        --output scores/
  fer-spark score --bundle model/  --source table  --input faces.parquet    --output scores/ --abstain-below 0.5
  fer-spark score --bundle model/  --source shards --input s3a://lake/shards --output s3a://lake/scores
  spark-submit jobs/score.py --bundle fer2013 --source images --input s3a://lake/in/ --output s3a://lake/scores \\
      --incremental --checkpoint s3a://lake/ledger                            (every night: only what is new)
  fer-spark score --bundle fer2013 --source images --input pictures/ --output scores/ \\
      --explain 0.01 --explain least-confident:50 --explain "where:label = 'fear' AND confidence < 0.5"

Faces are prepared exactly as those that the bundle was trained on: its card says how. A picture that gives no face is
a row with a status. _summary.json, written last, lists the files that count and holds counts, label mix and drift.
With --explain, _explanations/ says for some of the faces which parts of them the answer rests on (LIME).

Exit codes: 0 scored, or nothing new, or another run holds the lease; 1 failed; 2 wrong usage; 3 more bad pictures than
--max-bad-fraction (a single run publishes nothing then, an incremental one keeps what it scored).
"""


def _check(given: Given) -> None:
    request(given).check()
    given.of(MetricsSettings).check()


def request(given: Given) -> ScoreRequest:
    """What is to be scored and how, by plain arguments or by flags."""
    settings, source = given.of(ScoreSettings), given.of(SourceSettings)
    if given.words:
        settings, source = plain_settings(given.words, settings, source, "--no-keep-crop" not in given.arguments)
    return ScoreRequest(settings, source, given.of(LimeSettings), plain=bool(given.words))


def _run(given: Given) -> int:
    from fer_spark.pipelines.score.run import run

    metrics_file = given.of(MetricsSettings).metrics_file
    return TOO_MANY_BAD if run(request(given), given.conf, given.master, metrics_file) else OK


COMMAND = Command(
    "score",
    _DESCRIPTION,
    (
        (ScoreSettings, "scoring"),
        (SourceSettings, "source"),
        (LimeSettings, "explanations, with --explain"),
        (MetricsSettings, "operations"),
    ),
    _check,
    _run,
    "fer_spark.pipelines.score.run",
    usage="PICTURES… [flags], or --bundle BUNDLE --input URI --output URI [--source S] [flags]",
    needs="; scoring needs pip install 'fer-spark[train]', --explain also [explain]",
    spark="spark",
    session=True,
    brief=lambda given: is_brief(request(given).source.input),
    choices=(("source", ALL_SOURCES), ("detector", ("", *DETECTORS))),
    words=("PICTURES", "folders or files of pictures; the answers are shown, and a page is left beside them"),
)
main = COMMAND.main
