"""`fer-spark explore`: what a data set holds, before anything is trained on it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from fer_spark.cli.flags import USAGE_ERROR, HelpFormatter, add_flags, add_spark_flags, parse, settings_from
from fer_spark.exploring.settings import PictureSettings
from fer_spark.pipelines.explore.settings import ExploreSettings
from fer_spark.sources.settings import SourceSettings

OK, FAILED = 0, 1
_SETTINGS = (ExploreSettings, PictureSettings, SourceSettings)
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


def parser() -> argparse.ArgumentParser:
    """The command line, made from the settings' own fields."""
    made = argparse.ArgumentParser(
        prog="fer-spark explore",
        usage="fer-spark explore --source S --input URI --output URI [flags]",
        description=_DESCRIPTION,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    for settings, title in zip(_SETTINGS, ("exploration", "pictures", "source"), strict=True):
        add_flags(made, settings, title)
    add_spark_flags(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Explore; returns the exit code. Wrong usage of flags raises SystemExit(2), as argparse does."""
    parsed = parse(parser(), argv, _SETTINGS)
    settings, pictures = settings_from(parsed, ExploreSettings), settings_from(parsed, PictureSettings)
    source = settings_from(parsed, SourceSettings)
    console, began = Console(stderr=True), time.monotonic()
    try:
        settings.check(source.source)
        pictures.check()
        import fer_spark.reports.exploration.page  # noqa: F401  # before any work: the page needs packages of its own
    except ValueError as error:
        return _say(console, error, USAGE_ERROR)
    except ImportError as error:
        return _say(console, f"{error}; the report needs pip install 'fer-spark[report]'", USAGE_ERROR)
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]
    from pyspark.errors import PySparkException

    from fer_spark.artifacts import Storage
    from fer_spark.pipelines.explore.output import PAGE, check_output, default_page, summary_of, write_output
    from fer_spark.pipelines.explore.run import explore
    from fer_spark.pipelines.explore.summary import print_summary
    from fer_spark.shards.manifest import ManifestError
    from fer_spark.sources.lake import first_line
    from fer_spark.spark.progress import JobProgress
    from fer_spark.spark.session import get_session

    try:
        spark = get_session("fer-spark explore", parsed.conf, parsed.master)
        storage = Storage(spark, settings.output)
        check_output(spark, storage, settings.on_existing)
        found = explore(spark, settings, source, pictures, JobProgress(spark.sparkContext))
        total_s = time.monotonic() - began
        summary = summary_of(found, (settings, source, pictures), total_s, spark.sparkContext.defaultParallelism)
        write_output(spark, storage, found, summary, default_page)
    except ValueError as error:
        return _say(console, error, USAGE_ERROR)
    except (Py4JError, OSError) as error:
        return _say(console, first_line(error), FAILED)
    except (ManifestError, PySparkException) as error:
        return _say(console, error, FAILED)
    print_summary(found, storage.uri(PAGE), total_s)
    return OK


def _say(console: Console, error: Exception | str, code: int) -> int:
    head = "[bold red]fer-spark explore failed:[/]" if code == FAILED else "[bold]fer-spark explore:[/]"
    console.print(head, escape(str(error)), highlight=False, soft_wrap=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
