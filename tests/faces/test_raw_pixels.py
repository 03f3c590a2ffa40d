"""Pictures as bare values: every shape and order of colours shows the same picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_spark.faces.errors import PictureTooLargeError, UnreadablePictureError
from fer_spark.faces.opened import OpenedPicture
from fer_spark.faces.settings import FaceSettings
from fer_spark.pixels.raw import CHANNELS, ORDERS, RawPixels


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(8, 20), width=st.integers(8, 20), channels=st.sampled_from(CHANNELS),
    order=st.sampled_from(ORDERS), is_text=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
def test_a_picture_is_the_same_however_its_values_lie(
    height: int, width: int, channels: int, order: str, is_text: bool, seed: int
) -> None:
    wanted = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    wanted[..., 3:] = 255
    lying = {"rgb": wanted, "bgr": wanted[..., [2, 1, 0, 3][:channels]] if channels > 1 else wanted}
    values = lying.get(order, wanted.transpose(2, 0, 1)).tobytes()
    content = " ".join(map(str, values)).encode() if is_text else values
    raw = RawPixels(is_text, height, width, channels, order)
    assert RawPixels.parse(str(raw)) == raw
    opened = OpenedPicture(content, str(raw), FaceSettings(), gray=False)
    shown = opened.view(1)
    assert np.array_equal(shown, wanted[..., 0] if channels == 1 else wanted[..., :3])
    assert (opened.header.width, opened.header.height) == (width, height)
    assert opened.header.channels == (1 if channels == 1 else 3)
    assert OpenedPicture(content, str(raw), FaceSettings(), gray=True).view(1).shape == (height, width)


def test_transparent_pixels_are_shown_on_white() -> None:
    values = np.zeros((9, 9, 4), np.uint8)
    shown = OpenedPicture(values.tobytes(), "bytes 9x9x4 bgr", FaceSettings(), gray=False).view(1)
    assert (shown == 255).all()


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(UnreadablePictureError, match="242 values, a picture of 9x9x3 has 243"):
        _ = OpenedPicture(bytes(242), "bytes 9x9x3 bgr", FaceSettings(), gray=False).header
    with pytest.raises(UnreadablePictureError, match="value 1 is '-3'"):
        _ = OpenedPicture(b"1 -3", "pixels 9x9x1 rgb", FaceSettings(), gray=False).header
    with pytest.raises(PictureTooLargeError):
        _ = OpenedPicture(bytes(9), "bytes 99999999x99999999x1 bgr", FaceSettings(), gray=False).header
    with pytest.raises(ValueError, match="encoding"):
        _ = OpenedPicture(bytes(9), "bytes 9x9x5 bgr", FaceSettings(), gray=False).header
