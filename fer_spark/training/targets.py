"""Targets of the loss: labels, mixed or softened, the teachers' answers, valence and arousal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

Teacher = Callable[[torch.Tensor], torch.Tensor]
"""(N, C, S, S) float pixels in [0, 1], augmented as the pupil sees them → (N, K) logits in the pupil's label order."""


def soften(labels: torch.Tensor, label_probs: torch.Tensor | None, share: float, classes: int) -> torch.Tensor:
    """(N,) labels → (N, K) targets: 1 - `share` on the label, `share` on the annotators' votes where there are any."""
    hard = F.one_hot(labels.clamp(min=0), classes).float()
    if not share or label_probs is None:
        return hard
    known = label_probs.sum(dim=1, keepdim=True) > 0
    return torch.where(known, (1 - share) * hard + share * label_probs, hard)


@dataclass(frozen=True)
class Mixing:
    """partner (N,) int64: which row each is mixed with; share: λ, a scalar tensor: how much of itself it keeps."""

    partner: torch.Tensor
    share: torch.Tensor

    def mix(self, values: torch.Tensor) -> torch.Tensor:
        """λ·x_i + (1 - λ)·x_j of pictures, targets, valence or arousal (N, …); NaN where either of the two has none."""
        return torch.lerp(values[self.partner], values, self.share)


def mixing(weight: torch.Tensor, alpha: float, seed: int) -> Mixing:
    """Mixup (Zhang et al. 2018): λ ~ Beta(α, α) once per batch; on the device of `weight` (N,), best the CPU.

    Rows of weight 0 (without a label, or padding) are mixed with themselves alone and lend themselves to nobody.
    """
    drawing = np.random.default_rng(seed)
    share = float(drawing.beta(alpha, alpha))
    usable = torch.nonzero(weight > 0).flatten().cpu().numpy()
    partner = np.arange(len(weight))
    partner[usable] = drawing.permutation(usable)
    return Mixing(torch.from_numpy(partner).to(weight.device), torch.tensor(share, device=weight.device))


def distillation_loss(
    logits: torch.Tensor, teachers: list[torch.Tensor] | torch.Tensor, temperature: float, weight: torch.Tensor
) -> torch.Tensor:
    """T² · KL(mean of softmax(teacher / T) ‖ softmax(logits / T)), averaged over rows (Hinton, Vinyals & Dean 2015)."""
    answers = teachers if isinstance(teachers, torch.Tensor) else torch.stack(teachers)
    target = (answers.float() / temperature).softmax(dim=2).mean(dim=0)
    per_row = F.kl_div((logits / temperature).log_softmax(dim=1), target, reduction="none").sum(dim=1)
    return temperature**2 * (per_row * weight).sum() / weight.sum().clamp(min=1e-12)


def ccc_loss(predicted: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """1 - CCC (Lin 1989) of one dimension over a batch; rows whose target is NaN are left out; 0 with fewer than 2."""
    known = torch.isfinite(target) & (weight > 0)
    count = known.sum().clamp(min=1)
    x, y = torch.where(known, predicted, 0.0), torch.where(known, target, 0.0)
    mean_x, mean_y = x.sum() / count, y.sum() / count
    dx, dy = torch.where(known, x - mean_x, 0.0), torch.where(known, y - mean_y, 0.0)
    products, squares = (dx * dy).sum() / count, (dx.square().sum() + dy.square().sum()) / count
    loss = 1 - 2 * products / (squares + (mean_x - mean_y) ** 2).clamp(min=1e-8)
    return torch.where(known.sum() < 2, predicted.sum() * 0.0, loss)
