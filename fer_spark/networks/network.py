"""What every network is made of: a trunk that turns faces into features, and a head that turns features into logits."""

from __future__ import annotations

import torch
from torch import nn


class Head(nn.Module):
    """Features (N, F) → (N, K) logits, or (N, K + 2) with `va_head`: the last two are valence and arousal in [-1, 1].

    Dropout, then one linear layer; with `hidden` units there is linear, ReLU, dropout and batch norm before it instead.
    """

    def __init__(
        self, features: int, classes: int, va_head: bool = False, dropout: float = 0.0, hidden: int = 0
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Dropout(dropout)]
        if hidden:
            layers = [nn.Linear(features, hidden), nn.ReLU(), *layers, nn.BatchNorm1d(hidden)]
            features = hidden
        self.before = nn.Sequential(*layers)
        self.classes = nn.Linear(features, classes)
        self.valence_arousal = nn.Linear(features, 2) if va_head else None

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        features = self.before(features)
        logits: torch.Tensor = self.classes(features)
        if self.valence_arousal is None:
            return logits
        return torch.cat([logits, torch.tanh(self.valence_arousal(features))], dim=1)


class Network(nn.Module):
    """Standardised faces (N, C, H, W) float → (N, K) logits, or (N, K + 2) with a valence/arousal head.

    Every output row depends on its own face alone once the network is in `eval` mode.
    """

    def __init__(self, trunk: nn.Module, head: Head) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head
        self.frozen = False

    @property
    def classes(self) -> int:
        """K."""
        return self.head.classes.out_features

    @property
    def va_head(self) -> bool:
        return self.head.valence_arousal is not None

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.trunk(faces))
        return logits

    def freeze(self) -> None:
        """Train the head alone: the trunk takes no gradient, its batch norm and dropout act as in `eval` mode."""
        self._set_frozen(True)

    def unfreeze(self) -> None:
        """Train everything again."""
        self._set_frozen(False)

    def train(self, mode: bool = True) -> Network:
        super().train(mode)
        if self.frozen:
            self.trunk.eval()
        return self

    def _set_frozen(self, frozen: bool) -> None:
        self.frozen = frozen
        self.trunk.requires_grad_(not frozen)
        self.train(self.training)
