"""`fer-spark train`: shards → a bundle, with checkpoints, figures per epoch, and the epoch chosen on the val split."""

from __future__ import annotations

from fer_spark.cli.run import OK, STOPPED, Command, Given
from fer_spark.cli.training import GROUPS, settings_of, stop_signals
from fer_spark.pipelines.train.rank import run_rank

_DESCRIPTION = """Shards → a model: a bundle of weights.safetensors and card.json, and metrics.jsonl beside it.

  fer-spark train --shards shards/ --output model/
  fer-spark train --shards shards/ --output model/ --sampler balanced --select-on macro_f1
  fer-spark train --shards own/    --output tuned/ --init fer2013 --epochs 10 --learning-rate 0.01
  torchrun --nproc-per-node 2 -m fer_spark train --shards shards/ --output model/
  fer-spark train --shards s3://lake/shards --output model/ --processes 4          (on the executors of Spark)

The epoch that is kept is the best one on --val-split; the test split is never looked at. A run that was broken off goes
on from its last checkpoint, with the same result as if it had never stopped, when it is started again.

Exit codes: 0 the bundle is written; 1 failed; 2 wrong usage; 4 stopped by --max-minutes or a signal: start again.
(torchrun itself ends with 1 whenever one of its processes does not end with 0.)
"""


def _check(given: Given) -> None:
    settings = settings_of(given)
    settings.check()
    settings.imbalance.check_used()


def _run(given: Given) -> int:
    from fer_spark.pipelines.train.run import run, run_on_spark

    settings = settings_of(given)
    if settings.run.processes:
        return run_on_spark(rank, given.arguments, settings, given.conf, given.master)
    with stop_signals() as stopping:
        return OK if run(settings, stopping) else STOPPED


COMMAND = Command(
    "train",
    _DESCRIPTION,
    GROUPS,
    _check,
    _run,
    "fer_spark.pipelines.train.run",
    usage="--shards URI --output DIR [flags]",
    needs="; training needs pip install 'fer-spark[train]'",
    spark="spark, for --processes",
)
main = COMMAND.main


def rank(arguments: list[str]) -> int:
    """The command in one of the processes that --processes starts; its exit code."""
    return run_rank(main, (OK, STOPPED), arguments)
