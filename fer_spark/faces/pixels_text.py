"""Gray pictures written as decimal text, as in FER-2013's CSV: H * H values 0-255, split by blanks."""

from __future__ import annotations

import math

import numpy as np

from fer_spark.faces.errors import EmptyPictureError, UnreadablePictureError
from fer_spark.faces.geometry import Pixels

_ZERO = ord("0")
_ALLOWED = b"0123456789 \t\r\n"


def parse_pixels(content: bytes) -> Pixels:
    """Read a square (H, H) gray picture. Raises EmptyPictureError, or UnreadablePictureError naming the value."""
    values = parse_values(content)
    side = math.isqrt(len(values))
    if side * side != len(values):
        raise UnreadablePictureError(
            f"{len(values)} values make no square picture (48x48 has 2304); a value is missing or left over"
        )
    return values.reshape(side, side)


def parse_values(content: bytes) -> Pixels:
    """All the values, flat. Raises as parse_pixels.

    All numbers are read at once: the value that ends at a byte is its digit plus ten and a hundred times the two
    digits before it, as far as those belong to the same number.
    """
    if not content.strip():
        raise EmptyPictureError("the pixel column is empty")
    digits = np.frombuffer(b" " * 3 + content + b" ", np.uint8) - np.uint8(_ZERO)
    is_digit = digits < 10
    ends = np.flatnonzero(is_digit[:-1] & ~is_digit[1:])
    tens, hundreds = is_digit[ends - 1], is_digit[ends - 2] & is_digit[ends - 1]
    values = digits[ends] + tens * digits[ends - 1] * np.uint16(10) + hundreds * digits[ends - 2] * np.uint16(100)
    too_long = hundreds & is_digit[ends - 3]
    if too_long.any() or (values > 255).any() or content.translate(None, _ALLOWED):
        raise UnreadablePictureError(_explain(content))
    return values.astype(np.uint8)


def _explain(content: bytes) -> str:
    """Say what is wrong; slower, for bad rows alone."""
    tokens = content.split()
    for index, token in enumerate(tokens):
        if not (token.isdigit() and len(token) <= 3 and int(token) <= 255):
            return f"value {index} is {token[:20].decode('utf-8', 'replace')!r}, expected a whole number 0-255"
    return "something else than blanks stands between the values"
