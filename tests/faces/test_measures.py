"""Photometric normalisation, quality and hashes against cases worked by hand, and against near copies."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest
from skimage import data

from fer_spark.faces.geometry import Pixels
from fer_spark.faces.hashes import face_id, hamming, image_id, perceptual_hash, pixel_hash
from fer_spark.faces.photometric import normalise
from fer_spark.faces.quality import measure


def astronaut() -> Pixels:
    return np.asarray(data.astronaut(), np.uint8)


def test_equalize_by_hand() -> None:
    """8 px: values 50, 60, 70, 200 seen 2, 1, 4, 1 times: (cdf - 2) / (8 - 2) * 255 = 0, 42.5, 212.5, 255."""
    face = np.array([[50, 50, 60, 70], [70, 70, 70, 200]], np.uint8)
    equalized = normalise(face, "none", "equalize").astype(int)
    assert np.abs(equalized - [[0, 0, 42.5, 212.5], [212.5, 212.5, 212.5, 255]]).max() <= 0.5


@pytest.mark.parametrize("photometric", ["equalize", "clahe"])
def test_colour_keeps_its_hue_when_normalised(photometric: str) -> None:
    flat = np.full((48, 48, 3), (120, 60, 60), np.uint8)
    flat[:24] = (60, 30, 30)
    changed = normalise(flat, "none", photometric).astype(int)
    red = changed[..., 0] - changed[..., 1]
    assert (red > 0).all()
    assert np.abs(changed[..., 1] - changed[..., 2]).max() <= 3


@pytest.mark.parametrize("denoise", ["median", "bilateral", "nlmeans"])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_denoising_brings_a_noisy_face_nearer_to_the_clean_one(denoise: str, channels: tuple[int, ...]) -> None:
    clean = cv2.resize(astronaut()[0:200, 120:320], (96, 96), interpolation=cv2.INTER_AREA)
    clean = clean if channels else cv2.cvtColor(clean, cv2.COLOR_RGB2GRAY)
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 12, clean.shape), 0, 255).astype(np.uint8)
    better = normalise(noisy, denoise, "none")
    assert better.shape == clean.shape
    assert np.abs(better.astype(int) - clean).mean() < np.abs(noisy.astype(int) - clean).mean()


def test_none_changes_nothing() -> None:
    assert np.array_equal(normalise(astronaut(), "none", "none"), astronaut())


def test_quality_by_hand() -> None:
    face = np.zeros((48, 48), np.uint8)
    face[:, 24:] = 255
    quality = measure(face)
    assert quality.brightness == pytest.approx(0.5)
    assert quality.contrast == pytest.approx(0.5)
    # the Laplacian is 255 in the column left of the edge and -255 right of it, 0 in 46 columns; its mean is 0
    assert quality.sharpness == pytest.approx(255**2 * 2 / 48)
    assert measure(np.full((48, 48), 90, np.uint8)).sharpness == 0
    with pytest.raises(ValueError, match="48"):
        measure(np.zeros((40, 48), np.uint8))


def test_a_blurred_face_is_less_sharp() -> None:
    face = cv2.cvtColor(cv2.resize(astronaut()[0:200, 120:320], (48, 48)), cv2.COLOR_RGB2GRAY).astype(np.uint8)
    assert measure(cv2.GaussianBlur(face, (5, 5), 0).astype(np.uint8)).sharpness < measure(face).sharpness / 2


def test_ids_are_the_stated_digests() -> None:
    assert image_id(b"abc") == "ba7816bf8f01cfea414140de5dae2223"  # FIPS 180-2, appendix B.1
    assert face_id("ab", "x/y.jpg", 7, 2) == hashlib.sha256(b"ab|x/y.jpg|7|2").hexdigest()[:32]
    assert face_id("ab", "x", None, 0) == hashlib.sha256(b"ab|x||0").hexdigest()[:32]


def test_pixel_hash_tells_sizes_and_pixels_apart_but_not_gray_from_equal_channels() -> None:
    gray = np.arange(24, dtype=np.uint8).reshape(4, 6)
    others = [gray.reshape(6, 4), gray + np.uint8(1), np.dstack([gray, gray, gray[::-1]])]
    assert len({pixel_hash(picture) for picture in (gray, *others)}) == 4
    assert pixel_hash(np.dstack([gray] * 3)) == pixel_hash(gray)


def test_perceptual_hash_of_near_copies_is_near_and_of_others_far() -> None:
    pictures = [astronaut(), np.asarray(data.chelsea()), np.asarray(data.coffee()), np.asarray(data.camera())]
    for picture in pictures:
        original = perceptual_hash(picture)
        encoded = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_UNCHANGED)
        assert hamming(original, perceptual_hash(encoded.astype(np.uint8))) <= 4
        for size in ((150, 170), (640, 480), (48, 48)):
            resized = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
            assert hamming(original, perceptual_hash(resized)) <= 6
    hashes = [perceptual_hash(picture) for picture in pictures]
    assert all(hamming(a, b) >= 16 for i, a in enumerate(hashes) for b in hashes[:i])
    assert all(-(2**63) <= value < 2**63 for value in hashes)


def test_flat_pictures_hash_alike_and_unlike_a_picture() -> None:
    flat = {perceptual_hash(np.full((50, 70), value, np.uint8)) for value in (0, 7, 128, 255)}
    assert flat == {0}
    nearly = 128 + np.random.default_rng(0).integers(0, 2, (200, 200)).astype(np.uint8)  # a flat picture's JPEG noise
    assert perceptual_hash(nearly) == 0
    assert perceptual_hash(np.tile(np.arange(63, -1, -1, dtype=np.uint8) * 4, (64, 1))) != 0
    assert hamming(-1, 0) == 64
