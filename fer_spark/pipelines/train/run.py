"""What `fer-spark train` does with its settings: shards, network, teachers and loss joined, trained, published."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from fer_spark.networks.build import rebuild_network
from fer_spark.networks.bundle import save_bundle
from fer_spark.networks.card import BundleError
from fer_spark.pipelines.train.card import looks_mirrored, make_card, print_summary
from fer_spark.pipelines.train.open import Opened, open_run
from fer_spark.pipelines.train.settings import AllSettings, RunSettings
from fer_spark.shards.read.reader import ShardError
from fer_spark.training.checkpoint import CheckpointError
from fer_spark.training.listeners import JsonLines, Listener, MlFlow, TensorBoard, Terminal
from fer_spark.training.on_spark import ProcessError, distribute
from fer_spark.training.ranks import Ranks, choose_device, joined
from fer_spark.training.trainer import Trained, Trainer

__all__ = ["FAILURES", "USAGE", "AllSettings", "RunSettings", "run", "run_on_spark"]


class RunError(Exception):
    """Training broke off: a file of the shards turned out damaged, or the weights cannot be published."""


USAGE = (ShardError, BundleError, ValueError, ImportError)
FAILURES = (RunError, CheckpointError, FloatingPointError, ProcessError, OSError)
_CHECKPOINTS, _METRICS, _CARD, _MODEL_CARD = "checkpoints", "metrics.jsonl", "card.json", "MODEL_CARD.md"


def run(settings: AllSettings, stopping: list[int]) -> bool:
    """Train and publish the bundle; False when it stopped before the end, with a checkpoint to resume from.

    Nothing of an earlier run is touched before the settings, the shards and the bundles have been found to fit.
    """
    output = Path(settings.run.output)
    with ExitStack() as stack:
        ranks = stack.enter_context(joined(settings.train.device))
        device = choose_device(settings.train.device)
        if settings.train.threads:
            torch.set_num_threads(settings.train.threads)
        if (output / _CARD).exists() and not settings.run.overwrite:
            raise ValueError(f"{output} holds a finished bundle; choose another --output, or --overwrite")
        opened = open_run(settings, ranks, device, stack)
        console = Console(stderr=True)
        listen, end = _listener(settings, ranks, console, output, stack)
        if ranks.leads:
            _make_room(output, settings.run.overwrite)
        ranks.agree_on([False], device)  # nobody looks for a checkpoint before the first has made room
        trainer = Trainer(
            opened.task, settings.used_in_training, settings.augment, output / _CHECKPOINTS, device, ranks
        )
        try:
            trained = trainer.fit(listen, lambda: bool(stopping))
            listen("history", {"history": trained.history})  # a kill may have come between checkpoint and figures
            end(trained.finished)
            if not trained.finished:
                if ranks.leads:
                    _print_stopped(console, output, settings.run.overwrite)
                return False
            _publish(settings, opened, trained, trainer, ranks, console)
        except (ShardError, ValueError) as error:
            raise RunError(str(error)) from error
    return True


def _publish(
    settings: AllSettings, opened: Opened, trained: Trained, trainer: Trainer, ranks: Ranks, console: Console
) -> None:
    """Test the kept network once more, on all ranks, and write the bundle on the first."""
    output = Path(settings.run.output)
    val = mirrored = None
    if opened.val is not None:
        val = trainer.answers(opened.val, trained.network)
        mirrored = trainer.answers(opened.val, trained.network, True) if looks_mirrored(settings) else val
    if not ranks.leads:
        return
    dtype = "float16" if settings.run.half_weights else "float32"
    network = rebuild_network(opened.start.name, opened.start.arguments)
    network.load_state_dict(trained.network.state_dict())
    card = save_bundle(output, network, make_card(settings, opened, trained, val, mirrored), dtype)
    print_summary(console, output, card, trained)
    shutil.rmtree(output / _CHECKPOINTS, ignore_errors=True)


def _print_stopped(console: Console, output: Path, overwrite: bool) -> None:
    how = "the same command again, without --overwrite," if overwrite else "the same command again"
    line = f"Stopped; run {how} to resume from {output / _CHECKPOINTS}"
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def run_on_spark(
    program: Callable[[list[str]], int], arguments: list[str], settings: AllSettings, conf: Sequence[str], master: str
) -> int:
    """Run `program`, the command by rank.run_rank, in several processes on Spark's executors; its exit code."""
    from fer_spark.spark.session import get_session

    name = "fer-spark train"
    output = Path(settings.run.output)
    if (output / _CARD).exists() and not settings.run.overwrite:
        raise ValueError(f"{output} holds a finished bundle; choose another --output, or --overwrite")
    spark = get_session(name, conf, master)
    words = [*arguments, "--processes", "0"]  # the last one wins, also over a --config file
    return distribute(spark, program, words, settings.run.processes, settings.train.device != "cpu", f"{name}: ")


def _make_room(output: Path, overwrite: bool) -> None:
    if overwrite:
        for stale in (output / name for name in (_CHECKPOINTS, _CARD, _METRICS, _MODEL_CARD)):
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink(missing_ok=True)
    output.mkdir(parents=True, exist_ok=True)


def _listener(
    settings: AllSettings, ranks: Ranks, console: Console, output: Path, stack: ExitStack
) -> tuple[Listener, Callable[[bool], None]]:
    """Receives the figures, and a function to call with whether the run finished."""
    if not ranks.leads:
        return lambda event, figures: None, lambda finished: None
    terminal = Terminal(console, settings.train.epochs)
    stack.callback(terminal.close)
    listeners: list[Listener] = [terminal, JsonLines(output / _METRICS)]
    enders: list[Callable[[bool], None]] = []
    if settings.run.tensorboard:
        board = TensorBoard(settings.run.tensorboard)
        stack.callback(board.close)
        listeners.append(board)
    if settings.run.mlflow:
        flat = {key: value for group in dataclasses.asdict(settings).values() for key, value in group.items()}
        resumes = not settings.run.overwrite and any((output / _CHECKPOINTS).glob("step-*"))
        tracked = MlFlow(settings.run.mlflow, output.name, flat, str(output.absolute()), resumes)
        stack.callback(tracked.close)
        listeners.append(tracked)
        enders.append(tracked.end)

    def listen(event: str, figures: dict[str, Any]) -> None:
        for listener in listeners:
            listener(event, figures)

    def end(finished: bool) -> None:
        for ender in enders:
            ender(finished)

    return listen, end
