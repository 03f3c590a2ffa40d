from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from fer_spark.explaining.overlay import heat, map_png, overlay_png
from fer_spark.explaining.superpixels import grid
from fer_spark.stored_pixels import StoredPixels, UnreadablePixelsError
from tests.explaining.scorers import noise


def test_raw_pixels_come_out_as_they_went_in() -> None:
    face = noise((6, 6))
    assert (StoredPixels("a", (6, 6)).decode(face.tobytes()) == face).all()
    floats = (face / np.float32(255)).astype("<f4")
    found = StoredPixels("a", (6, 6), dtype="float32").decode(floats.tobytes())
    assert found.dtype == np.float32
    assert (found == floats).all()


def test_picture_files_come_out_in_rgb_order() -> None:
    face = np.zeros((8, 8, 3), np.uint8)
    face[..., 0] = 200  # red
    content = cv2.imencode(".png", face[..., ::-1])[1].tobytes()
    assert (StoredPixels("a", (8, 8, 3), "png").decode(content) == face).all()
    gray = cv2.imencode(".png", noise((8, 8)))[1].tobytes()
    assert (StoredPixels("a", (8, 8), "png").decode(gray) == noise((8, 8))).all()


@pytest.mark.parametrize(
    ("pixels", "content", "message"),
    [
        (StoredPixels("a", (6, 6)), None, "a is null"),
        (StoredPixels("a", (6, 6)), b"12345", "5 bytes, expected 36"),
        (StoredPixels("a", (6, 6), dtype="float32"), b"1" * 36, "expected 144"),
        (StoredPixels("a", (6, 6), "png"), b"", "no picture"),
        (StoredPixels("a", (6, 6), "png"), b"junk", "no picture"),
        (StoredPixels("a", (6, 6), "png"), cv2.imencode(".png", noise((8, 8)))[1].tobytes(), r"a picture of \(8, 8\)"),
    ],
)
def test_what_is_no_such_face_is_said(pixels: StoredPixels, content: bytes | None, message: str) -> None:
    with pytest.raises(UnreadablePixelsError, match=message):
        pixels.decode(content)


def test_heat_is_red_for_and_blue_against_and_nothing_elsewhere() -> None:
    white = np.full((48, 48, 3), 255, np.uint8)
    weights = np.zeros(36)
    weights[0], weights[35] = 1.0, -1.0
    shown = heat(white, weights[grid(48, 36)]).astype(int)
    assert shown[20, 20, 0] - shown[20, 20, 2] > 50
    assert shown[220, 220, 2] - shown[220, 220, 0] > 50
    assert (shown[120, 120] == 255).all()
    assert (heat(white, np.zeros((48, 48))) == 255).all()


@pytest.mark.parametrize("face", [noise(), noise((48, 48, 3)), noise() / np.float32(255)])
def test_an_overlay_is_a_picture_of_three_panels(face: np.ndarray) -> None:
    weights = np.linspace(-1, 1, 36)
    picture = Image.open(io.BytesIO(overlay_png(face, grid(48, 36), weights, "happy 93 %")))
    assert picture.size == (752, 278)
    found = np.asarray(picture)
    outlined = found[8 : 8 + 240, 8 + 2 * 248 : 8 + 2 * 248 + 240]
    assert (outlined[204, 200:240] == (178, 24, 43)).all(axis=-1).any()  # the heaviest, at the bottom right
    assert (outlined[2, :40] == (33, 102, 172)).all(axis=-1).any()
    assert Image.open(io.BytesIO(map_png(weights[grid(48, 36)], "happy"))).size == (256, 278)
