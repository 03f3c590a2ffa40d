"""Settings → network, and the arguments in a bundle's card → the same network again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fer_spark.networks.deep_cnn import deep_cnn
from fer_spark.networks.efficientnet import efficientnet_b0, load_imagenet
from fer_spark.networks.network import Network
from fer_spark.networks.resnet import resnet
from fer_spark.networks.settings import NetworkSettings
from fer_spark.networks.small_cnn import small_cnn
from fer_spark.networks.vgg import vgg

BUILDERS: dict[str, Callable[..., Network]] = {
    "resnet": resnet,
    "small_cnn": small_cnn,
    "deep_cnn": deep_cnn,
    "vgg": vgg,
    "efficientnet_b0": efficientnet_b0,
}


def build_network(settings: NetworkSettings, classes: int, channels: int, size_px: int) -> Network:
    """A network for (N, channels, size_px, size_px) input; its start is a pure function of torch's seed.

    `size_px` is what the network sees: the crop's side where crops are taken. Raises ValueError for settings that do
    not go together and WeightsError where --weights names nothing usable.
    """
    network = rebuild_network(settings.network, network_arguments(settings, classes, channels, size_px))
    if settings.weights:
        load_imagenet(network, settings.weights)
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
    if settings.network == "resnet":
        arguments |= {
            "widths": settings.stage_widths,
            "blocks": settings.stage_blocks,
            "stem_stride": settings.stem_stride or (1 if size_px < 96 else 2 if size_px < 192 else 4),
            "squeeze_excite": settings.squeeze_excite,
            "stochastic_depth": settings.stochastic_depth,
        }
    elif settings.network == "efficientnet_b0":
        arguments["input_px"] = settings.upsample_px or max(224, size_px)
    else:
        arguments["size_px"] = size_px
    return arguments


def rebuild_network(name: str, arguments: dict[str, Any]) -> Network:
    """The network that `network_arguments` describes. Raises ValueError naming what is unknown or does not fit."""
    if name not in BUILDERS:
        raise ValueError(f"network {name!r}: this release knows {', '.join(BUILDERS)}")
    try:
        return BUILDERS[name](**arguments)
    except TypeError as error:
        raise ValueError(f"network {name!r} with arguments {arguments}: {error}") from error
