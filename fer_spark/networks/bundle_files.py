"""A bundle's two files: written so that a reader sees the old bundle or the new one whole, read without unpickling."""

from __future__ import annotations

import dataclasses
import hashlib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch.overrides import TorchFunctionMode

from fer_spark import __version__
from fer_spark.artifacts import replace_file
from fer_spark.networks.build import rebuild_network
from fer_spark.networks.card import BundleError, Card
from fer_spark.networks.network import Network
from fer_spark.networks.places import CARD, WEIGHTS, find_bundle, read_files, shipped_bundles, waiting_name

__all__ = [
    "CARD", "DTYPES", "WEIGHTS", "empty_network", "find_bundle", "read_bundle", "save_bundle", "shipped_bundles",
    "write_card",
]  # fmt: skip

_RANDOM = {torch.Tensor.normal_, torch.Tensor.uniform_, torch.Tensor.erfinv_}  # what torch.nn.init draws with
DTYPES = {"float32": torch.float32, "float16": torch.float16}


def save_bundle(directory: str | Path, network: Network, card: Card, weights_dtype: str = "float32") -> Card:
    """Publish a bundle and return its card with the weights' digest filled in.

    A kill at any moment leaves the directory's previous bundle, or the new one, whole: the new weights wait under a
    name of their own until the card, whose appearance is the moment of publishing, names their digest. float16 halves
    the file; batch norm and biases stay float32. Raises ValueError, before anything is written, when network and card
    do not fit each other or the weights are not finite.
    """
    card.check()
    state = _stored(network, DTYPES[weights_dtype])
    _check_shapes(state, empty_network(card))
    content = save(state)
    digest = hashlib.sha256(content).hexdigest()
    card = dataclasses.replace(card, weights_sha256=digest, package_version=card.package_version or __version__)
    card_text = card.to_json()
    directory = Path(directory)
    card = Card.from_json(card_text, str(directory / CARD))  # what a reader will see
    directory.mkdir(parents=True, exist_ok=True)
    waiting = directory / waiting_name(digest)
    replace_file(waiting, content)
    replace_file(directory / CARD, card_text)
    waiting.replace(directory / WEIGHTS)
    for stray in directory.glob("weights.*.safetensors"):  # left by kills
        stray.unlink(missing_ok=True)
    return card


def write_card(directory: Path, card: Card) -> None:
    """Replace the card of a bundle whose weights stay. Raises ValueError for a card that does not hold together."""
    card.check()
    replace_file(directory / CARD, card.to_json())


def read_bundle(place: Traversable) -> tuple[Card, Network]:
    """The card and its network, on the CPU, in float32 and in `eval` mode. Raises BundleError."""
    card, content = read_files(place)
    try:
        state = load(content)
        network = empty_network(card)
        _check_shapes(state, network)
    except (SafetensorError, ValueError) as error:
        raise BundleError(
            f"{place}: weights and card do not fit each other ({error}); copy the bundle again"
        ) from error
    network.load_state_dict({name: _restored(value) for name, value in state.items()}, assign=True)
    return card, network.eval().requires_grad_(False)


def empty_network(card: Card) -> Network:
    """The card's network without memory for its weights. Raises ValueError for arguments that describe none."""
    try:
        with torch.device("meta"), _NoDraws():
            return rebuild_network(card.network, card.arguments)
    except (RuntimeError, TypeError, IndexError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"network {card.network!r} with arguments {card.arguments}: {error}") from error


class _NoDraws(TorchFunctionMode):
    """Leaves tensors as they are where a network draws its first weights: without memory there is nothing to draw,
    and torch would load its compiler for it, for seconds.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return args[0] if func in _RANDOM else func(*args, **(kwargs or {}))


def _stored(network: Network, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """The tensors as they are written. Raises ValueError for a value that is not finite, or too large for float16."""
    state = {}
    for name, value in network.state_dict().items():
        stored_dtype = dtype if value.is_floating_point() and value.ndim > 1 else value.dtype
        state[name] = value.detach().to("cpu", stored_dtype).contiguous()
        if not torch.isfinite(state[name]).all():
            raise ValueError(
                f"{name}: holds values that {stored_dtype} cannot, or NaN; this network cannot be published"
            )
    return state


def _restored(value: torch.Tensor) -> torch.Tensor:
    return value.float() if value.is_floating_point() else value


def _check_shapes(state: dict[str, torch.Tensor], network: Network) -> None:
    """Raise ValueError naming the first tensor that is missing, left over, or of another shape."""
    expected = network.state_dict()
    for name in sorted(set(state) ^ set(expected)):
        raise ValueError(
            f"tensor {name!r} is {'not among the weights' if name in expected else 'unknown to the network'}; a "
            "compiled or distributed network must be unwrapped before it is saved"
        )
    for name, value in expected.items():
        if state[name].shape != value.shape:
            raise ValueError(f"tensor {name!r}: expected shape {tuple(value.shape)}, got {tuple(state[name].shape)}")
