"""Targets of the loss: labels, mixed or softened, the teachers' answers, valence and arousal."""

from __future__ import annotations

from collections.abc import Callable

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


def mix_up(
    images: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor, alpha: float, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mixup (Zhang et al. 2018): λ·x_i + (1 - λ)·x_j and the same for the targets, λ ~ Beta(α, α) once per batch.

    Rows of weight 0 (without a label, or padding) are mixed with themselves alone and lend themselves to nobody.
    """
    other, share = _partners(weight, alpha, seed)
    return torch.lerp(images[other], images, share), torch.lerp(targets[other], targets, share)


def mix_affect(affect: torch.Tensor, weight: torch.Tensor, alpha: float, seed: int) -> torch.Tensor:
    """(N,) valence or arousal, mixed as `mix_up` mixes the pictures; NaN where either of the two has none."""
    other, share = _partners(weight, alpha, seed)
    return torch.lerp(affect[other], affect, share)


def _partners(weight: torch.Tensor, alpha: float, seed: int) -> tuple[torch.Tensor, float]:
    """(N,) which row each is mixed with, and λ."""
    draw = np.random.default_rng(seed)
    share = float(draw.beta(alpha, alpha))
    usable = torch.nonzero(weight > 0).flatten().cpu().numpy()
    partner = np.arange(len(weight))
    partner[usable] = draw.permutation(usable)
    return torch.from_numpy(partner).to(weight.device), share


def distillation_loss(
    logits: torch.Tensor, teachers: list[torch.Tensor], temperature: float, weight: torch.Tensor
) -> torch.Tensor:
    """T² · KL(mean of softmax(teacher / T) ‖ softmax(logits / T)), averaged over rows (Hinton, Vinyals & Dean 2015)."""
    target = torch.stack([(teacher.float() / temperature).softmax(dim=1) for teacher in teachers]).mean(dim=0)
    per_row = F.kl_div((logits / temperature).log_softmax(dim=1), target, reduction="none").sum(dim=1)
    return temperature**2 * (per_row * weight).sum() / weight.sum().clamp(min=1e-12)


def ccc_loss(predicted: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """1 - CCC (Lin 1989) of one dimension over a batch; rows whose target is NaN are left out; 0 with fewer than 2."""
    known = torch.isfinite(target) & (weight > 0)
    if int(known.sum()) < 2:
        return predicted.sum() * 0.0
    x, y = predicted[known], target[known]
    dx, dy = x - x.mean(), y - y.mean()
    apart = (x.mean() - y.mean()) ** 2
    return 1 - 2 * (dx * dy).mean() / (dx.square().mean() + dy.square().mean() + apart).clamp(min=1e-8)
