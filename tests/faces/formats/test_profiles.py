"""Colours of any profile become sRGB, as the formulas of the spaces say; what has none, or sRGB's, stays as it was."""

from __future__ import annotations

import io
import struct

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from fer_spark.faces.decode import decode
from fer_spark.faces.header import inspect
from tests.poison import Array, encoded, gradient, jpeg

Floats = npt.NDArray[np.float64]
D50 = np.array([0.9642, 1.0, 0.8249])
# columns: red, green, blue in XYZ of D50, as the profiles of their makers state them
DISPLAY_P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
ADOBE_RGB = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])


def _curve(gamma: float) -> bytes:
    """A tone curve: a power, or sRGB's where gamma is 0 (ICC.1, section 10.18)."""
    if gamma:
        return struct.pack(">4s4xHHi", b"para", 0, 0, round(gamma * 65536))
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return struct.pack(">4s4xHH5i", b"para", 3, 0, *(round(number * 65536) for number in numbers))


def _xyz(values: Floats) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *(round(value * 65536) for value in values))


def profile(gamma: float, matrix: Floats | None = None) -> bytes:
    """An ICC profile of version 4 from a matrix and one curve; without a matrix, of gray."""
    tags = {b"wtpt": _xyz(D50)}
    if matrix is None:
        tags[b"kTRC"] = _curve(gamma)
    else:
        for index, name in enumerate((b"r", b"g", b"b")):
            tags |= {name + b"XYZ": _xyz(matrix[:, index]), name + b"TRC": _curve(gamma)}
    text = "a test".encode("utf-16-be")
    tags[b"desc"] = tags[b"cprt"] = struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", len(text), 28) + text
    place, table, data = 132 + 12 * len(tags), b"", b""
    for name, body in tags.items():
        table += struct.pack(">4sII", name, place + len(data), len(body))
        data += body.ljust(-(-len(body) // 4) * 4, b"\0")
    space = b"GRAY" if matrix is None else b"RGB "
    size = place + len(data)
    head = struct.pack(">I4xI4s4s4s12x4s", size, 0x04200000, b"mntr", space, b"XYZ ", b"acsp").ljust(68, b"\0")
    head += struct.pack(">3i", *(round(value * 65536) for value in D50))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def linear(levels: Floats, gamma: float) -> Floats:
    if gamma:
        return np.asarray(levels**gamma)
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def to_srgb(pixels: Array, gamma: float, matrix: Floats) -> Floats:
    """(…, 3) of 0-255 by the formulas alone: to light, to XYZ, to sRGB's light, to its levels."""
    light = linear(pixels / 255, gamma) @ matrix.T @ np.linalg.inv(SRGB).T
    light = np.clip(light, 0, 1)
    return 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def read(content: bytes, gray: bool = False) -> Array:
    return decode(content, inspect(content, 80), gray)


SPACES = {"Display P3": (0.0, DISPLAY_P3), "Adobe RGB": (2.19921875, ADOBE_RGB)}


@pytest.mark.parametrize("space", SPACES)
@settings(max_examples=25, deadline=None)
@given(colour=st.tuples(*[st.integers(0, 255)] * 3))
def test_a_colour_is_shown_as_srgb(space: str, colour: tuple[int, int, int]) -> None:
    gamma, matrix = SPACES[space]
    content = encoded(Image.new("RGB", (24, 16), colour), "PNG", icc_profile=profile(gamma, matrix))
    expected = to_srgb(np.array(colour, np.uint8), gamma, matrix)
    shown = read(content)
    assert shown.shape == (16, 24, 3)
    assert (shown == shown[0, 0]).all()
    # near black the curve is steep: a level of rounding before it is several behind it
    assert np.abs(shown[0, 0] - expected).max() <= (3 if min(colour) >= 24 else 9)


WRITERS = {
    "jpeg": ("JPEG", {"quality": 100, "subsampling": 0}),
    "png": ("PNG", {}),
    "webp": ("WEBP", {"lossless": True}),
    "tiff": ("TIFF", {}),
    "avif": ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_that_carries_a_profile_is_converted(name: str) -> None:
    kind, options = WRITERS[name]
    gamma, matrix = SPACES["Adobe RGB"]
    pixels = (gradient(60, 40) // 2 + 64).astype(np.uint8)
    content = encoded(Image.fromarray(pixels), kind, icc_profile=profile(gamma, matrix), **options)
    expected = to_srgb(pixels, gamma, matrix)
    off = np.abs(read(content) - expected)
    assert off.mean() <= 2
    assert off.max() <= (4 if kind in ("PNG", "WEBP", "TIFF") else 24)  # a level lost before a steep curve is several
    assert np.abs(pixels - expected).max() > 12
    assert np.abs(pixels - expected).mean() > 4
    gray = read(content, gray=True)
    assert np.abs(gray - expected @ [0.299, 0.587, 0.114]).max() <= 10


@pytest.mark.parametrize("reduction", [2, 8])
def test_a_reduced_jpeg_is_converted_too(reduction: int) -> None:
    gamma, matrix = SPACES["Display P3"]
    content = encoded(Image.new("RGB", (64, 64), (200, 90, 60)), "JPEG", quality=95, icc_profile=profile(gamma, matrix))
    shown = decode(content, inspect(content, 80), reduction=reduction)
    assert np.abs(shown - to_srgb(np.array([[(200, 90, 60)]], np.uint8), gamma, matrix)).max() <= 4


def test_transparent_pixels_are_converted_before_they_are_mixed_with_white() -> None:
    gamma, matrix = SPACES["Adobe RGB"]
    content = encoded(Image.new("RGBA", (16, 12), (180, 120, 60, 128)), "PNG", icc_profile=profile(gamma, matrix))
    solid = to_srgb(np.array((180, 120, 60), np.uint8), gamma, matrix)
    assert np.abs(read(content)[0, 0] - (solid * 128 + 255 * 127) / 255).max() <= 3


def test_grays_of_another_curve_are_converted_and_stay_gray() -> None:
    pixels = gradient(256, 16, 1)
    shown = read(encoded(Image.fromarray(pixels), "PNG", icc_profile=profile(1.8)))
    expected = to_srgb(np.repeat(pixels[..., None], 3, axis=2), 1.8, SRGB)[..., 1]
    assert shown.shape == (16, 256)
    assert np.abs(shown - expected)[:, 24:].max() <= 2
    assert np.abs(pixels - expected).max() > 8


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("what", ["srgb", "srgb by numbers", "damaged", "of another space"])
def test_a_profile_that_says_nothing_new_changes_no_byte(kind: str, what: str) -> None:
    content = {
        "srgb": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        "srgb by numbers": profile(0, SRGB),
        "damaged": profile(0, DISPLAY_P3)[:150],
        "of another space": profile(1.8),
    }[what]
    image = Image.fromarray(gradient(60, 40))
    with_it, without = (encoded(image, kind, **more) for more in ({"icc_profile": content}, {}))
    assert inspect(with_it, 80).profile is None
    assert np.array_equal(read(with_it), read(without))
    assert inspect(with_it, 80).reducible == (kind == "JPEG")


def test_a_profile_in_several_segments_is_put_together_in_their_order() -> None:
    whole = profile(2.19921875, ADOBE_RGB)
    parts = [whole[:200], whole[200:350], whole[350:]]
    segments = b""
    for number in (2, 1, 3):
        body = b"ICC_PROFILE\x00" + bytes((number, 3)) + parts[number - 1]
        segments += b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body
    plain = jpeg()
    assert inspect(plain[:2] + segments + plain[2:], 80).profile == whole


def test_cmyk_is_converted_by_its_own_profile_where_it_can_be_and_as_before_where_not() -> None:
    image = Image.new("CMYK", (16, 12), (0, 255, 255, 0))
    content = encoded(image, "JPEG", quality=95, icc_profile=profile(0, DISPLAY_P3))
    assert np.array_equal(read(content), read(encoded(image, "JPEG", quality=95)))
    assert Image.open(io.BytesIO(content)).info["icc_profile"]
