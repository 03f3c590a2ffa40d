"""What `fer-spark train` does with its settings: shards, network, teachers and loss joined, trained, published."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console

from fer_spark.networks.build import rebuild_network
from fer_spark.networks.bundle import load_bundle, save_bundle
from fer_spark.networks.card import BundleError
from fer_spark.networks.parameters import parameter_groups
from fer_spark.pipelines.train.card import make_card, print_summary
from fer_spark.pipelines.train.check import check_data
from fer_spark.pipelines.train.start import Start, make_start, make_teacher
from fer_spark.shards.read.reader import ShardError, ShardReader, open_shards
from fer_spark.training.checkpoint import CheckpointError
from fer_spark.training.imbalance.losses import make_loss
from fer_spark.training.imbalance.sampling import make_resample
from fer_spark.training.listeners import JsonLines, Listener, MlFlow, TensorBoard, Terminal
from fer_spark.training.on_spark import ProcessError, distribute
from fer_spark.training.ranks import Ranks, choose_device, joined
from fer_spark.training.trainer import Task, Trained, Trainer

if TYPE_CHECKING:
    from fer_spark.cli.commands.train import AllSettings


class RunError(Exception):
    """Training broke off: a file of the shards turned out damaged, or the weights cannot be published."""


USAGE = (ShardError, BundleError, ValueError, ImportError)
FAILURES = (RunError, CheckpointError, FloatingPointError, ProcessError, OSError)
_CHECKPOINTS, _METRICS, _CARD, _MODEL_CARD = "checkpoints", "metrics.jsonl", "card.json", "MODEL_CARD.md"


@dataclasses.dataclass(frozen=True)
class Opened:
    """One run's parts; `teachers` names the bundles that it learns from, for the card."""

    train: ShardReader
    val: ShardReader | None
    start: Start
    teachers: list[dict[str, str]]
    task: Task


def run_training(settings: AllSettings, stopping: list[int]) -> bool:
    """Train and publish the bundle; False when it stopped before the end, with a checkpoint to go on from.

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
        opened = _open(settings, ranks, device, stack)
        console = Console(stderr=True)
        listen, end = _listener(settings, ranks, console, output, stack)
        if ranks.leads:
            _make_room(output, settings.run.overwrite)
        ranks.agree_on([False], device)  # nobody looks for a checkpoint before the first has made room
        trainer = Trainer(opened.task, settings.train, settings.augment, output / _CHECKPOINTS, device, ranks)
        try:
            trained = trainer.fit(listen, lambda: bool(stopping))
            listen("history", {"history": trained.history})  # a kill may have come between checkpoint and figures
            end(trained.finished)
            if not trained.finished:
                if ranks.leads:
                    _say_stopped(console, output, settings.run.overwrite)
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
    val = trainer.answers(opened.val, trained.network) if opened.val is not None else None
    if not ranks.leads:
        return
    dtype = "float16" if settings.run.half_weights else "float32"
    network = rebuild_network(opened.start.name, opened.start.arguments)
    network.load_state_dict(trained.network.state_dict())
    card = save_bundle(output, network, make_card(settings, opened, trained, val), dtype)
    print_summary(console, output, card, trained)
    shutil.rmtree(output / _CHECKPOINTS, ignore_errors=True)


def _say_stopped(console: Console, output: Path, overwrite: bool) -> None:
    how = "the same command again, without --overwrite," if overwrite else "the same command again"
    said = f"Stopped; start {how} to go on from {output / _CHECKPOINTS}"
    console.print(said, highlight=False, markup=False, soft_wrap=True)


def train_on_spark(arguments: list[str], settings: AllSettings, master: str, conf: list[str]) -> bool:
    """Run this command in several processes on Spark's executors; False when they stopped before the end."""
    from fer_spark.pipelines.train.rank import run_rank
    from fer_spark.spark.session import get_session

    output = Path(settings.run.output)
    if (output / _CARD).exists() and not settings.run.overwrite:
        raise ValueError(f"{output} holds a finished bundle; choose another --output, or --overwrite")
    spark = get_session("fer-spark train", conf, master)
    words = [*arguments, "--processes", "0"]  # the last one wins, also over a --config file
    return distribute(spark, run_rank, words, settings.run.processes, settings.train.device != "cpu") == 0


def _make_room(output: Path, overwrite: bool) -> None:
    if overwrite:
        for stale in (output / name for name in (_CHECKPOINTS, _CARD, _METRICS, _MODEL_CARD)):
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink(missing_ok=True)
    output.mkdir(parents=True, exist_ok=True)


def _open(settings: AllSettings, ranks: Ranks, device: torch.device, stack: ExitStack) -> Opened:
    train_settings, run = settings.train, settings.run
    wants_votes = train_settings.soft_label_share > 0
    read = dataclasses.replace(
        settings.read,
        soft_labels=settings.read.soft_labels or wants_votes,
        valence_arousal=settings.read.valence_arousal or settings.network.va_head,
    )

    def reader(split: str, one: Any, **more: Any) -> ShardReader:
        return stack.enter_context(open_shards(run.shards, split, one, rank=ranks.rank, world_size=ranks.world, **more))

    natural = reader(run.train_split, read)
    counts = natural.class_counts()
    resample = make_resample(settings.imbalance, counts, read.seed)
    train = natural if resample is None else reader(run.train_split, read, resample=resample)
    still = dataclasses.replace(read, shuffle=False, last_batch="pad", cache_dir="")
    val = reader(run.val_split, still) if run.val_split else None

    check_data(settings, train, val)
    torch.manual_seed(read.seed)
    start = make_start(settings, train)
    teachers = [make_teacher(one, load_bundle(one, str(device)), settings, train) for one in train_settings.distill]
    origins = [origin for _, origin in teachers]
    task = Task(
        start.network,
        parameter_groups(start.network, train_settings.weight_decay),
        train,
        val,
        make_loss(settings.imbalance, counts, train_settings.label_smoothing).to(device),
        start.scale,
        read.batch_size,
        read.seed,
        [teach for teach, _ in teachers],
        _fingerprint(settings, train, ranks, origins),
    )
    return Opened(train, val, start, origins, task)


def _fingerprint(
    settings: AllSettings, train: ShardReader, ranks: Ranks, teachers: list[dict[str, str]]
) -> dict[str, Any]:
    """What must be equal for a checkpoint to be gone on from."""
    content = {
        key: value
        for group in ("read", "network", "train", "augment", "imbalance")
        for key, value in dataclasses.asdict(getattr(settings, group)).items()
    }
    for free in ("read_workers", "cache_dir", "cache_mb", "pin_memory", "threads", "checkpoint_minutes", "max_minutes"):
        content.pop(free)
    content |= {"train_split": settings.run.train_split, "val_split": settings.run.val_split, "ranks": ranks.world}
    content["shards"] = train.manifest.checksum
    if teachers:  # a bundle may have been replaced under its name
        content["teachers"] = [one["digest"][:16] for one in teachers]
    return dict(json.loads(json.dumps(content)))


def _listener(
    settings: AllSettings, ranks: Ranks, console: Console, output: Path, stack: ExitStack
) -> tuple[Listener, Callable[[bool], None]]:
    """Who hears of the figures, and what to call with whether the run came to its end."""
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
        for one in listeners:
            one(event, figures)

    def end(finished: bool) -> None:
        for one in enders:
            one(finished)

    return listen, end
