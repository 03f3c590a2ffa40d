"""`fer-spark explore`: what a data set holds, before anything is trained on it."""

from __future__ import annotations

from fer_spark.cli.run import OK, Command, Given
from fer_spark.exploring.settings import PictureSettings
from fer_spark.pipelines.explore.settings import ExploreSettings
from fer_spark.sources.settings import SourceSettings

_DESCRIPTION = """What a data set holds, before anything is trained on it: labels, feelings, splits, pictures; what is
wrong with them, and what to do about it. All counting is done on Spark; only small tables reach the driver.

  fer-spark explore --source affectnet --input interim/ --pictures none --output look/ \\
      --reference-counts published_counts.csv --reference-bins published_bins.csv
  fer-spark explore --source legend --input legend.csv --images images/    --output look/
  fer-spark explore --shards s3a://lake/shards                             --output s3a://lake/look
  spark-submit --py-files dist/fer_spark.zip jobs/explore.py --source images --input s3a://lake/2026/ \\
      --output s3a://lake/look --pictures sample --sample-pictures 100000

Annotations are explored as they stand, with or without pictures at hand. Writes report.html (one page that opens
offline), tables/*.csv, exploration.json, pictures/*.png, and last _summary.json: without it the output is not complete.

Exit codes: 0 explored, whatever was found; 1 failed; 2 wrong usage, or an input that cannot be opened.
"""


def _check(given: Given) -> None:
    given.of(ExploreSettings).check(given.of(SourceSettings).input)
    given.of(PictureSettings).check()


def _run(given: Given) -> int:
    from fer_spark.pipelines.explore.run import run

    parts = given.of(ExploreSettings), given.of(SourceSettings), given.of(PictureSettings)
    run(*parts, given.conf, given.master)
    return OK


COMMAND = Command(
    "explore",
    _DESCRIPTION,
    ((ExploreSettings, "exploration"), (PictureSettings, "pictures"), (SourceSettings, "source")),
    _check,
    _run,
    "fer_spark.pipelines.explore.run",
    usage="--input URI --output URI [--source S] [flags]",
    needs="; the report needs pip install 'fer-spark[report]'",
    spark="spark",
    session=True,
)
main = COMMAND.main
