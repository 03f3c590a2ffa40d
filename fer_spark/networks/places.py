"""Where a bundle is, and its two files as they are there. Loads no torch: what reads a card alone needs none."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from fer_spark.networks.card import BundleError, Card

CARD = "card.json"
WEIGHTS = "weights.safetensors"
_PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib")
_NO_PICKLE = (
    "pickled weights are never loaded, as they can run any code; where they come from someone you trust, load them "
    "yourself with torch.load(weights_only=True) and save a bundle with fer_spark.networks.bundle.save_bundle"
)


def find_bundle(name_or_path: str | Path) -> Traversable:
    """A shipped bundle by its plain name, else a directory; `./name` is always a directory. Raises BundleError."""
    text, path = str(name_or_path), Path(name_or_path)
    if isinstance(name_or_path, str) and is_shipped(text):
        return _shipped() / text
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
    shipped = _shipped()
    return sorted(entry.name for entry in shipped.iterdir() if (entry / CARD).is_file()) if shipped.is_dir() else []


def is_shipped(name: str) -> bool:
    """Whether a name is that of a bundle that comes with the package."""
    return bool(name) and name == Path(name).name and (_shipped() / name / CARD).is_file()


def read_files(place: Traversable) -> tuple[Card, bytes]:
    """The card, and the content of the weights' file that it names by digest. Raises BundleError."""
    card_file = place / CARD
    if not card_file.is_file():
        raise BundleError(_no_card(place))
    card = Card.from_json(_text(card_file), str(card_file))
    waiting = place / waiting_name(card.weights_sha256)
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
    return card, content


def waiting_name(digest: str) -> str:
    """Where weights lie until they are published; as a kill may leave them there, a reader looks there too."""
    return f"weights.{digest[:16]}.safetensors"


def _shipped() -> Traversable:
    return files("fer_spark") / "pretrained"


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
