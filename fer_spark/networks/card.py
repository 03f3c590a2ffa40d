"""`card.json`: what a bundle's weights are, how pictures must be prepared for them, and how well they do."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import Any, get_origin, get_type_hints

import numpy as np

from fer_spark.pixels.shape import FaceShape
from fer_spark.preparation.older import is_older
from fer_spark.preparation.preparation import Preparation

FORMAT_VERSION = 1
VIEWS = ("single", "flip", "ten")
_COLOR_ORDER = "rgb"
"""Of a colour picture's channels, as every card says it; the only one that there is."""
_SCORED_BY = ("network", "arguments", "label_names", "image", "mean", "std", "views", "crop_px", "temperature")


class BundleError(Exception):
    """A bundle is missing, damaged, altered, or of a version that this release cannot read."""


@dataclass(frozen=True)
class Card:
    """Everything but the weights. `check` says whether it holds together; `save_bundle` fills `weights_sha256`.

    network, arguments   what `rebuild_network` takes
    image                the pictures it takes: (N, size_px, size_px), or (N, size_px, size_px, 3) in RGB order
    label_names          the K classes in the order of the outputs; `taxonomy` is where the names come from
    mean, std            per channel, of pixels scaled to [0, 1]: the network sees (pixel / 255 - mean) / std
    preparation          how the training pictures were prepared: a Preparation, or settings of an older release
    views                how a picture is looked at: once, also mirrored, or ten crops (four corners, centre, mirrored)
    crop_px              side of the crops; 0: the whole picture
    temperature          logits are divided by it, so that probabilities are calibrated; 1 leaves them
    """

    network: str
    arguments: dict[str, Any]
    label_names: list[str]
    image: FaceShape
    mean: list[float]
    std: list[float]
    name: str = ""
    taxonomy: str = ""
    views: str = "flip"
    crop_px: int = 0
    temperature: float = 1.0
    preparation: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    licence: str = ""
    intended_use: str = ""
    limits: str = ""
    law: str = ""
    package_version: str = ""
    weights_sha256: str = ""
    format_version: int = FORMAT_VERSION

    @property
    def channels(self) -> int:
        return self.image.channels

    @property
    def input_px(self) -> int:
        """Side of what the network sees."""
        return self.crop_px or self.image.size_px

    def check(self) -> None:
        """Raise ValueError naming the first field that cannot be."""
        if self.image.size_px < 8:
            raise ValueError(f"image: {self.image}, expected size_px 8 or more")
        names = self.label_names
        if len(set(names)) < len(names) or not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"label_names: {names}, expected distinct names")
        if self.arguments.get("classes") != len(names):
            raise ValueError(
                f"label_names: {len(names)} names, the network has {self.arguments.get('classes')} classes"
            )
        if self.arguments.get("channels") != self.channels:
            raise ValueError(f"image: {self.image.mode}, the network takes {self.arguments.get('channels')} channels")
        for key, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != self.channels or not all(type(v) in (int, float) and math.isfinite(v) for v in values):
                raise ValueError(f"{key}: {values}, expected {self.channels} finite number(s), one per channel")
        if min(self.std) <= 0 or not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"std {self.std} and temperature {self.temperature} must be positive")
        if self.views not in VIEWS:
            raise ValueError(f"views: {self.views!r}, expected one of {', '.join(VIEWS)}")
        if not 0 <= self.crop_px <= self.image.size_px:
            raise ValueError(f"crop_px: {self.crop_px}, expected 0 or at most the picture's {self.image.size_px}")
        if self.arguments.get("size_px", self.input_px) != self.input_px:
            raise ValueError(
                f"crop_px: the network takes {self.arguments['size_px']} px, the card gives {self.input_px}"
            )

    @property
    def digest(self) -> str:
        """SHA-256 over the weights and every field that probabilities depend on; not over names, metrics and texts."""
        content = self.to_dict()
        return digest_of({"weights": self.weights_sha256, **{key: content[key] for key in _SCORED_BY}})

    @property
    def prepared(self) -> Preparation:
        """How other pictures are to be prepared; by the defaults of older releases where the card does not say.

        Raises BundleError for settings that this release does not know.
        """
        try:
            return Preparation.from_dict(self.preparation or {"size": [f"{self.image.size_px}:{self.image.mode}"]})
        except ValueError as error:
            raise BundleError(f"the card's {error}") from error

    @property
    def preparation_digest(self) -> str:
        """SHA-256 over the preparation; that of older cards over their settings, whatever their order, as it was."""
        return digest_of(self.preparation) if is_older(self.preparation) else self.prepared.digest

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: NaN and infinities become null."""
        content = dataclasses.asdict(self)
        content["image"]["color_order"] = _COLOR_ORDER
        return {key: plain(value) for key, value in content.items()}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, where: str) -> Card:
        """Raises BundleError naming the file for anything that is not a card this release reads."""
        try:
            content = json.loads(text)
            version = content["format_version"]
            if type(version) is not int or version > FORMAT_VERSION:
                raise BundleError(
                    f"{where}: format version {version}, this release reads up to {FORMAT_VERSION}; it was written by "
                    f"fer_spark {content.get('package_version') or '?'}: update fer_spark"
                )
            content["image"] = _image(content["image"])
            card = cls(**_fields(cls, content))
            card.check()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleError(f"{where}: not a fer_spark card, or damaged ({error})") from error
        return card


def digest_of(content: Any) -> str:
    """SHA-256 of plain content as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(plain(content), sort_keys=True).encode()).hexdigest()


def plain(content: Any) -> Any:
    """The same content in what JSON knows: numpy's numbers and arrays, tuples, NaN and infinities (null) included."""
    if isinstance(content, dict):
        return {str(key): plain(value) for key, value in content.items()}
    if isinstance(content, (np.ndarray, np.generic)):
        return plain(content.tolist())
    if isinstance(content, (list, tuple)):
        return [plain(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content


def _image(content: dict[str, Any]) -> FaceShape:
    given = dict(content)
    order = given.pop("color_order", _COLOR_ORDER)
    if str(order).lower() != _COLOR_ORDER:
        raise ValueError(f"image.color_order is {order!r}, expected {_COLOR_ORDER}")
    return FaceShape(**_fields(FaceShape, given, "image."))


def _fields(kind: type, content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Raise TypeError for a field of a wrong type; missing and unknown ones are the constructor's to refuse."""
    hints = get_type_hints(kind)
    for key, value in content.items():
        expected = get_origin(hints.get(key)) or hints.get(key, object)
        fits = type(value) in (int, float) if expected is float else isinstance(value, expected) and value is not True
        if not fits:
            raise TypeError(f"{prefix}{key} is {value!r}, expected {expected.__name__}")
    return content
