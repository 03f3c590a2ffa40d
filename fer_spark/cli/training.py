"""What train, compare and tune share: the flags of a training, and how a signal stops one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from fer_spark.cli.run import Given
from fer_spark.networks.settings import NetworkSettings
from fer_spark.pipelines.train.settings import AllSettings, RunSettings
from fer_spark.shards.read.settings import ReadSettings
from fer_spark.training.augment_settings import AugmentSettings
from fer_spark.training.imbalance.settings import ImbalanceSettings
from fer_spark.training.settings import TrainSettings

GROUPS: tuple[tuple[type, str], ...] = (
    (RunSettings, "run"),
    (ReadSettings, "reading"),
    (NetworkSettings, "network"),
    (TrainSettings, "training"),
    (AugmentSettings, "augmentation"),
    (ImbalanceSettings, "imbalance"),
)


def settings_of(given: Given) -> AllSettings:
    """All settings of a training."""
    return AllSettings(
        given.of(RunSettings),
        given.of(ReadSettings),
        given.of(NetworkSettings),
        given.of(TrainSettings),
        given.of(AugmentSettings),
        given.of(ImbalanceSettings),
    )


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
