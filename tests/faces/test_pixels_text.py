"""FER-2013's pixel column."""

from __future__ import annotations

import numpy as np
import pytest

from fer_spark.faces.errors import EmptyPictureError, UnreadablePictureError
from fer_spark.faces.pixels_text import parse_pixels


def test_every_value_comes_through() -> None:
    values = np.random.default_rng(0).permutation(np.arange(2304) % 256).reshape(48, 48)
    text = " ".join(map(str, values.ravel()))
    for content in (text, f" {text}\n", text.replace(" ", "  ")):
        assert np.array_equal(parse_pixels(content.encode()), values)


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"1 2 3", "3 values make no square"),
        (b"1 2 3 256", "value 3 is '256'"),
        (b"1 2 3 1000", "value 3 is '1000'"),
        (b"1 2 3 0004", "value 3 is '0004'"),
        (b"1 x 3 4", "value 1 is 'x'"),
        (b"1 2 -3 4", "value 2 is '-3'"),
        (b"1,2,3,4", "value 0 is '1,2,3,4'"),
        (b"1.5 2 3 4", "value 0 is '1.5'"),
        (b"1 2 3 \xff", "value 3"),
    ],
)
def test_what_is_wrong_is_named(content: bytes, detail: str) -> None:
    with pytest.raises(UnreadablePictureError, match=detail):
        parse_pixels(content)


def test_blanks_are_empty() -> None:
    with pytest.raises(EmptyPictureError):
        parse_pixels(b" \n")
