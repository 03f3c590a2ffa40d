"""`fer-spark train`: shards → a bundle, with checkpoints, figures per epoch, and the epoch chosen on the val split."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape

from fer_spark.cli.flags import USAGE_ERROR, HelpFormatter, add_flags, parse, settings_from
from fer_spark.networks.settings import NetworkSettings
from fer_spark.settings import flag
from fer_spark.shards.read.settings import ReadSettings
from fer_spark.training.augment_settings import AugmentSettings
from fer_spark.training.imbalance.settings import ImbalanceSettings
from fer_spark.training.settings import TrainSettings

OK, FAILED, STOPPED = 0, 1, 4
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


@dataclass(frozen=True)
class RunSettings:
    """Where a run reads and writes, and who hears of it."""

    shards: str = field(default="", metadata={"help": "directory of shards, local or any URL", "metavar": "URI"})
    output: str = field(default="", metadata={"help": "local directory for the bundle", "metavar": "DIR"})
    train_split: str = field(default="train", metadata={"help": "split that is learnt"})
    val_split: str = field(default="val", metadata={"help": "split that chooses the epoch; empty: keep the last one"})
    overwrite: bool = field(default=False, metadata={"help": "start anew where --output holds a run already"})
    half_weights: bool = field(default=False, metadata={"help": "store the weights in float16: half the size"})
    tensorboard: str = field(default="", metadata={"help": "write TensorBoard scalars", "metavar": "DIR"})
    mlflow: str = field(
        default="",
        metadata={"help": "log the run to this MLflow store: a local directory or a URL", "metavar": "STORE"},
    )
    processes: int = field(
        default=0, metadata={"help": "train in so many processes on Spark's executors (TorchDistributor); 0: here"}
    )

    def check(self) -> None:
        """Raise ValueError naming what is missing."""
        for name in ("shards", "output"):
            if not getattr(self, name):
                raise ValueError(f"--{name} is missing")
        if self.train_split in (self.val_split, ""):
            raise ValueError(f"--train-split {self.train_split!r} and --val-split {self.val_split!r}: they must differ")
        if self.processes < 0:
            raise ValueError(f"--processes: {self.processes} is negative; 0 trains in this process")


@dataclass(frozen=True)
class AllSettings:
    """Everything `fer-spark train` can be told."""

    run: RunSettings
    read: ReadSettings
    network: NetworkSettings
    train: TrainSettings
    augment: AugmentSettings
    imbalance: ImbalanceSettings

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        self.run.check()
        self.read.check()
        self.network.check()
        self.train.check()
        self.imbalance.check()
        _check_ranges(self.train, _NOT_NEGATIVE, float("inf"))
        _check_ranges(self.augment, tuple(vars(self.augment)), float("inf"))
        _check_ranges(self.augment, _SHARES, 1.0)
        if self.network.freeze and not (self.train.init or self.network.weights):
            raise ValueError("--freeze trains the head alone: give what lies under it, --init BUNDLE or --weights FILE")


_NOT_NEGATIVE = (
    *("learning_rate", "weight_decay", "mixup_alpha", "clip_norm", "crop_px", "patience", "va_weight", "threads"),
    *("checkpoint_minutes", "max_minutes"),
)
_SHARES = ("flip_prob", "affine_prob", "light_prob", "erase_prob", "erase_frac", "shift_frac")


def _check_ranges(settings: TrainSettings | AugmentSettings, names: tuple[str, ...], largest: float) -> None:
    """Raise ValueError naming the first number outside 0 to `largest`."""
    for name in names:
        value = getattr(settings, name)
        if not 0 <= value <= largest:
            raise ValueError(f"{flag(name)}: {value}, expected {'0 or more' if largest > 1 else '0 to 1'}")


SETTINGS = (RunSettings, ReadSettings, NetworkSettings, TrainSettings, AugmentSettings, ImbalanceSettings)
TITLES = ("run", "reading", "network", "training", "augmentation", "imbalance")


def parser() -> argparse.ArgumentParser:
    """The command line, made from the settings' own fields."""
    made = argparse.ArgumentParser(
        prog="fer-spark train",
        usage="fer-spark train --shards URI --output DIR [flags]",
        description=_DESCRIPTION,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    for settings, title in zip(SETTINGS, TITLES, strict=True):
        add_flags(made, settings, title)
    spark = made.add_argument_group("spark, for --processes")
    spark.add_argument("--master", default="", help="Spark master, e.g. local[4]")
    spark.add_argument("--conf", action="append", default=[], metavar="KEY=VALUE", help="a Spark setting")
    return made


def settings_of(parsed: argparse.Namespace) -> AllSettings:
    return AllSettings(
        settings_from(parsed, RunSettings),
        settings_from(parsed, ReadSettings),
        settings_from(parsed, NetworkSettings),
        settings_from(parsed, TrainSettings),
        settings_from(parsed, AugmentSettings),
        settings_from(parsed, ImbalanceSettings),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Train; returns the exit code. Wrong usage raises SystemExit(2), as argparse does."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parsed = parse(parser(), arguments, SETTINGS)
    console = Console(stderr=True)
    try:
        settings = settings_of(parsed)
        settings.check()
        settings.imbalance.check_used()
        from fer_spark.pipelines.train.run import FAILURES, USAGE, run_training, train_on_spark
    except ValueError as error:
        return _say(console, error, USAGE_ERROR)
    except ImportError as error:
        return _say(console, f"{error}; training needs pip install 'fer-spark[train]'", USAGE_ERROR)
    try:
        if settings.run.processes:
            finished = train_on_spark(arguments, settings, parsed.master, parsed.conf)
        else:
            with stop_signals() as stopping:
                finished = run_training(settings, stopping)
    except USAGE as error:
        return _say(console, error, USAGE_ERROR)
    except FAILURES as error:
        return _say(console, error, FAILED)
    return OK if finished else STOPPED


def _say(console: Console, error: Exception | str, code: int) -> int:
    head = "[bold red]fer-spark train failed:[/]" if code == FAILED else "[bold]fer-spark train:[/]"
    console.print(head, escape(str(error)), highlight=False, soft_wrap=True)
    return code


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collects SIGTERM and SIGINT, so that training can write a checkpoint first; a second one ends it at once."""
    caught: list[int] = []

    def note(number: int, _frame: object) -> None:
        caught.append(number)
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
