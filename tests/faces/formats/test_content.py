"""Every kind of picture is known by its bytes, and shows the pixels that were put in."""

from __future__ import annotations

import contextlib
import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fer_spark.faces.decode import decode
from fer_spark.faces.errors import PictureTooLargeError, RejectedPictureError, UnreadablePictureError
from fer_spark.faces.formats import plugins
from fer_spark.faces.formats.content import format_of
from fer_spark.faces.header import inspect
from tests.faces.formats.kinds import KINDS, picture
from tests.poison import Array, encoded


def read(content: bytes) -> Array:
    return decode(content, inspect(content, 2))


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=5, deadline=None)
@given(width=st.integers(33, 90), height=st.integers(33, 90), seed=st.integers(0, 2**32 - 1))
def test_every_kind_shows_its_pixels(name: str, width: int, height: int, seed: int) -> None:
    kind = KINDS[name]
    pixels = picture(kind, width, height, seed)
    content = kind.make(pixels)
    header = inspect(content, 80)
    assert (header.format, header.width, header.height) == (kind.format, width, height)
    shown = decode(content, header)
    if kind.gray and shown.ndim == 3:
        shown = shown[..., 0]
    assert shown.shape == pixels.shape
    assert np.abs(shown.astype(int) - pixels).max() <= kind.off


@pytest.mark.parametrize("name", KINDS)
def test_what_is_cut_off_is_refused_and_what_is_damaged_is_no_bug(name: str) -> None:
    content = KINDS[name].make(picture(KINDS[name], 64, 48, 5))
    if name == "fits":
        content = content[: 2880 + 64 * 48]  # the rest fills up the last block
    for part in (0.02, 0.3, 0.6, 0.9):
        with pytest.raises(RejectedPictureError):
            read(content[: int(len(content) * part)])
    rng = np.random.default_rng(7)
    for _ in range(25):
        damaged = bytearray(content)
        for place in rng.integers(0, len(damaged), 4):
            damaged[place] = int(rng.integers(256))
        with contextlib.suppress(RejectedPictureError):
            read(bytes(damaged))


@pytest.mark.parametrize("name", KINDS)
def test_too_many_pixels_are_refused_before_they_are_decoded(name: str) -> None:
    content = KINDS[name].make(picture(KINDS[name], 200, 100, 5))
    with pytest.raises(PictureTooLargeError, match="200x100 px"):
        inspect(content, 0.019)


def test_a_picture_within_an_icon_counts_as_it_is_not_as_the_icon_says() -> None:
    inner = encoded(Image.new("L", (2000, 1000)), "PNG")
    content = struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(inner), 22) + inner
    with pytest.raises(PictureTooLargeError, match="2000x1000 px"):
        inspect(content, 1)


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_a_picture_or_refused(content: bytes) -> None:
    with contextlib.suppress(RejectedPictureError):
        read(content)


@given(st.text(min_size=1, max_size=300))
@settings(max_examples=60, deadline=None)
def test_text_is_no_picture(text: str) -> None:
    assert format_of(b"x" + text.encode()) is None


@pytest.mark.parametrize(
    ("content", "package"),
    [
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "pillow-heif"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic", "pillow-heif"),
        (b"\xff\x0a\x7a\x3e\x1c", "pillow-jxl-plugin"),
        (b"\x00\x00\x00\x0cJXL \r\n\x87\n" + bytes(16), "pillow-jxl-plugin"),
    ],
)
def test_without_its_plugin_the_detail_names_it(content: bytes, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = {kind: ("no_such_module", remedy) for kind, (_, remedy) in plugins._PACKAGES.items()}
    monkeypatch.setattr(plugins, "_PACKAGES", nowhere)
    plugins.missing_plugin.cache_clear()
    try:
        with pytest.raises(UnreadablePictureError, match=rf"(HEIC|JPEG XL) picture: install {package} \(pip install"):
            inspect(content, 80)
    finally:
        plugins.missing_plugin.cache_clear()


def test_videos_share_their_container_with_heic_and_are_none() -> None:
    assert format_of(b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  " + bytes(64)) is None
    assert format_of(b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41" + bytes(64)) is None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_pictures_of_phones_are_turned_once(kind: str, orientation: int) -> None:
    if kind == "HEIF" and plugins.missing_plugin("heif"):
        pytest.skip("pillow-heif is not installed")
    upright = Image.open(io.BytesIO(encoded(Image.fromarray(picture(KINDS["avif"], 60, 40, 3)), "PNG")))
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = upright.transpose(Image.Transpose(turns[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(stored, kind, exif=exif.tobytes(), quality=95)
    shown = read(content)
    assert shown.shape == (40, 60, 3)
    assert np.abs(shown.astype(int) - np.asarray(upright)).mean() < 6
