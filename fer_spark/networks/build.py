"""Settings → network, and the arguments in a bundle's card → the same network again."""

from __future__ import annotations

from typing import Any

from fer_spark import members
from fer_spark.networks import kinds
from fer_spark.networks.kind import NetworkKind
from fer_spark.networks.network import Network
from fer_spark.networks.settings import NETWORKS, NetworkSettings


def kind_of(name: str) -> NetworkKind:
    """What the module of a network declares. Raises ValueError for an unknown name."""
    if name not in NETWORKS:
        raise ValueError(f"network {name!r}: this release knows {', '.join(NETWORKS)}")
    kind: NetworkKind = members.member(kinds, name).NETWORK
    return kind


def build_network(settings: NetworkSettings, classes: int, channels: int, size_px: int) -> Network:
    """A network for (N, channels, size_px, size_px) input; its start is a pure function of torch's seed.

    `size_px` is what the network sees: the crop's side where crops are taken. Raises ValueError for settings that do
    not go together and WeightsError where --weights names nothing usable.
    """
    network = rebuild_network(settings.network, network_arguments(settings, classes, channels, size_px))
    if settings.weights and (load := kind_of(settings.network).pretrained):
        load(network, settings.weights)
    if settings.freeze:
        network.freeze()
    return network


def network_arguments(settings: NetworkSettings, classes: int, channels: int, size_px: int) -> dict[str, Any]:
    """What a card stores beside the network's name: plain JSON, every default resolved. Raises ValueError."""
    settings.check()
    if classes < 2 or channels not in (1, 3) or size_px < 8:
        raise ValueError(f"{classes} classes, {channels} channels, {size_px} px: expected ≥ 2, 1 or 3, ≥ 8")
    arguments: dict[str, Any] = {"classes": classes, "channels": channels, "va_head": settings.va_head}
    if settings.dropout >= 0:
        arguments["dropout"] = settings.dropout
    return arguments | kind_of(settings.network).arguments(settings, size_px)


def rebuild_network(name: str, arguments: dict[str, Any]) -> Network:
    """The network that `network_arguments` describes. Raises ValueError naming what is unknown or does not fit."""
    build = kind_of(name).build
    try:
        return build(**arguments)
    except TypeError as error:
        raise ValueError(f"network {name!r} with arguments {arguments}: {error}") from error
