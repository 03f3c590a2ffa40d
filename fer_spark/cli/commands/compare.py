"""`fer-spark compare`: remedies for imbalance trained on one budget and one set of seeds, in one table."""

from __future__ import annotations

from fer_spark.cli.run import OK, STOPPED, Command, Given
from fer_spark.cli.training import GROUPS, settings_of, stop_signals
from fer_spark.pipelines.compare.methods import CompareSettings

_DESCRIPTION = """Which remedy for imbalanced classes helps on these shards? Trains each with every seed, and prints
one table: accuracy, balanced accuracy, macro-F1 and F1 per class, mean ± standard deviation over the seeds. A baseline
of k nearest neighbours on pixels is in the same table.

  fer-spark compare --shards shards/ --output comparison/ --epochs 10
  fer-spark compare --shards shards/ --output comparison/ --method none --method balanced --seeds 0,1,2,3,4

All other flags are those of `fer-spark train` and hold for every run. Runs that are finished are kept: the same command
resumes where it stopped. In OUTPUT: comparison.json, comparison.csv, comparison.png, and a bundle per run.

Exit codes: 0 compared; 1 a run failed; 2 wrong usage; 4 stopped by a signal or --max-minutes: start again.
"""


def _check(given: Given) -> None:
    settings = settings_of(given)
    given.of(CompareSettings).check()
    settings.check()
    if settings.run.processes:
        raise ValueError("--processes: compare trains one run at a time, here")


def _run(given: Given) -> int:
    from fer_spark.pipelines.compare.run import run

    with stop_signals() as stopping:
        return OK if run(given.of(CompareSettings), settings_of(given), stopping) else STOPPED


COMMAND = Command(
    "compare",
    _DESCRIPTION,
    ((CompareSettings, "comparison"), *GROUPS),
    _check,
    _run,
    "fer_spark.pipelines.compare.run",
    usage="--shards URI --output DIR [flags]",
)
main = COMMAND.main
