"""From pixels to probabilities as one module: standardise, look at a picture from several views, average, calibrate.

A bundle scores with it and an export traces it, so that both compute the same thing.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from fer_spark.networks.card import Card
from fer_spark.networks.network import Network


class PixelScores(nn.Module):
    """Pixels (N, C, S, S) float in 0-255 → logits (N, K) and, with a valence/arousal head, (N, 2) in [-1, 1].

    With one view the logits are the network's; with several they are the logarithm of the views' mean probability.
    Valence and arousal are averaged over the views.
    """

    def __init__(self, network: Network, card: Card, views: str | None = None) -> None:
        super().__init__()
        self.network = network
        self.views = views or card.views
        self.crop_px = card.input_px
        self.margin_px = card.image.size_px - card.input_px
        self.register_buffer("mean", torch.tensor(card.mean).reshape(1, -1, 1, 1) * 255)
        self.register_buffer("std", torch.tensor(card.std).reshape(1, -1, 1, 1) * 255)
        self.mean: torch.Tensor
        self.std: torch.Tensor

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        looks = looks_at(self.standardise(pixels), self.views, self.crop_px)
        return self.join(self.network(torch.cat(looks)).float().reshape(len(looks), -1, self._columns))

    def standardise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels (N, C, S, S) in 0-255 → as the network was trained on."""
        return (pixels - self.mean) / self.std

    def join(self, outputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """What the network says of each view, (views, N, K or K+2) → what `forward` gives."""
        logits = outputs[:, :, : self.network.classes]
        valence_arousal = outputs[:, :, self.network.classes :].mean(0) if self.network.va_head else None
        if len(outputs) == 1:
            return logits[0], valence_arousal
        return torch.logsumexp(logits.log_softmax(2), 0) - math.log(len(outputs)), valence_arousal

    @property
    def view_count(self) -> int:
        """How many faces the network sees for each picture."""
        size_px = self.crop_px + self.margin_px
        return len(looks_at(torch.empty(1, 1, size_px, size_px), self.views, self.crop_px))

    @property
    def _columns(self) -> int:
        return self.network.classes + (2 if self.network.va_head else 0)


class PixelProbabilities(nn.Module):
    """Pixels (N, C, S, S) float in 0-255 → calibrated probabilities (N, K), and valence and arousal (N, 2) if any."""

    def __init__(self, network: Network, card: Card) -> None:
        super().__init__()
        self.scores = PixelScores(network, card)
        self.temperature = card.temperature

    def forward(self, pixels: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        logits, valence_arousal = self.scores(pixels)
        probabilities = torch.softmax(logits / self.temperature, dim=1)
        return probabilities if valence_arousal is None else (probabilities, valence_arousal)


def looks_at(faces: torch.Tensor, views: str, crop_px: int) -> list[torch.Tensor]:
    """The views of (N, C, S, S) as (N, C, crop_px, crop_px) each.

    single: the centre; flip: and mirrored; ten: four corners and the centre, and each mirrored (without a margin to
    crop from, that is flip).
    """
    margin = faces.shape[-1] - crop_px
    middle = margin // 2
    corners = [(middle, middle)]
    if views == "ten" and margin:
        corners += [(0, 0), (0, margin), (margin, 0), (margin, margin)]
    crops = [faces[:, :, top : top + crop_px, left : left + crop_px] for top, left in corners]
    return crops if views == "single" else crops + [crop.flip(3) for crop in crops]
