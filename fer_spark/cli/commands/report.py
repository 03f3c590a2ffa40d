"""`fer-spark report`: a run of scores, of explanations, or of both, as one page."""

from __future__ import annotations

from fer_spark.cli.run import OK, Command, Given
from fer_spark.pipelines.report.settings import ReportSettings

_DESCRIPTION = """Scores, explanations, or both, as one page that opens anywhere, without network.

  fer-spark report --scores scores/ --output report.html
  fer-spark report --scores scores/ --explanations why/ --output report.html --title "Night of 20 November"
  fer-spark report --scores s3a://lake/scores --where "batch >= 12" --output s3a://lake/reports/latest.html --overwrite

Counts, label mix and drift, confidence, calibration and confusion where labels are given, and a gallery of faces with
heat maps: a bounded number of faces leaves Spark, everything else is counted there. Faces come from the scores' crops
(score --keep-crop), else from the shards; --no-faces makes a page without pictures of people.

Exit codes: 0 written; 1 failed, nothing was written; 2 wrong usage, or nothing to report on.
"""


def _check(given: Given) -> None:
    given.of(ReportSettings).check()


def _run(given: Given) -> int:
    from fer_spark.pipelines.report.run import run

    run(given.of(ReportSettings), given.conf, given.master)
    return OK


COMMAND = Command(
    "report",
    _DESCRIPTION,
    ((ReportSettings, "report"),),
    _check,
    _run,
    "fer_spark.pipelines.report.run",
    usage="[--scores URI] [--explanations URI] --output FILE.html [flags]",
    needs="; this needs pip install 'fer-spark[train,explain,report]'",
    spark="spark",
    session=True,
)
main = COMMAND.main
