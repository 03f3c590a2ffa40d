"""`fer-spark evaluate`: how well a bundle does on a split of shards, in figures, pictures and one page."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from fer_spark.cli.flags import USAGE_ERROR, HelpFormatter, add_flags, parse, settings_from
from fer_spark.pipelines.evaluate.settings import EvaluateSettings

if TYPE_CHECKING:
    from fer_spark.pipelines.evaluate.answer import Matched

OK, FAILED = 0, 1
_DESCRIPTION = """How well a bundle does on a split of shards: figures with intervals, pictures, and one page.

  fer-spark evaluate --bundle fer2013 --shards shards/ --split val  --output evaluation/
  fer-spark evaluate --bundle model/  --shards shards/ --split test --output final/        (once, at the end)

With and without test-time augmentation, with and without pictures that are also in train or come twice. Writes
metrics.json, predictions.parquet, confusion.png, reliability.png, classes.png, mistakes.png and report.html.
A test split is to be measured once, at the end: whoever chooses by its figures has used it up.

Exit codes: 0 written; 1 failed, nothing was written; 2 wrong usage, or a bundle and shards that do not fit each other.
"""


def parser() -> argparse.ArgumentParser:
    """The command line, made from the settings' own fields."""
    made = argparse.ArgumentParser(
        prog="fer-spark evaluate",
        usage="fer-spark evaluate --bundle BUNDLE --shards URI --split S --output DIR [flags]",
        description=_DESCRIPTION,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    add_flags(made, EvaluateSettings, "evaluation")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate; returns the exit code. Wrong usage of flags raises SystemExit(2), as argparse does."""
    settings = settings_from(parse(parser(), argv, (EvaluateSettings,)), EvaluateSettings)
    console = Console(stderr=True)
    try:
        settings.check()
        from fer_spark.pipelines.evaluate.answer import FAILURES, USAGE, match
        from fer_spark.pipelines.evaluate.output import check_output
    except ValueError as error:
        return _say(console, error, USAGE_ERROR)
    except ImportError as error:
        return _say(console, f"{error}; this needs pip install 'fer-spark[train,report]'", USAGE_ERROR)
    try:
        check_output(settings.output_path, settings.overwrite)
        matched = match(settings)
    except USAGE as error:
        return _say(console, error, USAGE_ERROR)
    try:
        _measure(settings, matched, console)
    except ImportError as error:  # Petastorm, which is installed apart, or a storage's package
        return _say(console, error, USAGE_ERROR)
    except FAILURES as error:
        return _say(console, error, FAILED)
    return OK


def _measure(settings: EvaluateSettings, matched: Matched, console: Console) -> None:
    from fer_spark.pipelines.evaluate.answer import answer
    from fer_spark.pipelines.evaluate.output import write_output
    from fer_spark.pipelines.evaluate.report import Measured
    from fer_spark.pipelines.evaluate.score import score
    from fer_spark.pipelines.evaluate.summary import print_summary
    from fer_spark.shards.identities import read_identities

    identities = read_identities(matched.files)
    answers = answer(settings, matched, console)
    measured = Measured(settings, matched, answers, identities, score(settings, matched, answers, identities))
    print_summary(measured, write_output(measured))
    if settings.record:
        from fer_spark.pipelines.evaluate.record import record

        console.print(f"Recorded in {record(measured)}", highlight=False, soft_wrap=True, markup=False)


def _say(console: Console, error: Exception | str, code: int) -> int:
    head = "[bold red]fer-spark evaluate failed:[/]" if code == FAILED else "[bold]fer-spark evaluate:[/]"
    console.print(head, escape(str(error)), highlight=False, soft_wrap=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
