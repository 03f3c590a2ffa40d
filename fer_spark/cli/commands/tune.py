"""`fer-spark tune`: a search for settings of training, each trial a training of its own."""

from __future__ import annotations

from fer_spark.cli.run import FAILED, OK, STOPPED, Command, Given
from fer_spark.cli.training import GROUPS, settings_of, stop_signals
from fer_spark.pipelines.tune.check import check, space_of
from fer_spark.pipelines.tune.settings import TuneSettings
from fer_spark.pipelines.tune.space import plain_space

_DESCRIPTION = """Search settings of training with Optuna (TPE), each trial a training in OUT/trials/NNNN.

  fer-spark tune --shards shards/ --output tuned/ --trials 20 --epochs 10
  fer-spark tune --shards shards/ --output tuned/ --space space.toml --select-on macro_f1 --sampler balanced
  fer-spark tune --shards /shared/shards --output /shared/tuned --trials 40 --parallel 8 --master yarn
  fer-spark tune --show-space > space.toml          (a space to start from)

All flags of `fer-spark train` hold for every trial, but for the settings that the space varies. A space is TOML:

  learning_rate = {low = 0.01, high = 0.5, log = true}
  label_smoothing = {low = 0.0, high = 0.2, step = 0.05}
  sampler = ["natural", "sqrt"]

--select-on is what trials are compared by, on --val-split; the test split is never read. The same command resumes a
search that was stopped, also with more --trials: finished trials are kept, running ones resume at their checkpoint.
With --parallel each trial is a Spark task; --output must be on a disk that all share, and paths should be absolute.

OUT/best is the best trial's bundle, OUT/best.toml its settings for `fer-spark train --config`; trials.csv, tuning.json
and importances.png hold every trial and the hyperparameter importance.

Exit codes: 0 published; 1 failed, also when every trial did; 2 wrong usage; 4 stopped by --max-minutes (which here
limits the whole search) or a signal: start again.
"""


def _check(given: Given) -> int | None:
    settings, tune = settings_of(given), given.of(TuneSettings)
    if tune.show_space:
        import tomli_w

        print(tomli_w.dumps(plain_space(space_of(tune, settings))), end="")
        return OK
    space_of(tune, check(settings, tune))
    return None


def _run(given: Given) -> int:
    from fer_spark.pipelines.tune.run import open_session, run

    tune = given.of(TuneSettings)
    settings = check(settings_of(given), tune)
    spark = open_session(tune, given.conf, given.master)
    with stop_signals() as stopping:  # after the session, which has a handler of its own
        ended = run(settings, tune, space_of(tune, settings), spark, stopping)
    return {"complete": OK, "stopped": STOPPED}.get(ended, FAILED)


COMMAND = Command(
    "tune",
    _DESCRIPTION,
    ((TuneSettings, "search"), *GROUPS),
    _check,
    _run,
    "fer_spark.pipelines.tune.run",
    usage="--shards URI --output DIR [--space FILE.toml] [--trials N] [flags]",
    needs=" (pip install 'fer-spark[train,tune,report]')",
    spark="spark, for --parallel",
)
main = COMMAND.main
