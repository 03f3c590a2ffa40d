"""What is trained, on what, and by which loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn

from fer_spark.batches import BatchSource
from fer_spark.training.pixels import PixelScale
from fer_spark.training.targets import Teacher


class Loss(Protocol):
    """A classification loss with a weighted mean; see fer_spark.training.imbalance.losses."""

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor: ...

    def total_weight(self, targets: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
        """The denominator of the mean, a scalar."""
        ...


@dataclass(frozen=True)
class Task:
    """What is trained, on what. `groups`: the parameters as optimiser groups; without `val` it trains to the end."""

    network: nn.Module
    groups: list[dict[str, Any]]
    train: BatchSource
    val: BatchSource | None
    loss: Loss
    scale: PixelScale
    batch_size: int
    seed: int = 0
    teachers: list[Teacher] = field(default_factory=list)
    fingerprint: dict[str, Any] = field(default_factory=dict)
