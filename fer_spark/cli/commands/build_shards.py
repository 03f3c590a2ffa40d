"""`fer-spark build-shards`: face pictures → Parquet shards of prepared faces, every picture accounted for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from fer_spark.cli.flags import USAGE_ERROR, HelpFormatter, add_flags, add_spark_flags, parse, settings_from
from fer_spark.faces.model_file import ModelFileError
from fer_spark.faces.settings import FaceSettings
from fer_spark.pipelines.build.context import BuildSettings
from fer_spark.pipelines.build.plan import ExistingOutputError
from fer_spark.pipelines.build.run import run_build
from fer_spark.pipelines.build.summary import print_summary
from fer_spark.shards.manifest import ManifestError
from fer_spark.shards.settings import ShardSettings
from fer_spark.shards.staging import StagingError
from fer_spark.sources.settings import SourceSettings, SplitSettings

OK, FAILED, TOO_MANY_BAD = 0, 1, 3
_SETTINGS = (SourceSettings, FaceSettings, SplitSettings, ShardSettings)
_USAGE = "fer-spark build-shards --source S --input URI --output URI [flags]"
_DESCRIPTION = """Face pictures → Parquet shards of prepared faces, every picture accounted for.

  fer-spark build-shards --source folder  --input pictures/                 --output shards/
  fer-spark build-shards --source fer2013 --input fer2013.csv               --output shards/
  fer-spark build-shards --source images  --input s3a://lake/2026/          --output s3a://lake/shards --size 256:rgb
  spark-submit jobs/build_shards.py       --source legend --input legend.csv --images images/ --output hdfs:///shards

Exit codes: 0 published, or nothing left to do; 1 failed; 2 wrong usage; 3 more bad pictures than --max-bad-fraction.
"""


def parser() -> argparse.ArgumentParser:
    """The command line, made from the settings' own fields."""
    made = argparse.ArgumentParser(
        prog="fer-spark build-shards",
        usage=_USAGE,
        description=_DESCRIPTION,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    for settings, title in zip(_SETTINGS, ("source", "faces", "splits", "shards"), strict=True):
        add_flags(made, settings, title)
    add_spark_flags(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Build shards; returns the exit code. Wrong usage raises SystemExit(2), as argparse does."""
    line = parser()
    parsed = parse(line, argv, _SETTINGS)
    settings = BuildSettings(
        settings_from(parsed, SourceSettings),
        settings_from(parsed, FaceSettings),
        settings_from(parsed, SplitSettings),
        settings_from(parsed, ShardSettings),
    )
    console = Console(stderr=True)
    try:
        settings.shards.check()
        settings.faces.check()
        settings.splits.check()
        from fer_spark.spark.progress import JobProgress
        from fer_spark.spark.session import get_session

        spark = get_session("fer-spark build-shards", parsed.conf, parsed.master)
        done = run_build(spark, settings, JobProgress(spark.sparkContext))
    except (ExistingOutputError, ModelFileError, ValueError) as error:
        console.print(f"[bold]fer-spark build-shards:[/bold] {escape(str(error))}", highlight=False, soft_wrap=True)
        return USAGE_ERROR
    except (ManifestError, StagingError) as error:
        told = f"[bold red]fer-spark build-shards failed:[/bold red] {escape(str(error))}"
        console.print(told, highlight=False, soft_wrap=True)
        return FAILED
    print_summary(done, settings.shards)
    return TOO_MANY_BAD if done.too_many_bad else OK


if __name__ == "__main__":
    sys.exit(main())
