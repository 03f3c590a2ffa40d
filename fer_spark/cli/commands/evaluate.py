"""`fer-spark evaluate`: how well a bundle does on a split of shards, in figures, pictures and one page."""

from __future__ import annotations

from fer_spark.cli.run import OK, Command, Given
from fer_spark.pipelines.evaluate.settings import EvaluateSettings

_DESCRIPTION = """How well a bundle does on a split of shards: figures with intervals, pictures, and one page.

  fer-spark evaluate --bundle fer2013 --shards shards/ --split val  --output evaluation/
  fer-spark evaluate --bundle model/  --shards shards/ --split test --output final/        (once, at the end)

With and without test-time augmentation, with and without pictures that are also in train or come twice. Writes
metrics.json, predictions.parquet, confusion.png, reliability.png, classes.png, mistakes.png and report.html.
A test split is to be measured once, at the end: choosing by its figures uses it up.

Exit codes: 0 written; 1 failed, nothing was written; 2 wrong usage, or a bundle and shards that do not fit each other.
"""


def _check(given: Given) -> None:
    given.of(EvaluateSettings).check()


def _run(given: Given) -> int:
    from fer_spark.pipelines.evaluate.run import run

    run(given.of(EvaluateSettings))
    return OK


COMMAND = Command(
    "evaluate",
    _DESCRIPTION,
    ((EvaluateSettings, "evaluation"),),
    _check,
    _run,
    "fer_spark.pipelines.evaluate.run",
    usage="--bundle BUNDLE --shards URI --split S --output DIR [flags]",
    needs="; this needs pip install 'fer-spark[train,report]'",
)
main = COMMAND.main
