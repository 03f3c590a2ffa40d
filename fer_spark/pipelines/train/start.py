"""What a training starts from: a fresh network or a bundle's; and the bundles that teach it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from fer_spark.networks.build import build_network, network_arguments, rebuild_network
from fer_spark.networks.bundle import Bundle, load_bundle
from fer_spark.networks.network import Network
from fer_spark.networks.parameters import carry_over
from fer_spark.networks.settings import NetworkSettings
from fer_spark.shards.read.reader import ShardReader
from fer_spark.training.augment import center
from fer_spark.training.pixels import PixelScale
from fer_spark.training.targets import Teacher

if TYPE_CHECKING:
    from fer_spark.pipelines.train.settings import AllSettings


@dataclass(frozen=True)
class Start:
    """A network by its name and arguments, the pixel statistics it takes, and the bundle it comes from, or None."""

    network: Network
    name: str
    arguments: dict[str, Any]
    scale: PixelScale
    origin: dict[str, str] | None


def make_start(settings: AllSettings, train: ShardReader) -> Start:
    """The network to train. Its random part is a pure function of torch's seed. Raises ValueError, BundleError."""
    image, face, classes = train.image, train.image.pixels.face, len(train.label_names)
    crop_px = settings.train.crop_px
    if crop_px > face.size_px:
        raise ValueError(f"--crop-px: {crop_px}, but the pictures have {face.size_px} px")
    if settings.train.init:
        start = _from_bundle(settings, train)
    else:
        channels, px = face.channels, crop_px or face.size_px
        network = build_network(settings.network, classes, channels, px)
        arguments = network_arguments(settings.network, classes, channels, px)
        scale = PixelScale(tuple(image.mean), tuple(image.std))
        start = Start(network, settings.network.network, arguments, scale, None)
    if settings.train.sizes and "size_px" in start.arguments:
        raise ValueError(f"--sizes: {start.name} takes pictures of one size alone; resnet takes any")
    return start


def _from_bundle(settings: AllSettings, train: ShardReader) -> Start:
    """A bundle's network with a head for the shards' classes; its card's pixel statistics."""
    name, face = settings.train.init, train.image.pixels.face
    bundle = load_bundle(name)
    card = bundle.card
    if card.image != face:
        raise ValueError(
            f"--init {name} takes {card.image.size_px} px {card.image.mode}, the shards' "
            f"{settings.read.image_column or 'column'} holds {face.size_px} px {face.mode}: choose --image-column"
        )
    if card.arguments.get("size_px", card.input_px) != (settings.train.crop_px or face.size_px):
        raise ValueError(
            f"--init {name}: its {card.network} takes crops of {card.input_px} px: --crop-px {card.input_px}"
        )
    _check_same_network(settings.network, bundle)
    arguments = {**card.arguments, "classes": len(train.label_names), "va_head": settings.network.va_head}
    if settings.network.dropout >= 0:
        arguments["dropout"] = settings.network.dropout
    network = rebuild_network(card.network, arguments)
    carry_over(bundle.network, network)
    _carry_head(bundle, network, train.label_names)
    if settings.network.freeze:
        network.freeze()
    scale = PixelScale(tuple(card.mean), tuple(card.std))
    return Start(network, card.network, arguments, scale, {"name": card.name, "digest": card.digest})


_FREE = ("va_head", "dropout", "freeze")
"""Settings that may be chosen beside --init."""


def _check_same_network(requested: NetworkSettings, bundle: Bundle) -> None:
    """Raise ValueError for network settings that a bundle's network does not have: they would be ignored."""
    plain = NetworkSettings()
    changed = [key for key, value in vars(requested).items() if key not in _FREE and value != getattr(plain, key)]
    if not changed:
        return
    card = bundle.card
    expected = network_arguments(requested, len(card.label_names), card.channels, card.input_px)
    differ = [key for key, value in expected.items() if key not in _FREE and card.arguments.get(key) != value]
    if requested.network != card.network or differ or requested.weights:
        words = ", ".join(f"--{key.replace('_', '-')}" for key in changed)
        raise ValueError(f"--init {card.name} brings its own network, a {card.network}: leave out {words}")


def _carry_head(bundle: Bundle, network: Network, label_names: list[str]) -> None:
    """Give the classes that both know the old head's weights, and the layers before and beside them theirs."""
    theirs, ours = bundle.network.head, network.head
    with torch.no_grad():
        ours.before.load_state_dict(theirs.before.state_dict())
        if ours.valence_arousal is not None and theirs.valence_arousal is not None:
            ours.valence_arousal.load_state_dict(theirs.valence_arousal.state_dict())
        for number, name in enumerate(label_names):
            if name in bundle.labels:
                ours.classes.weight[number] = theirs.classes.weight[bundle.labels.index(name)]
                ours.classes.bias[number] = theirs.classes.bias[bundle.labels.index(name)]


def make_teacher(
    name: str, bundle: Bundle, settings: AllSettings, train: ShardReader
) -> tuple[Teacher, dict[str, str]]:
    """A bundle as a teacher: its own statistics, its logits in the shards' label order; and what the card says of it.

    Raises ValueError for other classes, colours or sizes than the shards'.
    """
    card, face = bundle.card, train.image.pixels.face
    if set(card.label_names) != set(train.label_names):
        raise ValueError(
            f"--distill {name}: a teacher knows the same classes as the shards; it has {', '.join(card.label_names)}, "
            f"they have {', '.join(train.label_names)}"
        )
    if card.image != face:
        raise ValueError(
            f"--distill {name}: it takes {card.image.size_px} px {card.image.mode}, the pictures are "
            f"{face.size_px} px {face.mode}"
        )
    seen_px = settings.train.crop_px or face.size_px
    if card.arguments.get("size_px", 0) > seen_px:
        raise ValueError(f"--distill {name}: it takes {card.input_px} px alone, --crop-px leaves {seen_px}")
    order = [card.label_names.index(label) for label in train.label_names]
    scale = PixelScale(tuple(card.mean), tuple(card.std))
    network = bundle.network.eval().to(memory_format=torch.channels_last)

    def teach(images: torch.Tensor) -> torch.Tensor:
        seen = center(images, min(card.input_px, images.shape[-1]))
        logits: torch.Tensor = network(scale.standardise(seen))[:, order]
        return logits

    return teach, {"name": card.name, "digest": card.digest}
