"""`fer-spark build-shards`: face pictures → Parquet shards of prepared faces, every picture accounted for."""

from __future__ import annotations

from fer_spark.cli.run import OK, TOO_MANY_BAD, Command, Given
from fer_spark.faces.settings import FaceSettings
from fer_spark.settings import require
from fer_spark.shards.settings import ShardSettings
from fer_spark.sources.files.few import is_brief
from fer_spark.sources.settings import SourceSettings, SplitSettings
from fer_spark.telemetry import MetricsSettings

_DESCRIPTION = """Face pictures → Parquet shards of prepared faces, every picture accounted for.

  fer-spark build-shards --input fer2013/ --output shards/                  (prints the layout it recognised, and why)
  fer-spark build-shards --source folder  --input pictures/                 --output shards/
  fer-spark build-shards --source fer2013 --input fer2013.csv               --output shards/
  fer-spark build-shards --source images  --input s3a://lake/2026/          --output s3a://lake/shards --size 256:rgb
  fer-spark build-shards --input fer2013/ --output shards/ --format delta   (the same shards, a Delta table too)
  spark-submit jobs/build_shards.py       --source legend --input legend.csv --images images/ --output hdfs:///shards

Exit codes: 0 published, or nothing left to do; 1 failed; 2 wrong usage; 3 more bad pictures than --max-bad-fraction.
"""


def _check(given: Given) -> None:
    require(given.of(SourceSettings), "input")
    given.of(ShardSettings).check()
    given.of(FaceSettings).check()
    given.of(SplitSettings).check()
    given.of(MetricsSettings).check()


def _brief(given: Given) -> bool:
    return is_brief(given.of(SourceSettings).input)


def _run(given: Given) -> int:
    from fer_spark.pipelines.build.run import BuildSettings, run

    parts = given.of(SourceSettings), given.of(FaceSettings), given.of(SplitSettings), given.of(ShardSettings)
    return (
        TOO_MANY_BAD
        if run(BuildSettings(*parts), given.conf, given.master, given.of(MetricsSettings).metrics_file).too_many_bad
        else OK
    )


COMMAND = Command(
    "build-shards",
    _DESCRIPTION,
    (
        (SourceSettings, "source"),
        (FaceSettings, "faces"),
        (SplitSettings, "splits"),
        (ShardSettings, "shards"),
        (MetricsSettings, "operations"),
    ),
    _check,
    _run,
    "fer_spark.pipelines.build.run",
    usage="--input URI --output URI [--source S] [flags]",
    spark="spark",
    session=True,
    brief=_brief,
)
main = COMMAND.main
