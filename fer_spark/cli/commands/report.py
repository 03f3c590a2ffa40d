"""`fer-spark report`: a run of scores, of explanations, or of both, as one page."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from fer_spark.cli.flags import USAGE_ERROR, HelpFormatter, add_flags, add_spark_flags, parse, settings_from
from fer_spark.pipelines.report.settings import ReportSettings

OK, FAILED = 0, 1
_DESCRIPTION = """Scores, explanations, or both, as one page that opens anywhere, without network.

  fer-spark report --scores scores/ --output report.html
  fer-spark report --scores scores/ --explanations why/ --output report.html --title "Night of 20 November"
  fer-spark report --scores s3a://lake/scores --where "batch >= 12" --output s3a://lake/reports/latest.html --overwrite

Counts, label mix and drift, confidence, calibration and confusion where labels are given, and a gallery of faces with
heat maps: a bounded number of faces leaves Spark, everything else is counted there. Faces come from the scores' crops
(score --keep-crop), else from the shards; --no-faces makes a page without pictures of people.

Exit codes: 0 written; 1 failed, nothing was written; 2 wrong usage, or nothing to report on.
"""


def parser() -> argparse.ArgumentParser:
    """The command line, made from the settings' own fields."""
    made = argparse.ArgumentParser(
        prog="fer-spark report",
        usage="fer-spark report [--scores URI] [--explanations URI] --output FILE.html [flags]",
        description=_DESCRIPTION,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    add_flags(made, ReportSettings, "report")
    add_spark_flags(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page; returns the exit code. Wrong usage of flags raises SystemExit(2), as argparse does."""
    parsed = parse(parser(), argv, (ReportSettings,))
    settings = settings_from(parsed, ReportSettings)
    console = Console(stderr=True)
    try:
        settings.check()
        from py4j.protocol import Py4JError  # type: ignore[import-untyped]
        from pyspark.errors import PySparkException

        from fer_spark.pipelines.report.run import run_report
        from fer_spark.shards.manifest import ManifestError
        from fer_spark.sources.lake import first_line
    except ValueError as error:
        return _say(console, error, USAGE_ERROR)
    except ImportError as error:
        return _say(console, f"{error}; this needs pip install 'fer-spark[train,explain,report]'", USAGE_ERROR)
    try:
        where = run_report(settings, parsed.conf, parsed.master)
    except (ValueError, ManifestError) as error:
        return _say(console, error, USAGE_ERROR)
    except (Py4JError, OSError) as error:
        return _say(console, first_line(error), FAILED)
    except PySparkException as error:
        return _say(console, error, FAILED)
    Console().print(f"Open {where}", highlight=False, soft_wrap=True, markup=False)
    return OK


def _say(console: Console, error: Exception | str, code: int) -> int:
    head = "[bold red]fer-spark report failed:[/]" if code == FAILED else "[bold]fer-spark report:[/]"
    console.print(head, escape(str(error)), highlight=False, soft_wrap=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
