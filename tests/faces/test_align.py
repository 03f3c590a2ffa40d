"""Cutting faces out: identity, borders, no aliasing, and eyes that end up level."""

from __future__ import annotations

import hashlib
import math

import cv2
import numpy as np
import pytest

from fer_spark.faces.align import crop_face
from fer_spark.faces.geometry import CropSquare, Detection, FaceBox, Landmarks, Pixels, eye_angle_deg
from fer_spark.faces.shrink import shrink

GRAY, COLOUR = "c6ad4556c8784807", "41252232f30a90d2"
"""Digests of noise grown from 16 to 48 px, by OpenCV's own kernel."""


def noise(height: int, width: int, *channels: int) -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (height, width, *channels), dtype=np.uint8)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_picture_of_the_size_asked_for_is_unchanged(channels: tuple[int, ...]) -> None:
    picture = noise(48, 48, *channels)
    assert np.array_equal(crop_face(picture, CropSquare.around(FaceBox(0, 0, 48, 48), 0), 48), picture)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_growing_gives_the_same_pixels_on_every_processor(channels: tuple[int, ...]) -> None:
    small, were = noise(16, 16, *channels), cv2.ipp.useIPP()
    grown = crop_face(small, CropSquare.around(FaceBox(0, 0, 16, 16), 0), 48)
    assert hashlib.sha256(grown.tobytes()).hexdigest()[:16] == {0: GRAY, 1: COLOUR}[len(channels)]
    assert cv2.ipp.useIPP() == were
    exact = cv2.resize(small.astype(np.float64), (48, 48), interpolation=cv2.INTER_CUBIC)
    assert np.abs(grown - np.clip(exact, 0, 255)).max() <= 1


def test_an_upright_square_is_cut_where_it_lies() -> None:
    picture = noise(90, 70)
    assert np.array_equal(crop_face(picture, CropSquare(30, 50, 20), 20), picture[40:60, 20:40])


def test_outside_the_picture_the_border_is_repeated() -> None:
    picture = noise(40, 60)
    crop = crop_face(picture, CropSquare(0, 0, 20), 20)
    assert np.array_equal(crop[10:, 10:], picture[:10, :10])
    assert (crop[:10, :10] == picture[0, 0]).all()
    assert np.array_equal(crop[0, 10:], picture[0, :10])
    assert (crop_face(picture, CropSquare(500, 20, 10), 10) == crop_face(picture, CropSquare(900, 20, 10), 10)).all()


@pytest.mark.parametrize("angle", [0.0, 7.0, 30.0, -45.0])
@pytest.mark.parametrize("side", [400, 250, 130])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_fine_texture_turns_to_gray_not_to_patterns(angle: float, side: int, channels: tuple[int, ...]) -> None:
    rows, columns = np.indices((640, 660))
    board = ((rows + columns) % 2 * 255).astype(np.uint8)
    picture = np.dstack([board] * 3) if channels else board
    crop = crop_face(picture, CropSquare(330, 320, side, angle), 48)
    assert crop.shape == (48, 48, *channels)
    assert crop.astype(float).std() < 12  # a plain bilinear warp of this gives 60 and more
    assert abs(crop.mean() - 127.5) < 2


@pytest.mark.parametrize("angle", [12.0, -33.0, 90.0])
@pytest.mark.parametrize(("side", "out"), [(200.0, 48), (60.0, 96), (150.0, 100)])
def test_a_turned_square_brings_a_dot_where_the_matrix_says(angle: float, side: float, out: int) -> None:
    square = CropSquare(150, 140, side, angle)
    turn = math.radians(angle)
    dot = (150 + side / 4 * math.cos(turn), 140 + side / 4 * math.sin(turn))
    rows, columns = np.indices((300, 320)) + 0.5
    picture = (255 * np.exp(-((columns - dot[0]) ** 2 + (rows - dot[1]) ** 2) / (2 * (side / 20) ** 2))).astype(
        np.uint8
    )
    crop = crop_face(picture, square, out).astype(float)
    down, across = (np.indices((out, out)) + 0.5) * crop / crop.sum()
    assert across.sum() == pytest.approx(out * 0.75, abs=0.04)
    assert down.sum() == pytest.approx(out * 0.5, abs=0.04)


def test_the_eyes_of_a_turned_face_end_up_level() -> None:
    upright = np.full((300, 300), 200, np.uint8)
    for eye in ((110, 130), (190, 130)):
        cv2.circle(upright, eye, 8, 0, -1)
    for angle in (-25.0, 18.0, 40.0):
        turn = cv2.getRotationMatrix2D((150, 150), -angle, 1)  # clockwise in the picture
        eyes = tuple((float(p[0]), float(p[1])) for p in (turn @ [110, 130, 1], turn @ [190, 130, 1]))
        picture = cv2.warpAffine(upright, turn, (300, 300), borderValue=200).astype(np.uint8)
        face = Detection(FaceBox(70, 70, 160, 160), Landmarks(eyes))
        assert eye_angle_deg(face) == pytest.approx(angle, abs=1e-6)
        crop = crop_face(picture, CropSquare.around(face.box, 0.1, eye_angle_deg(face)), 96)
        dark = 255 - crop.astype(float)
        dark[dark < 120] = 0
        rows = np.arange(96)[:, None]
        left, right = dark[:, :48], dark[:, 48:]
        assert (rows * left).sum() / left.sum() == pytest.approx((rows * right).sum() / right.sum(), abs=0.5)


def test_shrinking_in_halves_keeps_the_mean_and_the_place() -> None:
    picture = np.zeros((512, 768), np.uint8)
    picture[128:256, 192:384] = 240
    small = shrink(picture, 24, 16)
    assert (small[4:8, 6:12] == 240).all()
    assert small.sum() == 240 * 4 * 6


@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_square_far_larger_than_its_picture_needs_no_memory_and_shows_the_same(channels: tuple[int, ...]) -> None:
    rows, columns = np.indices((300, 9000))
    strip = np.where(columns < 3000, 40, 200).astype(np.uint8) // np.where(rows < 150, 1, 2).astype(np.uint8)
    strip = np.dstack([strip] * 3) if channels else strip
    crop = crop_face(strip, CropSquare(4500, 150, 9000), 48)
    assert crop.shape == (48, 48, *channels)
    expected = np.repeat([[40] * 16 + [200] * 32, [20] * 16 + [100] * 32], 24, axis=0)
    shown = crop[..., 0] if channels else crop
    away = np.ones((48, 48), bool)
    away[22:26], away[:, 15:17] = False, False
    assert np.abs(shown.astype(int) - expected)[away].max() <= 6
    assert crop_face(strip, CropSquare(4500, 150, 1e6), 48).shape == (48, 48, *channels)
