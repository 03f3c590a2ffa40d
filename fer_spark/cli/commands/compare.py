"""`fer-spark compare`: remedies for imbalance trained on one budget and one set of seeds, in one table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from fer_spark.cli.commands.train import FAILED, OK, SETTINGS, STOPPED, TITLES, settings_of, stop_signals
from fer_spark.cli.flags import USAGE_ERROR, HelpFormatter, add_flags, parse, settings_from
from fer_spark.pipelines.compare.methods import CompareSettings

_DESCRIPTION = """Which remedy for imbalanced classes helps on these shards? Trains each with every seed, and prints
one table: accuracy, balanced accuracy, macro-F1 and F1 per class, mean ± standard deviation over the seeds. A baseline
of k nearest neighbours on pixels stands in the same table.

  fer-spark compare --shards shards/ --output comparison/ --epochs 10
  fer-spark compare --shards shards/ --output comparison/ --method none --method balanced --seeds 0,1,2,3,4

All other flags are those of `fer-spark train` and hold for every run. Runs that are finished are kept: the same command
goes on where it was broken off. In OUTPUT: comparison.json, comparison.csv, comparison.png, and a bundle per run.

Exit codes: 0 compared; 1 a run failed; 2 wrong usage; 4 stopped by a signal or --max-minutes: start again.
"""


def parser() -> argparse.ArgumentParser:
    """The command line, made from the settings' own fields."""
    made = argparse.ArgumentParser(
        prog="fer-spark compare",
        usage="fer-spark compare --shards URI --output DIR [flags]",
        description=_DESCRIPTION,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    for settings, title in zip((CompareSettings, *SETTINGS), ("comparison", *TITLES), strict=True):
        add_flags(made, settings, title)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Compare; returns the exit code. Wrong usage raises SystemExit(2), as argparse does."""
    parsed = parse(parser(), argv, (CompareSettings, *SETTINGS))
    console = Console(stderr=True)
    usage, failed = "[bold]fer-spark compare:[/bold]", "[bold red]fer-spark compare failed:[/bold red]"
    try:
        asked, settings = settings_from(parsed, CompareSettings), settings_of(parsed)
        asked.check()
        settings.check()
        if settings.run.processes:
            raise ValueError("--processes: compare trains one run at a time, here")
        from fer_spark.pipelines.compare.run import run_comparison
        from fer_spark.pipelines.train.run import FAILURES, USAGE
    except ValueError as error:
        console.print(usage, escape(str(error)), highlight=False, soft_wrap=True)
        return USAGE_ERROR
    try:
        with stop_signals() as stopping:
            finished = run_comparison(asked, settings, stopping, console)
    except USAGE as error:
        console.print(usage, escape(str(error)), highlight=False, soft_wrap=True)
        return USAGE_ERROR
    except FAILURES as error:
        console.print(failed, escape(str(error)), highlight=False, soft_wrap=True)
        return FAILED
    return OK if finished else STOPPED


if __name__ == "__main__":
    sys.exit(main())
