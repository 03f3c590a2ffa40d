"""Decoding: the same picture from every format, every orientation; nothing from a damaged or endless one."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from itertools import product

import cv2
import numpy as np
import pytest
from PIL import Image

from fer_spark.faces.decode import decode
from fer_spark.faces.errors import (
    EmptyPictureError,
    PictureTooLargeError,
    RejectedPictureError,
    UnreadablePictureError,
)
from fer_spark.faces.geometry import Pixels
from fer_spark.faces.header import inspect
from tests import poison

LUMA = np.array([0.299, 0.587, 0.114])


def read(content: bytes, gray: bool = False, reduction: int = 1) -> Pixels:
    return decode(content, inspect(content, 80), gray, reduction)


def error(one: Pixels, other: Pixels) -> float:
    assert one.shape == other.shape
    return float(np.abs(one.astype(float) - other.astype(float)).max())


EXACT = [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("WEBP", {"lossless": True})]
NEAR = [("JPEG", {"quality": 100, "subsampling": 0}), ("JPEG", {"quality": 100, "subsampling": 0, "progressive": True})]
SIZES = [(31, 57), (64, 40), (9, 128)]


@pytest.mark.parametrize(("kind", "options", "limit"), [(*case, 0) for case in EXACT] + [(*case, 6) for case in NEAR])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_colour_comes_as_rgb_from_every_format(
    kind: str, options: dict[str, object], limit: int, width: int, height: int
) -> None:
    picture = poison.gradient(width, height)
    content = poison.encoded(Image.fromarray(picture), kind, **options)
    header = inspect(content, 80)
    assert (header.format, header.width, header.height, header.channels) == (kind.lower(), width, height, 3)
    assert error(read(content), picture) <= limit
    assert error(read(content, gray=True), (picture @ LUMA).round().astype(np.uint8)) <= limit + 1


@pytest.mark.parametrize(("kind", "limit"), [("PNG", 0), ("BMP", 0), ("TIFF", 0), ("GIF", 0), ("JPEG", 6)])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_gray_stays_gray(kind: str, limit: int, width: int, height: int) -> None:
    picture = poison.gradient(width, height, 1)
    pixels = read(poison.encoded(Image.fromarray(picture), kind, **({"quality": 100} if kind == "JPEG" else {})))
    if kind == "GIF" and pixels.ndim == 3:
        pixels = pixels[..., 0]
    assert error(pixels, picture) <= limit


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("reduction", [1, 2])
def test_exif_orientation_of_jpeg_is_applied_once(orientation: int, gray: bool, reduction: int) -> None:
    upright = poison.gradient(60, 40)
    content = poison.exif_jpeg(orientation)
    header = inspect(content, 80)
    assert (header.width, header.height) == (60, 40)
    expected = upright.reshape(40 // reduction, reduction, 60 // reduction, reduction, 3).mean(axis=(1, 3))
    expected = expected @ LUMA if gray else expected
    assert error(read(content, gray, reduction), expected.round().astype(np.uint8)) <= 8


@pytest.mark.parametrize(("kind", "orientation"), list(product(["PNG", "TIFF", "WEBP"], range(1, 9))))
def test_exif_orientation_of_other_formats_is_applied_once(kind: str, orientation: int) -> None:
    stored = Image.open(io.BytesIO(poison.exif_jpeg(orientation)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    content = poison.encoded(
        Image.fromarray(np.asarray(stored)), kind, exif=exif.tobytes() if kind != "TIFF" else exif, **options
    )
    assert (inspect(content, 80).width, inspect(content, 80).height) == (60, 40)
    assert error(read(content), poison.gradient(60, 40)) <= 8


@pytest.mark.parametrize("reduction", [2, 4, 8])
@pytest.mark.parametrize(("width", "height"), [(1001, 777), (640, 488), (17, 9), (1003, 999)])
def test_reduced_decode_has_the_size_that_is_assumed(reduction: int, width: int, height: int) -> None:
    content = poison.jpeg(width, height)
    expected = (-(-height // reduction), -(-width // reduction))
    assert read(content, reduction=reduction).shape == (*expected, 3)
    assert read(content, gray=True, reduction=reduction).shape == expected


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_cut(kind: str) -> None:
    assert error(read(poison.sixteen_bit(kind)), poison.gradient(60, 40, 1)) == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_deep_tiff_is_turned_once(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.asarray(Image.open(io.BytesIO(poison.exif_jpeg(orientation))).convert("L"))
    upright = np.asarray(Image.open(io.BytesIO(poison.exif_jpeg(1))).convert("L"))
    content = poison.encoded(Image.fromarray(stored.astype(np.uint16) * 257), "TIFF", exif=exif)
    assert error(read(content), upright) <= 8


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bit_colour_keeps_its_order(suffix: str) -> None:
    picture = poison.gradient(60, 40)
    deep = picture[..., ::-1].astype(np.uint16) * 257
    assert error(read(cv2.imencode(suffix, deep)[1].tobytes()), picture) == 0


def test_transparency_shows_white() -> None:
    pixels = np.zeros((10, 12, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[:, :4, 3], pixels[:, 4:8, 3] = 255, 51
    shown = read(poison.encoded(Image.fromarray(pixels), "PNG"))
    assert shown[0, 0].tolist() == [200, 0, 0]
    assert shown[0, 5].tolist() == [244, 204, 204]  # 0.2 * (200, 0, 0) + 0.8 * 255
    assert shown[0, 11].tolist() == [255, 255, 255]


def test_a_transparent_value_of_sixteen_bits_leaves_the_others_as_they_are() -> None:
    deep = np.linspace(0, 65535, 48 * 48).reshape(48, 48).astype(np.uint16)
    plain = cv2.imencode(".png", deep)[1].tobytes()
    body = b"tRNS" + struct.pack(">H", 0)
    chunk = struct.pack(">I", 2) + body + struct.pack(">I", zlib.crc32(body))
    at = plain.index(b"IDAT") - 4
    shown = read(plain[:at] + chunk + plain[at:], gray=True)
    assert shown[0, 0] == 255
    assert error(shown.reshape(-1)[1:], read(plain).reshape(-1)[1:]) <= 1


def test_cmyk_is_not_inverted() -> None:
    content = poison.encoded(Image.new("CMYK", (16, 12), (0, 255, 255, 0)), "JPEG", quality=95)
    assert error(read(content), np.full((12, 16, 3), (255, 0, 0), np.uint8)) <= 6


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
    assert error(read(poison.animated(kind)), poison.gradient(60, 40)) <= (0 if kind == "WEBP" else 64)


CUT = {
    "jpeg": poison.jpeg(120, 90, quality=80),
    "progressive": poison.jpeg(120, 90, progressive=True),
    "thumbnail": poison.thumbnail_jpeg(),
    "cmyk": poison.encoded(Image.fromarray(poison.gradient(60, 40)).convert("CMYK"), "JPEG"),
    "png": poison.encoded(Image.fromarray(poison.gradient(60, 40)), "PNG"),
    "palette": poison.encoded(Image.fromarray(poison.gradient(60, 40)).convert("P"), "PNG"),
    "gif": poison.animated("GIF"),
    "webp": poison.animated("WEBP"),
    "bmp": poison.encoded(Image.fromarray(poison.gradient(60, 40)), "BMP"),
    "tiff": poison.encoded(Image.fromarray(poison.gradient(60, 40)), "TIFF"),
}


@pytest.mark.parametrize("name", CUT)
def test_a_cut_off_file_is_refused_wherever_it_is_cut(name: str) -> None:
    content = CUT[name]
    read(content)
    lengths = sorted({*range(0, len(content), max(1, len(content) // 97)), *range(len(content) - 9, len(content))})
    if content.startswith(b"\xff\xd8"):  # without its end marker alone it is read: see formats/test_jpeg.py
        lengths = [length for length in lengths if length < len(content) - 2]
    for length in lengths:
        with pytest.raises(RejectedPictureError):
            read(content[:length])
        if name not in ("bmp", "tiff"):  # the header's reader sees it by itself, whatever the decoder would fill in
            with pytest.raises(RejectedPictureError):
                inspect(content[:length], 80)


@pytest.mark.parametrize("name", CUT)
def test_damaged_bytes_are_refused_or_read_but_never_a_bug(name: str) -> None:
    rng = np.random.default_rng(7)
    for _ in range(60):
        damaged = bytearray(CUT[name])
        for place in rng.integers(0, len(damaged), 4):
            damaged[place] = int(rng.integers(256))
        with contextlib.suppress(RejectedPictureError):
            read(bytes(damaged))


def test_the_pixel_limit_is_checked_before_decoding() -> None:
    bomb = poison.png_bomb()
    assert len(bomb) < 20_000
    with pytest.raises(
        PictureTooLargeError, match=r"10000x10000 px is 100.0 megapixels, limit 80 \(--max-megapixels\)"
    ):
        inspect(bomb, 80)


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<?xml version='1.0'?>\n<svg/>", "SVG"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b"PK\x03\x04rest", "zip"),
        (b"hello world", "text file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (bytes(500), "zero bytes"),
        (b"\x00\x00\x00\x18ftypheic", "HEIC"),
    ],
)
def test_the_detail_says_what_the_file_looks_like(content: bytes, detail: str) -> None:
    with pytest.raises(UnreadablePictureError, match=detail):
        inspect(content, 80)


def test_no_bytes_are_empty() -> None:
    with pytest.raises(EmptyPictureError):
        inspect(b"", 80)
