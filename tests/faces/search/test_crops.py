"""Pictures that are all one small square are faces already; portraits, mixtures and a few are not taken for them."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from fer_spark.faces.search.crops import HEADER_BYTES, Size, crop_side, size_of, size_of_file


@pytest.mark.parametrize(
    ("sizes", "side"),
    [
        ([(48, 48)] * 8, 48),
        ([(100, 100)] * 96 + [(640, 480)] * 4, 100),
        ([(128, 128)] * 50 + [None] * 50, 128),
        ([(48, 48)] * 7, 0),
        ([(100, 100)] * 90 + [(640, 480)] * 10, 0),
        ([(48, 48)] * 90 + [(0, 0)] * 10, 0),
        ([(48, 48)] * 50 + [(64, 64)] * 50, 0),
        ([(48, 64)] * 100, 0),
        ([(8, 8)] * 100, 0),
        ([(224, 224)] * 100, 0),
        ([None] * 100, 0),
        ([], 0),
    ],
)
def test_nearly_all_must_be_one_small_square(sizes: list[Size | None], side: int) -> None:
    assert crop_side(sizes) == side


def test_shards_of_crops_know_what_they_add() -> None:
    assert crop_side([(48, 48)], least_pictures=1) == 48
    assert crop_side([], least_pictures=1) == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "PPM"])
def test_the_first_bytes_tell_the_size(kind: str) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((300, 299), 80).convert("RGB").save(buffer, kind)
    assert size_of(buffer.getvalue()[:HEADER_BYTES]) == (300, 299)


def test_webp_tells_its_size_whole_alone_as_small_squares_are() -> None:
    for side, expected in ((48, (48, 48)), (300, (0, 0))):
        buffer = io.BytesIO()
        Image.effect_noise((side, side), 80).convert("RGB").save(buffer, "WEBP", quality=100)
        assert size_of(buffer.getvalue()[:HEADER_BYTES]) == expected


def test_what_is_no_picture_tells_nothing_and_what_tells_late_is_not_small(tmp_path: object) -> None:
    assert size_of(b"text") is None
    assert size_of(b"\xff\xd8" + b"\xff\xe1\xff\xff" + b"x" * HEADER_BYTES) == (0, 0)
    assert size_of_file(b"/nowhere/at all.jpg") is None
