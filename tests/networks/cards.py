"""Cards and networks that several tests need: small, random, and far from uniform in their answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fer_spark.networks.build import build_network, network_arguments
from fer_spark.networks.card import Card
from fer_spark.networks.network import Network
from fer_spark.networks.settings import NetworkSettings
from fer_spark.pixels.shape import FaceShape

LABELS = ["angry", "happy", "sad"]
TINY = {"widths": "8-16", "blocks": "1-1"}


def tiny(seed: int = 0, mode: str = "gray", size_px: int = 20, **changes: Any) -> tuple[Network, Card]:
    """A network of 2 stages for 20 px pictures with random running statistics, and its card."""
    settings = NetworkSettings(**{**TINY, **{k: v for k, v in changes.items() if k in _SETTINGS}})
    fields = {k: v for k, v in changes.items() if k not in _SETTINGS}
    channels = 1 if mode == "gray" else 3
    seen_px = fields.get("crop_px") or size_px
    torch.manual_seed(seed)
    network = build_network(settings, len(LABELS), channels, seen_px).eval()
    _spread(network, channels, seen_px)
    card = Card(
        network=settings.network,
        arguments=network_arguments(settings, len(LABELS), channels, seen_px),
        label_names=LABELS,
        image=FaceShape(size_px, mode),
        **{"mean": [0.4, 0.5, 0.6][:channels], "std": [0.2, 0.25, 0.3][:channels], **fields},
    )
    return network, card


def _spread(network: Network, channels: int, size_px: int) -> None:
    """As if trained: batch norm knows its inputs, each output has deviation 1.5 over pictures and the mean 0."""
    pixels = torch.from_numpy(pictures(64, (size_px, size_px, channels), seed=99)).permute(0, 3, 1, 2)
    faces = (pixels / 255 - 0.4) / 0.2
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0.0, 0.2)
        network.train()
        for _ in range(20):
            network(faces)
        features = network.eval().head.before(network.trunk(faces))
        for layer in (network.head.classes, network.head.valence_arousal):
            if layer is not None:
                outputs = layer(features)
                layer.weight *= 1.5 / outputs.std(0)[:, None]
                layer.bias.copy_((layer.bias - outputs.mean(0)) * 1.5 / outputs.std(0))


_SETTINGS = frozenset(NetworkSettings.__dataclass_fields__)


def pictures(count: int, shape: tuple[int, ...] = (20, 20), seed: int = 1) -> npt.NDArray[np.uint8]:
    """(count, *shape) patches of 4 px in random tones with some noise: averages differ from picture to picture."""
    random = np.random.default_rng(seed)
    patches = random.integers(0, 246, (count, *(-(-side // 4) for side in shape[:2]), *shape[2:]), dtype=np.uint8)
    for axis in range(1, min(len(shape), 2) + 1):
        patches = patches.repeat(4, axis=axis)
    cut = patches[(slice(None), *(slice(side) for side in shape))]
    return cut + random.integers(0, 10, cut.shape, dtype=np.uint8)
