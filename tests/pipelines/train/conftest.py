"""Shards and a model that tests of `fer-spark train` share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from fer_spark.training.listeners import Terminal
from tests.pipelines.train.trainings import COUNTS, SMALL_CNN, train, write_shards


@pytest.fixture(autouse=True)
def _threads() -> Any:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("plain") / "shards", COUNTS)


@pytest.fixture(scope="package")
def model(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small_cnn that has learnt the pictures."""
    output = tmp_path_factory.mktemp("trained") / "model"
    assert train(shards, output, flags=SMALL_CNN) == 0
    return output


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What the terminal is told."""
    events: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(Terminal, "__call__", lambda self, event, figures: events.append((event, dict(figures))))
    return events
