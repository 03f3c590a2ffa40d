"""Losses for imbalanced classes: modules (logits, targets, weight) → scalar, each with its paper's formula.

Common to all of them:
logits   (N, K) float32, exactly the K classes
targets  (N,) int64 in -1 … K-1, or (N, K) float32 soft labels. A row whose label is -1, or whose soft label is all 0 or
         NaN, does not count. A one-hot soft label gives the same loss as its hard label
weight   (N,) float32 ≥ 0, or None for all 1. A row of weight 0 (one that pads a batch) counts nowhere, whatever its
         logits are, NaN included
→        a scalar; 0 with zero gradients if no row counts

`total_weight(targets, weight)` is what a loss divides by. Ranks that see different weights agree with one rank that
sees all rows if each multiplies its loss by its own total_weight · ranks / (sum of total_weight over the ranks).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from fer_spark.training.imbalance.sampling import Integers, drawn_counts
from fer_spark.training.imbalance.settings import ImbalanceSettings
from fer_spark.training.imbalance.weights import Counts, class_weights

_TINY = 1e-12
_ALMOST_SURE = 1e-7


def make_loss(settings: ImbalanceSettings, class_counts: Integers, label_smoothing: float = 0.0) -> MeanLoss | SoftF1:
    """The loss that the settings name, for a train split of `class_counts` (K,) rows per class, in label order.

    Weights and priors come from the rows as the settings' sampler draws them (`drawn_counts`): under a balanced sampler
    all weights are 1 and the prior is uniform. Move the loss to the device that computes it, `.to(device)`; it has no
    parameters and nothing to save. Raises ValueError for settings that cannot be.

    soft_f1 takes no label smoothing, which tempers the logarithm of a probability: there is none in it.
    """
    settings.check()
    drawn = drawn_counts(settings, class_counts)
    if settings.loss == "soft_f1":
        return SoftF1(drawn.size)
    found = class_weights(settings, drawn)
    weights = torch.ones(drawn.size) if found is None else torch.from_numpy(found)
    return MeanLoss(_SURPRISES[settings.loss](settings, drawn), weights, label_smoothing)


class MeanLoss(nn.Module):
    """sum_n v_n sum_c t'_nc · w_c · s_nc / sum_n v_n sum_c t_nc · w_c: the mean of a loss `s` per row and class.

    v are the rows' weights, w the classes', t the labels, t' = (1 - ε) t + ε / K the smoothed ones (Szegedy et al.,
    Rethinking the Inception Architecture, 2016, section 7). With Surprise as `s` it equals torch.nn.CrossEntropyLoss
    with `weight` and `label_smoothing` on hard labels: the denominator is the sum of weights, of unsmoothed labels.
    """

    class_weights: torch.Tensor

    def __init__(self, surprise: nn.Module, class_weights: torch.Tensor, label_smoothing: float = 0.0) -> None:
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label smoothing: {label_smoothing} is not in [0, 1)")
        self.surprise = surprise
        self.label_smoothing = label_smoothing
        self.register_buffer("class_weights", class_weights.float(), persistent=False)

    def forward(self, logits: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        logits, labels = _counted(logits, targets, weight, self.class_weights.shape[0])
        smooth = labels
        if self.label_smoothing:
            spread = labels.sum(1, keepdim=True) / labels.shape[1]  # 0 for a row that does not count
            smooth = (1 - self.label_smoothing) * labels + self.label_smoothing * spread
        surprise: torch.Tensor = self.surprise(logits)
        total = (smooth * self.class_weights * surprise).sum()
        return total / (labels * self.class_weights).sum().clamp_min(_TINY)

    def total_weight(self, targets: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """The denominator of the mean, a scalar."""
        return (_weighted_labels(targets, weight, self.class_weights.shape[0]) * self.class_weights).sum()


class Surprise(nn.Module):
    """Cross entropy: s_c = -log p_c, p = softmax(logits)."""

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return -F.log_softmax(logits, dim=1)


class FocalSurprise(nn.Module):
    """Focal loss: s_c = -α (1 - p_c)^γ log p_c, p = softmax(logits) (Lin et al., Focal Loss for Dense Object Detection,
    2017, eq. 5, with softmax for its sigmoid as there are K classes). γ = 0 and α = 1 is cross entropy.

    α is one factor here, outside the mean; the paper's α_t, which differs by class, is what class weights are.
    """

    def __init__(self, gamma: float, alpha: float) -> None:
        super().__init__()
        self.gamma, self.alpha = gamma, alpha

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        log_p = F.log_softmax(logits, dim=1)
        unsure = (-torch.expm1(log_p)).clamp_min(_ALMOST_SURE)  # for γ < 1 the power's slope at 0 is infinite
        return -self.alpha * unsure**self.gamma * log_p


class AdjustedSurprise(nn.Module):
    """Logit adjustment: s_c = -log softmax(logits + τ log π)_c, π_c = n_c / N the prior of the training rows (Menon et
    al., Long-Tail Learning via Logit Adjustment, 2021, eq. 10). In training only: predictions take the plain logits.

    A class without rows is given the prior of one row, so that its logarithm is finite. Equal priors, or τ = 0, leave
    cross entropy.
    """

    shift: torch.Tensor

    def __init__(self, class_counts: Counts, tau: float) -> None:
        super().__init__()
        counts = np.where(class_counts > 0, class_counts, 1.0)
        shift = tau * np.log(counts / counts.sum())
        self.register_buffer("shift", torch.from_numpy(shift).float(), persistent=False)

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return -F.log_softmax(logits + self.shift, dim=1)


_SURPRISES: dict[str, Callable[[ImbalanceSettings, Counts], nn.Module]] = {
    "cross_entropy": lambda settings, drawn: Surprise(),
    "focal": lambda settings, drawn: FocalSurprise(settings.focal_gamma, settings.focal_alpha),
    "logit_adjusted": lambda settings, drawn: AdjustedSurprise(drawn, settings.logit_tau),
}
"""Losses that are a mean over the rows, by the name that --loss gives them."""


class SoftF1(nn.Module):
    """1 - mean over the classes of 2 TP_c / (2 TP_c + FP_c + FN_c), with p = softmax(logits) for decisions:
    TP_c = sum_n v_n t_nc p_nc, FP_c = sum_n v_n (1 - t_nc) p_nc, FN_c = sum_n v_n t_nc (1 - p_nc).

    (Bénédict et al., sigmoidF1: A Smooth F1 Score Surrogate Loss for Multilabel Classification, 2022, section 3, macro
    over the classes and with softmax.) 2 TP + FP + FN = sum_n v_n (t_nc + p_nc), so that it needs no guard. The mean is
    over classes that have labels in the batch, else a batch without one could never reach 0; take batches large enough
    to hold several rows of each.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, logits: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        logits, labels = _counted(logits, targets, weight, self.classes)
        shares = F.softmax(logits, dim=1)
        rows = labels.sum(1, keepdim=True)  # v_n, 0 for a row that does not count
        support = labels.sum(0)
        f1 = 2 * (labels * shares).sum(0) / (support + (rows * shares).sum(0)).clamp_min(_TINY)
        present = (support > 0).float()
        return (present * (1 - f1)).sum() / present.sum().clamp_min(1)

    def total_weight(self, targets: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Sum of the weights of the rows that count, a scalar. F1 is no mean over rows: ranks agree only roughly."""
        return _weighted_labels(targets, weight, self.classes).sum()


def _counted(
    logits: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor | None, classes: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (N, K), 0 in rows that do not count, and the labels (N, K) times their rows' weights."""
    if logits.ndim != 2 or logits.shape[1] != classes or len(targets) != len(logits):
        raise ValueError(
            f"loss: expected logits (N, {classes}) and N targets, got logits {tuple(logits.shape)} and targets "
            f"{tuple(targets.shape)}; outputs beyond the classes (valence, arousal) are not for this loss"
        )
    labels = _weighted_labels(targets, weight, classes)
    counts = labels.sum(1, keepdim=True) > 0
    return torch.where(counts, logits.float(), 0.0), labels


def _weighted_labels(targets: torch.Tensor, weight: torch.Tensor | None, classes: int) -> torch.Tensor:
    """(N, K) float32 labels times their rows' weights; all 0 in rows that do not count."""
    hard = targets.ndim == 1
    labels = F.one_hot(targets.clamp_min(0), classes) * (targets >= 0)[:, None] if hard else targets
    labels = labels.float() if weight is None else labels.float() * weight.float()[:, None]
    return torch.where(labels.sum(1, keepdim=True) > 0, labels, 0.0)
