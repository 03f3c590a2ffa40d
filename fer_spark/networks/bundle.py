"""A trained network and all it takes to score with it: `load_bundle("fer2013").predict_proba(faces)`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fer_spark.networks.bundle_files import find_bundle, read_bundle, save_bundle, shipped_bundles
from fer_spark.networks.card import VIEWS, BundleError, Card
from fer_spark.networks.network import Network
from fer_spark.networks.pixels import PixelScores, looks_at
from fer_spark.networks.quick.masked import Look, MaskedTrunk
from fer_spark.pixels.shape import FaceShape

__all__ = ["Bundle", "BundleError", "Card", "load_bundle", "save_bundle", "shipped_bundles"]

BATCH_SIZES = {"cpu": 16}
"""Faces in one pass of the network, by kind of device; on a CPU larger batches fall out of its caches: 32 faces of
48 px at once are a fifth slower."""
LARGE_BATCH = 1024

FloatArray = npt.NDArray[np.float32]


def load_bundle(name_or_path: str | Path, device: str = "cpu", bf16: bool = False) -> Bundle:
    """A bundle that comes with fer_spark by its name ("fer2013"), or the one in a directory; `./name` is a directory.

    Raises BundleError, with the next step, for a bundle that is missing, damaged, altered, too new, or pickled.
    """
    card, network = read_bundle(find_bundle(name_or_path))
    return Bundle(card, network, device, bf16)


class Bundle:
    """A network, moved to its device and put in `eval` mode, ready to score.

    Rows do not depend on each other: the same face gives the same probabilities, to 1e-5 in float32, in any batch.
    `bf16` computes the network in bfloat16, faster where the hardware knows it and exact to about 0.01.
    """

    def __init__(self, card: Card, network: Network, device: str = "cpu", bf16: bool = False) -> None:
        self.card = card
        self.device = torch.device(device)
        self.network = network.to(self.device).to(memory_format=torch.channels_last).eval()
        self.bf16 = bf16
        self._masked = MaskedTrunk.of(network.trunk) if self.device.type == "cpu" and not bf16 else None
        self._scores = {views: PixelScores(self.network, card, views).to(self.device) for views in VIEWS}

    @property
    def labels(self) -> list[str]:
        """The K classes, in the order of the columns of `predict_proba`."""
        return self.card.label_names

    @property
    def digest(self) -> str:
        """Names the weights and all settings that probabilities depend on."""
        return self.card.digest

    @property
    def preparation_digest(self) -> str:
        """Names the settings that pictures must be prepared with."""
        return self.card.preparation_digest

    def predict_proba(
        self, images: npt.NDArray[Any], batch_size: int | None = None, views: str | None = None
    ) -> FloatArray:
        """(N, K) float32 calibrated probabilities, each row summing to 1.

        `images` are (N, S, S) gray or (N, S, S, 3) RGB: uint8 in 0-255, or floats in [0, 1]. `views` ("single", "flip",
        "ten") looks at each from other views than the card says; `batch_size` counts every view. Raises ValueError for
        another shape, type or range.
        """
        return self.predict(images, batch_size, views)[0]

    def predict(
        self, images: npt.NDArray[Any], batch_size: int | None = None, views: str | None = None
    ) -> tuple[FloatArray, FloatArray | None]:
        """`predict_proba`, and valence and arousal as (N, 2) float32 in [-1, 1] or None without such a head."""
        logits, valence_arousal = self._run(images, batch_size, views)
        probabilities = torch.softmax(logits / self.card.temperature, dim=1)
        return probabilities.numpy(), None if valence_arousal is None else valence_arousal.numpy()

    def predict_logits(
        self, images: npt.NDArray[Any], batch_size: int | None = None, views: str | None = None
    ) -> FloatArray:
        """(N, K) float32 logits: their softmax, after division by the card's temperature, is `predict_proba`.

        With one view they are the network's own, with several the logarithm of the views' mean probability.
        """
        return self._run(images, batch_size, views)[0].numpy()

    def predict_masked(
        self,
        face: npt.NDArray[Any],
        hidden: npt.NDArray[Any],
        segments: npt.NDArray[np.int64],
        masks: npt.NDArray[np.uint8],
        views: str | None = None,
    ) -> FloatArray | None:
        """`predict_proba` of copies that show `face` in the segments where masks (M, n) are 1, `hidden` elsewhere.

        None where that is no less work than to score the copies: on a GPU, for some networks, masks and segments.
        """
        if self._masked is None:
            return None
        images = np.stack([face, hidden])
        self._check(images, views)
        scores = self._scores[views or self.card.views]
        outputs = []
        with torch.inference_mode():
            pixels = looks_at(scores.standardise(self._pixels(images)), scores.views, scores.crop_px)
            cuts = looks_at(torch.from_numpy(segments)[None, None], scores.views, scores.crop_px)
            for seen, cut in zip(pixels, cuts, strict=True):
                look = Look(seen[0].numpy(), seen[1].numpy(), cut[0, 0].numpy())
                features = self._masked.features(look, masks, BATCH_SIZES["cpu"])
                if features is None:
                    return None
                outputs.append(self.network.head(features).float())
            logits, _ = scores.join(torch.stack(outputs))
            return torch.softmax(logits / self.card.temperature, dim=1).numpy()

    def _check(self, images: npt.NDArray[Any], views: str | None) -> None:
        _check_images(images, self.card.image)
        if (views or self.card.views) not in VIEWS:
            raise ValueError(f"views: {views!r}, expected one of {', '.join(VIEWS)}")

    def _run(
        self, images: npt.NDArray[Any], batch_size: int | None, views: str | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        self._check(images, views)
        if batch_size is None:
            batch_size = BATCH_SIZES.get(self.device.type, LARGE_BATCH)
        if batch_size < 1:
            raise ValueError(f"batch_size: {batch_size}, expected 1 or more")
        scores = self._scores[views or self.card.views]
        step = max(1, batch_size // scores.view_count)
        logits = torch.empty((len(images), len(self.labels)))
        valence_arousal = torch.empty((len(images), 2)) if self.network.va_head else None
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            for start in range(0, len(images), step):
                rows = slice(start, start + step)
                batch_logits, batch_va = scores(self._pixels(images[rows]))
                logits[rows] = batch_logits.cpu()
                if valence_arousal is not None:
                    valence_arousal[rows] = batch_va.cpu()
        return logits, valence_arousal

    def _pixels(self, images: npt.NDArray[Any]) -> torch.Tensor:
        """(n, S, S[, 3]) → (n, C, S, S) float in 0-255 on the device, in the layout that convolutions like."""
        tensor = torch.from_numpy(np.array(images)).to(self.device)
        pixels = tensor.float() if images.dtype == np.uint8 else tensor.float() * 255
        pixels = pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)
        return pixels.contiguous(memory_format=torch.channels_last)


def _check_images(images: npt.NDArray[Any], face: FaceShape) -> None:
    """Raise ValueError that says what was expected and what was given."""
    expected = f"({', '.join(['N', *map(str, face.shape)])}) {face.mode} pictures, uint8 or float in [0, 1]"
    if not isinstance(images, np.ndarray):
        raise ValueError(f"images: expected {expected}, got {type(images).__name__}")
    if images.shape[1:] != face.shape:
        raise ValueError(f"images: expected {expected}, got shape {images.shape}; prepare them as the card says")
    if images.dtype == np.uint8:
        return
    if images.dtype not in (np.float32, np.float64):
        raise ValueError(f"images: expected {expected}, got {images.dtype}")
    if images.size and not (images.min() >= 0 and images.max() <= 1):  # NaN fails too
        raise ValueError(f"images: expected {expected}, got floats from {images.min()} to {images.max()}")
