"""What a module in fer_spark/networks/kinds/ declares of its network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fer_spark.networks.network import Network
from fer_spark.networks.settings import NetworkSettings


def one_size(settings: NetworkSettings, size_px: int) -> dict[str, Any]:
    """The argument of a network whose dense layers fit pictures of one size alone."""
    return {"size_px": size_px}


@dataclass(frozen=True)
class NetworkKind:
    """The traits of a network, declared by its module as NETWORK.

    build       what a card stores of it, as keyword arguments → the network. Raises ValueError for what does not fit
    arguments   the settings, and the side in px that the network sees → those arguments that other networks do not
                take, every default resolved
    pretrained  fill a new network from --weights; None: there are no such weights. Raises WeightsError
    """

    build: Callable[..., Network]
    arguments: Callable[[NetworkSettings, int], dict[str, Any]] = one_size
    pretrained: Callable[[Network, str], None] | None = None


class WeightsError(ValueError):
    """A file of pretrained weights is missing, damaged, or of another network."""
