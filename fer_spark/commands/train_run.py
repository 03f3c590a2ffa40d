"""What `fer-spark train` does with its settings: shards, network, teachers and loss joined, trained, published."""

from __future__ import annotations

import dataclasses
import json
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console

from fer_spark.commands.train_card import make_card, print_summary
from fer_spark.networks.build import build_network, network_arguments, rebuild_network
from fer_spark.networks.bundle import Bundle, load_bundle, save_bundle
from fer_spark.networks.card import BundleError
from fer_spark.networks.network import Network
from fer_spark.networks.parameters import carry_over, parameter_groups
from fer_spark.shards.read import ShardError, ShardReader, open_shards
from fer_spark.training.augment import center
from fer_spark.training.checkpoint import CheckpointError
from fer_spark.training.imbalance.losses import make_loss
from fer_spark.training.imbalance.sampling import make_resample
from fer_spark.training.listeners import JsonLines, Listener, MlFlow, TensorBoard, Terminal
from fer_spark.training.pixels import PixelScale
from fer_spark.training.ranks import Ranks, choose_device, joined
from fer_spark.training.targets import Teacher
from fer_spark.training.trainer import Task, Trainer

if TYPE_CHECKING:
    from fer_spark.commands.train import AllSettings

USAGE = (ShardError, BundleError, ValueError, ImportError)
FAILURES = (CheckpointError, FloatingPointError, OSError)
_CHECKPOINTS, _METRICS, _CARD = "checkpoints", "metrics.jsonl", "card.json"


@dataclasses.dataclass(frozen=True)
class Opened:
    """One run's parts."""

    train: ShardReader
    val: ShardReader | None
    network: Network
    name: str
    arguments: dict[str, Any]
    task: Task


def run_training(settings: AllSettings, stopping: list[int]) -> bool:
    """Train and publish the bundle; False when it stopped before the end, with a checkpoint to go on from."""
    output = Path(settings.run.output)
    with ExitStack() as stack:
        ranks = stack.enter_context(joined(settings.train.device))
        device = choose_device(settings.train.device)
        if settings.train.threads:
            torch.set_num_threads(settings.train.threads)
        if ranks.leads:
            _make_room(output, settings.run.overwrite)
        opened = _open(settings, ranks, device, stack)
        trainer = Trainer(opened.task, settings.train, settings.augment, output / _CHECKPOINTS, device, ranks)
        console = Console(stderr=True)
        listener = _listener(settings, ranks, console, output, stack)
        trained = trainer.fit(listener, lambda: bool(stopping))
        if not trained.finished:
            if ranks.leads:
                console.print(f"Stopped; start the same command again to go on from {output / _CHECKPOINTS}")
            return False
        val = trainer.answers(opened.val, trained.network) if opened.val is not None else None
        if ranks.leads:
            card = make_card(settings, opened, trained, val)
            dtype = "float16" if settings.run.half_weights else "float32"
            network = rebuild_network(opened.name, opened.arguments)
            network.load_state_dict(trained.network.state_dict())
            card = save_bundle(output, network, card, dtype)
            print_summary(console, output, card, trained)
            shutil.rmtree(output / _CHECKPOINTS, ignore_errors=True)
    return True


def train_on_spark(arguments: list[str], settings: AllSettings, master: str, conf: list[str]) -> int:
    """Start this command again in several processes on Spark's executors; returns the exit code."""
    from fer_spark.spark.session import get_session
    from fer_spark.training.on_spark import distribute

    spark = get_session("fer-spark train", conf, master)
    kept = [word for word in arguments if not word.startswith("--processes=")]
    while "--processes" in kept:
        at = kept.index("--processes")
        del kept[at : at + 2]
    distribute(spark, "fer_spark.commands.train", kept, settings.run.processes, settings.train.device != "cpu")
    return 0 if (Path(settings.run.output) / _CARD).is_file() else 4


def _make_room(output: Path, overwrite: bool) -> None:
    if overwrite:
        for stale in (output / _CHECKPOINTS, output / _CARD):
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink(missing_ok=True)
    if (output / _CARD).exists():
        raise ValueError(f"{output} holds a finished bundle; choose another --output, or --overwrite")
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

    torch.manual_seed(read.seed)
    scale = PixelScale(tuple(train.image.mean), tuple(train.image.std))
    network, name, arguments, scale = _network(settings, train, scale)
    fingerprint = _fingerprint(settings, train, ranks)
    task = Task(
        network,
        parameter_groups(network, train_settings.weight_decay),
        train,
        val,
        make_loss(settings.imbalance, counts, train_settings.label_smoothing).to(device),
        scale,
        read.batch_size,
        read.seed,
        [_teacher(load_bundle(one, str(device)), train) for one in train_settings.distill],
        fingerprint,
    )
    return Opened(train, val, network, name, arguments, task)


def _network(
    settings: AllSettings, train: ShardReader, scale: PixelScale
) -> tuple[Network, str, dict[str, Any], PixelScale]:
    """The network to train, from scratch or from a bundle; a bundle brings its own pixel statistics."""
    image, classes = train.image, len(train.label_names)
    channels = 1 if image.mode == "gray" else 3
    if not settings.train.init:
        px = settings.train.crop_px or image.size_px
        network = build_network(settings.network, classes, channels, px)
        return network, settings.network.network, network_arguments(settings.network, classes, channels, px), scale
    start = load_bundle(settings.train.init)
    if (start.card.image.size_px, start.card.image.mode) != (image.size_px, image.mode):
        raise ValueError(
            f"--init {settings.train.init} takes {start.card.image.size_px} px {start.card.image.mode}, the shards' "
            f"{settings.read.image_column or 'column'} holds {image.size_px} px {image.mode}: choose --image-column"
        )
    arguments = {**start.card.arguments, "classes": classes}
    network = rebuild_network(start.card.network, arguments)
    carry_over(start.network, network)
    _carry_head(start, network, train.label_names)
    if settings.network.freeze:
        network.freeze()
    return network, start.card.network, arguments, PixelScale(tuple(start.card.mean), tuple(start.card.std))


def _carry_head(start: Bundle, network: Network, label_names: list[str]) -> None:
    """Give the classes that both know the old head's weights."""
    theirs, ours = start.network.head.classes, network.head.classes
    with torch.no_grad():
        for number, name in enumerate(label_names):
            if name in start.labels:
                ours.weight[number] = theirs.weight[start.labels.index(name)]
                ours.bias[number] = theirs.bias[start.labels.index(name)]


def _teacher(bundle: Bundle, train: ShardReader) -> Teacher:
    """A bundle as a teacher: its own statistics, its logits in the shards' label order."""
    card = bundle.card
    if set(card.label_names) != set(train.label_names) or card.image.mode != train.image.mode:
        raise ValueError(
            f"--distill {card.name}: a teacher knows the same classes and colours as the shards; it has "
            f"{', '.join(card.label_names)} ({card.image.mode}), they have {', '.join(train.label_names)}"
        )
    order = [card.label_names.index(name) for name in train.label_names]
    scale = PixelScale(tuple(card.mean), tuple(card.std))
    network = bundle.network.eval().to(memory_format=torch.channels_last)

    def teach(images: torch.Tensor) -> torch.Tensor:
        seen = center(images, min(card.input_px, images.shape[-1]))
        logits: torch.Tensor = network(scale.standardise(seen))[:, order]
        return logits

    return teach


def _fingerprint(settings: AllSettings, train: ShardReader, ranks: Ranks) -> dict[str, Any]:
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
    return dict(json.loads(json.dumps(content)))


def _listener(settings: AllSettings, ranks: Ranks, console: Console, output: Path, stack: ExitStack) -> Listener:
    if not ranks.leads:
        return lambda event, figures: None
    terminal = Terminal(console, settings.train.epochs)
    stack.callback(terminal.close)
    listeners: list[Listener] = [terminal, JsonLines(output / _METRICS)]
    if settings.run.tensorboard:
        board = TensorBoard(settings.run.tensorboard)
        stack.callback(board.close)
        listeners.append(board)
    if settings.run.mlflow:
        flat = {key: value for group in dataclasses.asdict(settings).values() for key, value in group.items()}
        tracked = MlFlow(settings.run.mlflow, output.name, flat)
        stack.callback(tracked.close)
        listeners.append(tracked)

    def listen(event: str, figures: dict[str, Any]) -> None:
        for one in listeners:
            one(event, figures)

    return listen
