"""`fer-spark score`: pictures → one row per face with its perceived expression, every picture accounted for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from fer_spark.cli.flags import USAGE_ERROR, HelpFormatter, add_flags, add_spark_flags, parse, settings_from
from fer_spark.explaining.settings import LimeSettings
from fer_spark.scoring.settings import ScoreSettings
from fer_spark.sources.settings import SourceSettings

OK, FAILED, TOO_MANY_BAD = 0, 1, 3
_SETTINGS = (ScoreSettings, SourceSettings, LimeSettings)
_DESCRIPTION = """Pictures → one row per face with its perceived expression, every picture accounted for.

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

Exit codes: 0 scored, or nothing new, or another run is at work; 1 failed; 2 wrong usage; 3 more bad pictures than
--max-bad-fraction (a single run publishes nothing then, an incremental one keeps what it scored).
"""


def parser() -> argparse.ArgumentParser:
    """The command line, made from the settings' own fields."""
    from fer_spark.pipelines.score.sources import ALL_SOURCES

    made = argparse.ArgumentParser(
        prog="fer-spark score",
        usage="fer-spark score --bundle BUNDLE --source S --input URI --output URI [flags]",
        description=_DESCRIPTION,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    add_flags(made, ScoreSettings, "scoring")
    add_flags(made, SourceSettings, "source")
    add_flags(made, LimeSettings, "explanations, with --explain")
    for action in made._actions:
        if action.dest == "source":
            action.choices = ALL_SOURCES
    add_spark_flags(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Score; returns the exit code. Wrong usage raises SystemExit(2), as argparse does."""
    parsed = parse(parser(), argv, _SETTINGS)
    settings, source = settings_from(parsed, ScoreSettings), settings_from(parsed, SourceSettings)
    lime = settings_from(parsed, LimeSettings)
    console = Console(stderr=True)
    try:
        settings.check()
        lime.check()
        if not source.source:
            raise ValueError("--source is missing")
        from fer_spark.pipelines.score.context import Asked
        from fer_spark.pipelines.score.run import FAILURES, USAGE, run_score
    except ValueError as error:
        return _say(console, error, USAGE_ERROR)
    except ImportError as error:
        return _say(
            console, f"{error}; scoring needs pip install 'fer-spark[train]', --explain also [explain]", USAGE_ERROR
        )
    try:
        too_many_bad = run_score(Asked(settings, source, lime), parsed.conf, parsed.master)
    except USAGE as error:
        return _say(console, error, USAGE_ERROR)
    except FAILURES as error:
        return _say(console, error, FAILED)
    return TOO_MANY_BAD if too_many_bad else OK


def _say(console: Console, error: Exception | str, code: int) -> int:
    head = "[bold red]fer-spark score failed:[/]" if code == FAILED else "[bold]fer-spark score:[/]"
    console.print(head, escape(str(error)), highlight=False, soft_wrap=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
