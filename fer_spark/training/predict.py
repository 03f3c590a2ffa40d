"""A network's predictions for a whole split, joined over the ranks and put in row order."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fer_spark.batches import BatchSource
from fer_spark.training.augment import center
from fer_spark.training.pixels import PixelScale, autocast, to_unit
from fer_spark.training.ranks import Ranks


@dataclass(frozen=True)
class Answers:
    """R rows of a split in row order: labels (R,) int64, logits (R, K) float32, valence/arousal (R, 2) or None.

    `truth` (R, 2) float32 holds the annotated valence and arousal, NaN where unknown.
    """

    labels: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float32]
    affect: npt.NDArray[np.float32] | None
    truth: npt.NDArray[np.float32] | None


@torch.no_grad()
def answer(
    network: nn.Module,
    source: BatchSource,
    scale: PixelScale,
    crop_px: int,
    classes: int,
    precision: str,
    ranks: Ranks,
    mirrored: bool = False,
) -> Answers:
    """Run `network` (in eval mode) over epoch 0 of `source`, on the middle `crop_px` of each picture (0: all of it).

    `mirrored` also looks at each picture's mirror image, as a bundle's view "flip" does: logits are the logarithm of
    the mean probability then.
    """
    device = next(network.parameters()).device
    columns: list[torch.Tensor] = []
    for batch in source.epoch(0):
        images = to_unit(batch.images, device)
        images = scale.standardise(center(images, crop_px or images.shape[-1]))
        with autocast(device, precision):
            output = network(images).float()
            if mirrored:
                output = _joined(output, network(images.flip(3)).float(), classes)
        facts = [batch.rows, batch.real, batch.labels, *_affect(batch.valence, batch.arousal, len(batch))]
        columns.append(
            torch.cat([torch.stack([fact.double() for fact in facts], dim=1).to(device), output.double()], dim=1)
        )
    table = ranks.join(torch.cat(columns)).cpu().numpy()
    table = table[table[:, 1] > 0]
    table = table[np.unique(table[:, 0], return_index=True)[1]]
    outputs = table[:, 5:].astype(np.float32)
    affect = outputs[:, classes:] if outputs.shape[1] > classes else None
    truth = table[:, 3:5].astype(np.float32)
    return Answers(
        table[:, 2].astype(np.int64), outputs[:, :classes], affect, truth if np.isfinite(truth).any() else None
    )


def _joined(output: torch.Tensor, mirrored: torch.Tensor, classes: int) -> torch.Tensor:
    both = torch.stack([output, mirrored])
    logits = torch.logsumexp(both[:, :, :classes].log_softmax(2), 0) - math.log(2)
    return torch.cat([logits, both[:, :, classes:].mean(0)], dim=1)


def _affect(valence: torch.Tensor | None, arousal: torch.Tensor | None, count: int) -> list[torch.Tensor]:
    unknown = torch.full((count,), float("nan"))
    return [unknown if values is None else values for values in (valence, arousal)]
