"""A network's parameters: how many, which of them weight decay touches, and carrying them over to another network."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def parameter_count(network: nn.Module) -> int:
    """Numbers that training sets; running statistics of batch norm are not among them."""
    return sum(parameter.numel() for parameter in network.parameters())


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Two groups for a torch optimiser: weights with `weight_decay`; biases and batch norm, of one axis, without.

    Frozen parameters are in neither.
    """
    training = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return [
        {"params": [parameter for parameter in training if parameter.ndim > 1], "weight_decay": weight_decay},
        {"params": [parameter for parameter in training if parameter.ndim <= 1], "weight_decay": 0.0},
    ]


def carry_over(source: nn.Module, target: nn.Module, head: bool = False) -> list[str]:
    """Copy the trunk, and the head with `head`, where names and shapes agree; returns what in `target` was not filled.

    Copy a head only between networks whose labels are the same in the same order: its shape does not tell. Raises
    ValueError when no tensor of the trunk fits.
    """
    given, parameters = source.state_dict(), target.state_dict()
    parts = ("trunk.", "head.") if head else ("trunk.",)
    fitting = {
        name
        for name, value in parameters.items()
        if name.startswith(parts) and name in given and given[name].shape == value.shape
    }
    if not any(name.startswith("trunk.") for name in fitting):
        raise ValueError("the two networks share no layer: build the new one with the old one's network settings")
    with torch.no_grad():
        for name in fitting:
            parameters[name].copy_(given[name])
    return [name for name in parameters if name not in fitting]
