"""One training's parts: shards, network, teachers and loss, opened and found to fit."""

from __future__ import annotations

import dataclasses
import json
from contextlib import ExitStack
from typing import Any

import torch

from fer_spark.networks.bundle import load_bundle
from fer_spark.networks.parameters import parameter_groups
from fer_spark.pipelines.train.check import check_data, check_labelled
from fer_spark.pipelines.train.settings import AllSettings
from fer_spark.pipelines.train.start import Start, make_start, make_teacher
from fer_spark.settings import changing
from fer_spark.shards.read.reader import ShardReader, open_shards
from fer_spark.training.imbalance.losses import make_loss
from fer_spark.training.imbalance.sampling import make_resample
from fer_spark.training.ranks import Ranks
from fer_spark.training.task import Task


@dataclasses.dataclass(frozen=True)
class Opened:
    """One run's parts; `teachers` names the bundles that it learns from, for the card."""

    train: ShardReader
    val: ShardReader | None
    start: Start
    teachers: list[dict[str, str]]
    task: Task


def open_run(settings: AllSettings, ranks: Ranks, device: torch.device, stack: ExitStack) -> Opened:
    """Shards, network, teachers and loss joined. Raises ShardError, BundleError or ValueError where they do not fit."""
    train_settings, run = settings.train, settings.run
    needs_votes = train_settings.soft_label_share > 0
    read = dataclasses.replace(
        settings.read,
        soft_labels=settings.read.soft_labels or needs_votes,
        valence_arousal=settings.read.valence_arousal or settings.network.va_head,
    )

    def reader(split: str, read_settings: Any, **more: Any) -> ShardReader:
        return stack.enter_context(
            open_shards(run.shards, split, read_settings, rank=ranks.rank, world_size=ranks.world, **more)
        )

    natural = reader(run.train_split, read)
    check_labelled(run.shards, natural)
    counts = natural.class_counts()
    resample = make_resample(settings.imbalance, counts, read.seed)
    train = natural if resample is None else reader(run.train_split, read, resample=resample)
    still = dataclasses.replace(read, shuffle=False, last_batch="pad", cache_dir="")
    val = reader(run.val_split, still) if run.val_split else None

    check_data(settings, train, val)
    torch.manual_seed(read.seed)
    start = make_start(settings, train)
    teachers = [make_teacher(name, load_bundle(name, str(device)), settings, train) for name in train_settings.distill]
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
    """What must be equal for a checkpoint to be resumed."""
    content: dict[str, Any] = {}
    for group in ("read", "network", "train", "augment", "imbalance"):
        content |= changing(getattr(settings, group))
    content |= {"train_split": settings.run.train_split, "val_split": settings.run.val_split, "ranks": ranks.world}
    content["shards"] = train.manifest.checksum
    if teachers:  # a bundle may have been replaced under its name
        content["teachers"] = [teacher["digest"][:16] for teacher in teachers]
    return dict(json.loads(json.dumps(content)))
