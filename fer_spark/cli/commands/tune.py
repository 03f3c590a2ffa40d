"""`fer-spark tune`: a search for settings of training, each trial a training of its own."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from fer_spark.cli.commands.train import FAILED, OK, SETTINGS, STOPPED, AllSettings, settings_of, stop_signals
from fer_spark.cli.flags import USAGE_ERROR, HelpFormatter, add_flags, parse, settings_from
from fer_spark.pipelines.tune.space import Space, default_space, plain_space, toml
from fer_spark.pipelines.tune.space_file import read_space

_TITLES = ("run", "reading", "network", "training", "augmentation", "imbalance")
_DESCRIPTION = """Search settings of training with Optuna (TPE), each trial a training in OUT/trials/NNNN.

  fer-spark tune --shards shards/ --output tuned/ --trials 20 --epochs 10
  fer-spark tune --shards shards/ --output tuned/ --space space.toml --select-on macro_f1 --sampler balanced
  fer-spark tune --shards /shared/shards --output /shared/tuned --trials 40 --parallel 8 --master yarn
  fer-spark tune --show-space > space.toml          (a space to start from)

All flags of `fer-spark train` hold for every trial, but for the settings that the space varies. A space is TOML:

  learning_rate = {low = 0.01, high = 0.5, log = true}
  label_smoothing = {low = 0.0, high = 0.2, step = 0.05}
  sampler = ["natural", "sqrt"]

--select-on is what trials are compared by, on --val-split; the test split is never looked at. A search that was broken
off goes on when it is started again, also with more --trials: finished trials are kept, those that were running go on.
With --parallel each trial is a Spark task, --output lies on a disk that all share, and paths are best given whole.

OUT/best is the best trial's bundle, OUT/best.toml its settings for `fer-spark train --config`; trials.csv, tuning.json
and importances.png say what was tried and what mattered.

Exit codes: 0 published; 1 failed, also when every trial did; 2 wrong usage; 4 stopped by --max-minutes (which here
limits the whole search) or a signal: start again.
"""


@dataclass(frozen=True)
class TuneSettings:
    """What is searched, and how long."""

    space: str = field(
        default="", metadata={"help": "what is varied; empty: what --show-space prints", "metavar": "FILE.toml"}
    )
    trials: int = field(default=20, metadata={"help": "trainings in all, those of earlier starts included"})
    parallel: int = field(default=1, metadata={"help": "trials at once, as Spark tasks; 1: here, without Spark"})
    search_seed: int = field(default=0, metadata={"help": "what is tried is a function of this seed and the results"})
    show_space: bool = field(default=False, metadata={"help": "print the space as TOML, and nothing else"})

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        for name in ("trials", "parallel"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name}: {getattr(self, name)}, expected 1 or more")
        if self.search_seed < 0:
            raise ValueError(f"--search-seed: {self.search_seed} is negative")


def parser() -> argparse.ArgumentParser:
    """The command line: the search's own flags, then those of `fer-spark train`."""
    made = argparse.ArgumentParser(
        prog="fer-spark tune",
        usage="fer-spark tune --shards URI --output DIR [--space FILE.toml] [--trials N] [flags]",
        description=_DESCRIPTION,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    add_flags(made, TuneSettings, "search")
    for settings, title in zip(SETTINGS, _TITLES, strict=True):
        add_flags(made, settings, title)
    spark = made.add_argument_group("spark, for --parallel")
    spark.add_argument("--master", default="", help="Spark master, e.g. local[4]")
    spark.add_argument("--conf", action="append", default=[], metavar="KEY=VALUE", help="a Spark setting")
    return made


def space_of(tune: TuneSettings, settings: AllSettings) -> Space:
    """What --space declares, or the built-in one. Raises ValueError for a space that cannot be searched."""
    if tune.space:
        return read_space(Path(tune.space), settings)
    space = default_space(settings)
    if not space:
        raise ValueError("every setting of the built-in space is given as a flag; declare another with --space")
    return space


def check(settings: AllSettings, tune: TuneSettings) -> AllSettings:
    """The settings with absolute paths. Raises ValueError naming the first that cannot be."""
    settings.check()
    tune.check()
    if not settings.run.val_split:
        raise ValueError("--val-split is empty: trials are compared on it")
    if settings.run.processes:
        raise ValueError("--processes: a trial trains in one process; --parallel trains several at once")
    run = settings.run
    shards = run.shards if "://" in run.shards else str(Path(run.shards).absolute())
    return dataclasses.replace(
        settings, run=dataclasses.replace(run, shards=shards, output=str(Path(run.output).absolute()))
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Search; returns the exit code. Wrong usage raises SystemExit(2), as argparse does."""
    parsed = parse(parser(), argv, (TuneSettings, *SETTINGS))
    console = Console(stderr=True)
    try:
        settings, tune = settings_of(parsed), settings_from(parsed, TuneSettings)
        if tune.show_space:
            for name, one in plain_space(space_of(tune, settings)).items():
                print(f"{name} = {toml(one)}")
            return OK
        settings = check(settings, tune)
        space = space_of(tune, settings)
        from fer_spark.pipelines.tune.run import SEARCH_FAILURES, USAGE, run_search
    except (ValueError, ImportError) as error:
        needs = " (pip install 'fer-spark[train,tune,report]')" if isinstance(error, ImportError) else ""
        console.print(f"[bold]fer-spark tune:[/bold] {escape(f'{error}{needs}')}", highlight=False, soft_wrap=True)
        return USAGE_ERROR
    try:
        spark = None
        if tune.parallel > 1:
            from fer_spark.spark.session import get_session

            spark = get_session("fer-spark tune", parsed.conf, parsed.master)
        with stop_signals() as stopping:  # after the session, which has a handler of its own
            ended = run_search(settings, tune, space, spark, stopping)
    except USAGE as error:
        console.print(f"[bold]fer-spark tune:[/bold] {escape(str(error))}", highlight=False, soft_wrap=True)
        return USAGE_ERROR
    except SEARCH_FAILURES as error:
        said = escape(str(error))
        console.print(f"[bold red]fer-spark tune failed:[/bold red] {said}", highlight=False, soft_wrap=True)
        return FAILED
    return {"complete": OK, "stopped": STOPPED}.get(ended, FAILED)


if __name__ == "__main__":
    sys.exit(main())
