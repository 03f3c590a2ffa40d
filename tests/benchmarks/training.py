"""Does the reader cost training anything? The same loop on shards, and on a tensor that is in memory already."""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from fer_spark.batches import Batch, BatchSource
from fer_spark.networks.build import build_network
from fer_spark.networks.parameters import parameter_groups
from fer_spark.networks.settings import NetworkSettings
from fer_spark.shards.read.reader import ReadSettings, ShardReader, open_shards
from fer_spark.training.augment_settings import AugmentSettings
from fer_spark.training.imbalance.losses import make_loss
from fer_spark.training.imbalance.settings import ImbalanceSettings
from fer_spark.training.pixels import PixelScale
from fer_spark.training.ranks import Ranks, choose_device
from fer_spark.training.settings import TrainSettings
from fer_spark.training.task import Task
from fer_spark.training.trainer import Trainer
from tests.benchmarks.reader import load_pictures, write_ours

NETWORKS = {
    "tiny (0.02 M)": NetworkSettings(widths="16-32", blocks="1-1", squeeze_excite=False, stem_stride=2),
    "default (2.8 M)": NetworkSettings(),
}


@dataclass
class InMemory:
    """All rows as tensors on the device, shuffled by one index per batch: nothing is read."""

    images: torch.Tensor
    labels: torch.Tensor
    batch_size: int
    names: list[str]

    @property
    def label_names(self) -> list[str]:
        return self.names

    def __len__(self) -> int:
        return -(-len(self.labels) // self.batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        order = torch.randperm(len(self.labels), generator=torch.Generator().manual_seed(epoch)).to(self.labels.device)
        for step in range(start, len(self)):
            rows = order[step * self.batch_size : (step + 1) * self.batch_size]
            yield Batch(self.images[rows], self.labels[rows], rows, torch.ones_like(rows, dtype=torch.bool))


def run(images: int, rounds: int) -> None:
    """Print pictures per second of both, in turn, and their ratio."""
    device = choose_device("auto")
    with tempfile.TemporaryDirectory() as folder:
        pictures, labels, whose = load_pictures(images)
        print(f"{len(labels):,} pictures of 48 px ({whose}), batches of 128, {rounds} rounds")
        write_ours(pictures, labels, Path(folder))
        for name, settings in NETWORKS.items():
            limit = None if device.type == "cuda" or name.startswith("tiny") else 4_096
            _compare(Path(folder), name, settings, device, rounds, limit)


def _compare(
    folder: Path, name: str, network: NetworkSettings, device: torch.device, rounds: int, limit: int | None
) -> None:
    with open_shards(str(folder), "train", ReadSettings(batch_size=128)) as reader:
        batches = list(reader.epoch(0))
        memory = InMemory(
            torch.cat([batch.images[batch.real] for batch in batches]).to(device),
            torch.cat([batch.labels[batch.real] for batch in batches]).to(device),
            128,
            reader.label_names,
        )
        sources: dict[str, BatchSource] = {"tensor in memory": memory, "shards": reader}
        rates: dict[str, list[float]] = {label: [] for label in sources}
        for turn in range(rounds + 1):
            for label, source in sources.items():
                rate = _rate(source, reader, network, device, limit)
                if turn:  # the first warms up
                    rates[label].append(rate)
    medians = {label: statistics.median(values) for label, values in rates.items()}
    ratio = statistics.median(a / b for a, b in zip(rates["shards"], rates["tensor in memory"], strict=True))
    print(f"training, {name}, {device}: " + ", ".join(f"{key} {rate:,.0f} img/s" for key, rate in medians.items()))
    print(f"    from shards / from memory: {ratio:.3f}   (rounds: {rounds})", flush=True)


def _rate(
    source: BatchSource, reader: ShardReader, network: NetworkSettings, device: torch.device, limit: int | None
) -> float:
    torch.manual_seed(0)
    made = build_network(network, len(reader.label_names), 1, 48)
    task = Task(
        made,
        parameter_groups(made, 5e-4),
        source,
        None,
        make_loss(ImbalanceSettings(), reader.class_counts(), 0.1).to(device),
        PixelScale(tuple(reader.image.mean), tuple(reader.image.std)),
        128,
    )
    settings = dataclasses.replace(TrainSettings(), epochs=1, ema_decay=0.999)
    steps = 0

    def listen(event: str, figures: dict[str, object]) -> None:
        nonlocal steps
        steps += event == "step"

    trainer = Trainer(task, settings, AugmentSettings(), None, device, Ranks())
    began = time.perf_counter()
    trainer.fit(listen, lambda: limit is not None and steps * 128 >= limit)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return min(steps * 128, len(source) * 128) / (time.perf_counter() - began)
