"""The exponential moving average of a network's weights, which is what is tested and kept."""

from __future__ import annotations

import copy

import torch
from torch import nn


class AveragedNetwork:
    """`network` averaged over the steps: decay rises as (1 + t) / (10 + t) up to `decay`, so that it warms up quickly.

    Running statistics of batch normalisation are averaged likewise. A decay of 0 follows the network exactly.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after step number `step` (0-based)."""
        keep = min(self._decay, (2 + step) / (11 + step)) if self._decay else 0.0
        ours: list[torch.Tensor] = list(self.network.parameters())
        theirs: list[torch.Tensor] = list(network.parameters())
        torch._foreach_lerp_(ours, theirs, 1 - keep)
        pairs = list(zip(self.network.buffers(), network.buffers(), strict=True))
        floating = [pair for pair in pairs if pair[0].is_floating_point()]
        if floating:
            torch._foreach_lerp_([own for own, _ in floating], [other for _, other in floating], 1 - keep)
        for own, other in pairs:
            if not own.is_floating_point():
                own.copy_(other)
