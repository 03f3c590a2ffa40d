"""A bundle's two files: written so that a reader sees the old bundle or the new one whole, read without unpickling."""

from __future__ import annotations

import dataclasses
import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from fer_spark import __version__
from fer_spark.artifacts import replace_file
from fer_spark.networks.build import rebuild_network
from fer_spark.networks.card import BundleError, Card
from fer_spark.networks.network import Network

CARD = "card.json"
WEIGHTS = "weights.safetensors"
DTYPES = {"float32": torch.float32, "float16": torch.float16}
_PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib")
_NO_PICKLE = (
    "pickled weights are never loaded, as they can run any code; where they come from someone you trust, load them "
    "yourself with torch.load(weights_only=True) and save a bundle with fer_spark.networks.bundle.save_bundle"
)


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
    waiting = directory / _waiting_name(digest)
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
    card_file = place / CARD
    if not card_file.is_file():
        raise BundleError(_no_card(place))
    card = Card.from_json(_text(card_file), str(card_file))
    waiting = place / _waiting_name(card.weights_sha256)
    weights = waiting if waiting.is_file() else place / WEIGHTS
    if not weights.is_file():
        raise BundleError(f"{weights}: no such file, but {CARD} is there; copy the bundle again, both files")
    content = weights.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != card.weights_sha256:
        raise BundleError(
            f"{weights}: sha256 {digest[:12]}…, {CARD} says {card.weights_sha256[:12] or 'nothing'}…; the file is "
            "damaged or belongs to another bundle: copy both files again"
        )
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


def find_bundle(name_or_path: str | Path) -> Traversable:
    """A shipped bundle by its plain name, else a directory; `./name` is always a directory. Raises BundleError."""
    text, path = str(name_or_path), Path(name_or_path)
    shipped = files("fer_spark") / "pretrained"
    if isinstance(name_or_path, str) and text and text == path.name and (shipped / text / CARD).is_file():
        return shipped / text
    if path.is_dir():
        return path
    if path.is_file():
        raise BundleError(_not_a_directory(path))
    raise BundleError(
        f"bundle {text!r}: no such directory, and the bundles that come with fer_spark are: "
        f"{', '.join(shipped_bundles()) or 'none in this installation'}"
    )


def shipped_bundles() -> list[str]:
    """Names of the bundles that come with the package, sorted."""
    shipped = files("fer_spark") / "pretrained"
    return sorted(entry.name for entry in shipped.iterdir() if (entry / CARD).is_file()) if shipped.is_dir() else []


def empty_network(card: Card) -> Network:
    """The card's network without memory for its weights. Raises ValueError for arguments that describe none."""
    try:
        with torch.device("meta"):
            return rebuild_network(card.network, card.arguments)
    except (RuntimeError, TypeError, IndexError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"network {card.network!r} with arguments {card.arguments}: {error}") from error


def _stored(network: Network, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """The tensors as they are written. Raises ValueError for a value that is not finite, or too large for float16."""
    state = {}
    for name, value in network.state_dict().items():
        wanted = dtype if value.is_floating_point() and value.ndim > 1 else value.dtype
        state[name] = value.detach().to("cpu", wanted).contiguous()
        if not torch.isfinite(state[name]).all():
            raise ValueError(f"{name}: holds values that {wanted} cannot, or NaN; this network cannot be published")
    return state


def _restored(value: torch.Tensor) -> torch.Tensor:
    return value.float() if value.is_floating_point() else value


def _check_shapes(state: dict[str, torch.Tensor], network: Network) -> None:
    """Raise ValueError naming the first tensor that is missing, left over, or of another shape."""
    wanted = network.state_dict()
    for name in sorted(set(state) ^ set(wanted)):
        raise ValueError(
            f"tensor {name!r} is {'not among the weights' if name in wanted else 'unknown to the network'}; a "
            "compiled or distributed network must be unwrapped before it is saved"
        )
    for name, value in wanted.items():
        if state[name].shape != value.shape:
            raise ValueError(f"tensor {name!r}: expected shape {tuple(value.shape)}, got {tuple(state[name].shape)}")


def _waiting_name(digest: str) -> str:
    """Where weights lie until they are published; as a kill may leave them there, a reader looks there too."""
    return f"weights.{digest[:16]}.safetensors"


def _text(file: Traversable) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"{file}: not a fer_spark card, or damaged ({error})") from error


def _no_card(place: Traversable) -> str:
    pickled = sorted(entry.name for entry in place.iterdir() if entry.name.lower().endswith(_PICKLES))
    if pickled:
        return f"{place}: holds {', '.join(pickled)} but no {CARD}; {_NO_PICKLE}"
    return f"{place}: no bundle here, there is no {CARD}; a bundle is a directory with {CARD} and {WEIGHTS}"


def _not_a_directory(path: Path) -> str:
    if path.suffix.lower() in _PICKLES:
        return f"{path}: {_NO_PICKLE}"
    return f"{path}: a bundle is a directory with {CARD} and {WEIGHTS}; give the directory"
