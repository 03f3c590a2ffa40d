"""Masked copies of one face in short: the same probabilities as those of the whole pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from fer_spark.networks.bundle import Bundle
from fer_spark.networks.quick import masked
from fer_spark.networks.quick.fused import fused, is_quick
from fer_spark.networks.settings import NetworkSettings
from fer_spark.pixels.shape import FaceShape
from tests.networks.quick.test_fused import make

PLAIN = NetworkSettings(widths="8-16", blocks="2-1", squeeze_excite=False)


def blobs(side: int, count: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Each pixel to the nearest of `count` points: segments of any shape."""
    points = np.random.default_rng(seed).uniform(0, side, (count, 2))
    pixels = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), axis=-1)
    nearest = ((pixels[:, :, None] - points) ** 2).sum(axis=-1).argmin(axis=-1)
    return np.unique(nearest, return_inverse=True)[1].reshape(side, side).astype(np.int64)


def squares(side: int, of_px: int) -> npt.NDArray[np.int64]:
    rows = np.arange(side) // of_px
    return (rows[:, None] * (rows[-1] + 1) + rows).astype(np.int64)


def copies(bundle: Bundle, segments: npt.NDArray[np.int64], count: int, dtype: str = "uint8") -> tuple[np.ndarray, ...]:
    """A face, what hides it, `count` masks, and the masked copies as pictures, put together pixel by pixel."""
    random = np.random.default_rng(1)
    face, hidden = random.integers(0, 256, (2, *bundle.card.image.shape)).astype(np.uint8)
    if dtype == "float32":
        face, hidden = (face / 255).astype(np.float32), (hidden / 255).astype(np.float32)
    masks = random.integers(0, 2, (count, segments.max() + 1)).astype(np.uint8)
    pictures = np.empty((count, *face.shape), dtype=face.dtype)
    for row in range(segments.shape[0]):
        for column in range(segments.shape[1]):
            shown = masks[:, segments[row, column]] == 1
            pictures[shown, row, column] = face[row, column]
            pictures[~shown, row, column] = hidden[row, column]
    return face, hidden, masks, pictures


def colour(bundle: Bundle) -> Bundle:
    """The same bundle, for colour pictures."""
    stem = bundle.network.trunk.get_submodule("0")
    assert isinstance(stem, nn.Sequential)
    torch.manual_seed(3)
    stem[0] = nn.Conv2d(3, 8, 3, padding=1, bias=False)
    image = FaceShape(bundle.card.image.size_px, "rgb")
    card = replace(bundle.card, image=image, mean=[0.4, 0.5, 0.6], std=[0.2, 0.25, 0.3])
    return Bundle(card, bundle.network, bf16=bundle.bf16)


@pytest.mark.parametrize(("side", "crop"), [(20, 0), (23, 18)], ids=["whole", "cropped"])
@pytest.mark.parametrize("views", ["single", "flip", "ten"])
@pytest.mark.parametrize("kind", ["squares", "blobs", "one", "colour", "float32"])
def test_masked_copies_get_the_probabilities_of_the_whole_pictures(
    kind: str, views: str, side: int, crop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """60 copies in batches of 16: the last is not full. Tiles count as worth their work, however small the face is."""
    monkeypatch.setattr(masked, "_WORTH", 100)
    monkeypatch.setattr(masked, "_TILES_AT_ONCE", 50)
    bundle, _ = make(PLAIN, side)
    bundle = Bundle(replace(bundle.card, crop_px=crop), bundle.network)
    quick = fused(colour(bundle) if kind == "colour" else bundle)
    segments = {"blobs": blobs(side, 12), "one": np.zeros((side, side), dtype=np.int64)}.get(kind, squares(side, 6))
    face, hidden, masks, pictures = copies(quick, segments, 60, kind)
    found = quick.predict_masked(face, hidden, segments, masks, views)
    assert found is not None
    expected = quick.predict_proba(pictures, None, views)
    assert np.ptp(expected, axis=0).max() > 500 * 2e-6
    assert found == pytest.approx(expected, abs=2e-6)


@pytest.mark.skipif(not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor has no bfloat16")
def test_in_bfloat16_they_are_as_near_as_whole_pictures_are() -> None:
    exact, _ = make(PLAIN, 40)
    quick = fused(make(PLAIN, 40, bf16=True)[0])
    assert is_quick(quick)
    face, hidden, masks, pictures = copies(quick, squares(40, 8), 600)
    found = quick.predict_masked(face, hidden, squares(40, 8), masks, "single")
    assert found is not None
    expected = exact.predict_proba(pictures, None, "single")
    whole = np.abs(quick.predict_proba(pictures, None, "single") - expected).max()
    assert 0 < np.abs(found - expected).max() < 2 * whole


def test_where_tiles_are_no_less_work_or_a_layer_looks_further_there_is_no_answer() -> None:
    bundle, _ = make(PLAIN, 20)
    quick = fused(bundle)
    few = copies(quick, squares(20, 5), 5)
    assert quick.predict_masked(*few[:2], squares(20, 5), few[2]) is None
    many = copies(quick, squares(20, 5), 2000)
    assert quick.predict_masked(*many[:2], squares(20, 5), many[2]) is not None
    crumbs = np.arange(400).reshape(20, 20)
    tiny = copies(quick, crumbs, 2000)
    assert quick.predict_masked(*tiny[:2], crumbs, tiny[2]) is None
    for settings in (
        replace(PLAIN, squeeze_excite=True),
        replace(PLAIN, stem_stride=2),
        replace(PLAIN, stem_stride=4),
        NetworkSettings(network="vgg", widths="8-16", blocks="1-1"),
    ):
        other = fused(make(settings, 20)[0])
        assert other.predict_masked(*many[:2], squares(20, 5), many[2]) is None
    assert bundle.predict_masked(*many[:2], squares(20, 5), many[2]) is None  # its batch norms are not folded


def test_wrong_faces_and_views_are_refused_as_whole_pictures_are() -> None:
    quick = fused(make(PLAIN, 20)[0])
    face, hidden, masks, _ = copies(quick, squares(20, 5), 2000)
    with pytest.raises(ValueError, match="views: 'nine', expected one of"):
        quick.predict_masked(face, hidden, squares(20, 5), masks, "nine")
    with pytest.raises(ValueError, match=r"got shape \(2, 19, 20\)"):
        quick.predict_masked(face[1:], hidden[1:], squares(20, 5), masks)
