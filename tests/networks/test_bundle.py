"""What a bundle answers: from known views, standardisation and calibration, whatever the batches."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fer_spark.networks.bundle import Bundle, load_bundle, save_bundle
from fer_spark.networks.card import Card
from tests.networks.cards import LABELS, pictures, tiny


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: np.ndarray[Any, Any] = powers / powers.sum(axis=1, keepdims=True)
    return result


def by_hand(network: torch.nn.Module, faces: np.ndarray[Any, Any], mean: float, std: float) -> np.ndarray[Any, Any]:
    """The network's outputs for (N, S, S) pixels in 0-255, standardised in numpy."""
    standardised = ((faces / 255.0 - mean) / std).astype(np.float32)
    with torch.no_grad():
        outputs: np.ndarray[Any, Any] = network(torch.from_numpy(standardised)[:, None]).numpy()
    return outputs


def test_a_loaded_bundle_is_the_saved_one_to_the_bit(tmp_path: Path) -> None:
    network, card = tiny(va_head=True, metrics={"accuracy": [0.7, 0.69, 0.71]}, views="flip")
    saved = save_bundle(tmp_path / "b", network, card)
    loaded = load_bundle(tmp_path / "b")
    assert loaded.card == saved
    assert dataclasses.replace(loaded.card, weights_sha256="", package_version="") == card
    for name, value in network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], value), name
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["card.json", "weights.safetensors"]
    faces = pictures(5)
    assert np.array_equal(loaded.predict_proba(faces), Bundle(saved, network).predict_proba(faces))


def test_loading_draws_no_random_number(tmp_path: Path) -> None:
    save_bundle(tmp_path, *tiny())
    before = torch.get_rng_state()
    load_bundle(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_one_view_is_the_softmax_of_standardised_pixels() -> None:
    network, card = tiny(views="single")
    bundle, faces = Bundle(card, network), pictures(4)
    logits = by_hand(network, faces, 0.4, 0.2)
    assert np.allclose(bundle.predict_logits(faces), logits, atol=1e-5)
    assert np.allclose(bundle.predict_proba(faces), softmax(logits), atol=1e-6)
    assert bundle.predict_proba(faces).dtype == np.float32
    assert bundle.labels == LABELS


def test_flip_averages_the_probabilities_of_both_sides() -> None:
    network, card = tiny(views="flip")
    faces = pictures(4)
    one, other = (softmax(by_hand(network, view, 0.4, 0.2)) for view in (faces, faces[:, :, ::-1].copy()))
    assert np.abs(one - other).max() > 0.01
    bundle = Bundle(card, network)
    assert np.allclose(bundle.predict_proba(faces), (one + other) / 2, atol=1e-6)
    assert np.allclose(np.exp(bundle.predict_logits(faces)), (one + other) / 2, atol=1e-6)


def test_ten_views_are_four_corners_and_the_centre_and_their_mirrors() -> None:
    network, card = tiny(views="ten", crop_px=15)  # a margin of 5: the centre starts at 2
    faces = pictures(3)
    crops = [faces[:, top : top + 15, left : left + 15] for top, left in [(0, 0), (0, 5), (5, 0), (5, 5), (2, 2)]]
    views = crops + [crop[:, :, ::-1] for crop in crops]
    expected = np.mean([softmax(by_hand(network, view, 0.4, 0.2)) for view in views], axis=0)
    bundle = Bundle(card, network)
    assert np.allclose(bundle.predict_proba(faces), expected, atol=1e-6)
    centre = by_hand(network, crops[4], 0.4, 0.2)
    assert np.allclose(bundle.predict_proba(faces, views="single"), softmax(centre), atol=1e-6)


def test_temperature_divides_the_logits_after_the_views() -> None:
    network, card = tiny(views="flip")
    faces = pictures(4)
    logits = Bundle(card, network).predict_logits(faces)
    cooled = Bundle(dataclasses.replace(card, temperature=2.5), network)
    assert np.allclose(cooled.predict_logits(faces), logits)
    assert np.allclose(cooled.predict_proba(faces), softmax(logits / 2.5), atol=1e-6)


def test_colour_is_standardised_per_channel() -> None:
    network, card = tiny(mode="rgb", views="single")
    faces = pictures(3, (20, 20, 3))
    standardised = (faces / 255.0 - [0.4, 0.5, 0.6]) / [0.2, 0.25, 0.3]
    with torch.no_grad():
        logits = network(torch.from_numpy(standardised.transpose(0, 3, 1, 2).astype(np.float32))).numpy()
    assert np.allclose(Bundle(card, network).predict_logits(faces), logits, atol=1e-5)


def test_valence_and_arousal_are_averaged_over_the_views() -> None:
    network, card = tiny(views="flip", va_head=True)
    faces = pictures(4)
    one, other = (by_hand(network, view, 0.4, 0.2)[:, 3:] for view in (faces, faces[:, :, ::-1].copy()))
    probabilities, valence_arousal = Bundle(card, network).predict(faces)
    assert probabilities.shape == (4, 3)
    assert valence_arousal is not None
    assert np.allclose(valence_arousal, (one + other) / 2, atol=1e-6)
    assert Bundle(*reversed(tiny())).predict(faces)[1] is None  # type: ignore[arg-type]


@pytest.mark.parametrize("views", ["single", "flip", "ten"])
def test_a_row_does_not_depend_on_its_batch(views: str) -> None:
    network, card = tiny(views=views, crop_px=16)
    bundle, faces = Bundle(card, network), pictures(23)
    together = bundle.predict_proba(faces)
    one_by_one = np.concatenate([bundle.predict_proba(face[None]) for face in faces])
    assert np.abs(together - one_by_one).max() < 1e-5
    for batch_size in (1, 7, 1000):
        assert np.abs(bundle.predict_proba(faces, batch_size=batch_size) - together).max() < 1e-5


def test_no_pictures_give_no_rows() -> None:
    network, card = tiny(va_head=True)
    probabilities, valence_arousal = Bundle(card, network).predict(pictures(0))
    assert probabilities.shape == (0, 3)
    assert valence_arousal is not None
    assert valence_arousal.shape == (0, 2)


def test_floats_in_0_1_are_the_same_pictures() -> None:
    network, card = tiny()
    bundle, faces = Bundle(card, network), pictures(4)
    expected = bundle.predict_proba(faces)
    assert np.allclose(bundle.predict_proba(faces / 255.0), expected, atol=1e-5)
    assert np.allclose(bundle.predict_proba((faces / 255.0).astype(np.float32)), expected, atol=1e-5)


def test_read_only_and_strided_pictures_are_taken() -> None:
    network, card = tiny()
    bundle, faces = Bundle(card, network), pictures(8)
    expected = bundle.predict_proba(faces)[::-2]
    faces.flags.writeable = False
    assert np.allclose(bundle.predict_proba(faces[::-2]), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("images", "got"),
    [
        (pictures(2, (20, 21)), r"shape \(2, 20, 21\)"),
        (pictures(2, (20, 20, 3)), r"shape \(2, 20, 20, 3\)"),
        (pictures(20, (20,)), r"shape \(20, 20\)"),
        (pictures(2).astype(np.int64), "int64"),
        (pictures(2).astype(np.float32), "floats from"),
        (np.full((2, 20, 20), np.nan, np.float32), "floats from nan"),
        (np.full((2, 20, 20), -0.1), r"floats from -0\.1"),
        ([[1, 2]], "list"),
    ],
)
def test_other_images_are_refused_with_what_was_expected(images: Any, got: str) -> None:
    network, card = tiny()
    with pytest.raises(
        ValueError, match=rf"expected \(N, 20, 20\) gray pictures, uint8 or float in \[0, 1\], got {got}"
    ):
        Bundle(card, network).predict_proba(images)


def test_gray_pictures_are_refused_by_a_colour_bundle() -> None:
    network, card = tiny(mode="rgb")
    with pytest.raises(ValueError, match=r"expected \(N, 20, 20, 3\) rgb pictures"):
        Bundle(card, network).predict_proba(pictures(2))


def test_unknown_views_and_batch_sizes_are_refused() -> None:
    network, card = tiny()
    with pytest.raises(ValueError, match="expected one of single, flip, ten"):
        Bundle(card, network).predict_proba(pictures(2), views="both")
    with pytest.raises(ValueError, match="batch_size: 0"):
        Bundle(card, network).predict_proba(pictures(2), batch_size=0)


def test_float16_weights_halve_the_file_and_move_probabilities_little(tmp_path: Path) -> None:
    network, card = tiny(widths="32-64", blocks="2-2")
    save_bundle(tmp_path / "full", network, card)
    save_bundle(tmp_path / "half", network, card, weights_dtype="float16")
    full, half = ((tmp_path / name / "weights.safetensors").stat().st_size for name in ("full", "half"))
    assert half < 0.55 * full
    one, other = load_bundle(tmp_path / "full"), load_bundle(tmp_path / "half")
    faces = pictures(300)
    expected, got = one.predict_proba(faces), other.predict_proba(faces)
    assert 0 < np.abs(expected - got).max() < 0.01
    assert (expected.argmax(1) == got.argmax(1)).mean() > 0.99
    assert other.network.state_dict()["head.classes.weight"].dtype == torch.float32
    assert one.digest != other.digest


def test_bfloat16_is_close_to_float32(tmp_path: Path) -> None:
    save_bundle(tmp_path, *tiny())
    faces = pictures(20)
    expected, got = load_bundle(tmp_path).predict_proba(faces), load_bundle(tmp_path, bf16=True).predict_proba(faces)
    assert got.dtype == np.float32
    assert 0 < np.abs(expected - got).max() < 0.05


def digests(card: Card, **changes: Any) -> tuple[str, str]:
    changed = dataclasses.replace(card, **changes)
    return changed.digest, changed.preparation_digest


def test_digests_tell_apart_what_changes_scores_and_what_changes_pictures() -> None:
    _, card = tiny(preparation={"size": ["48:gray"], "margin": 0.1})
    model, preparation = digests(card)
    assert digests(card, metrics={"accuracy": 0.7}, name="other", law="none") == (model, preparation)
    assert digests(card, preparation={"margin": 0.1, "size": ("48:gray",)}) == (model, preparation)
    assert digests(card, preparation={"margin": 0.2, "size": ["48:gray"]})[1] != preparation
    changes: list[dict[str, Any]] = [
        {"temperature": 1.1},
        {"views": "ten"},
        {"crop_px": 19},
        {"mean": [0.41]},
        {"std": [0.21]},
        {"label_names": LABELS[::-1]},
        {"weights_sha256": "0" * 64},
    ]
    assert len({digests(card, **change)[0] for change in changes} | {model}) == len(changes) + 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_answers_as_the_cpu_does(tmp_path: Path) -> None:
    save_bundle(tmp_path, *tiny(va_head=True, views="ten", crop_px=16))
    faces = pictures(50)
    expected, got = load_bundle(tmp_path).predict(faces), load_bundle(tmp_path, device="cuda").predict(faces)
    for one, other in zip(expected, got, strict=True):
        assert one is not None
        assert other is not None
        assert np.abs(one - other).max() < 1e-3
