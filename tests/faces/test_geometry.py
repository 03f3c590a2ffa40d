"""Boxes, landmarks, letterboxes and crops: round trips and hand-worked cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_spark.faces.geometry import CropSquare, Detection, FaceBox, Landmarks, Letterbox, eye_angle_deg

PX = st.integers(1, 5000)


@given(PX, PX, st.sampled_from([96, 320]), st.floats(0, 1), st.floats(-50, 6000), st.floats(-50, 6000))
def test_letterbox_round_trip(width: int, height: int, size: int, pad: float, x: float, y: float) -> None:
    letterbox = Letterbox.fit(width, height, size, pad)
    assert letterbox.to_picture(*letterbox.to_canvas(x, y)) == pytest.approx((x, y), abs=1e-6)
    right, bottom = letterbox.to_canvas(width, height)
    assert letterbox.pad_left >= 0
    assert letterbox.pad_top >= 0
    assert right <= size + 1e-9
    assert bottom <= size + 1e-9


def test_letterbox_by_hand() -> None:
    letterbox = Letterbox.fit(300, 150, 96)
    assert (letterbox.fit_width, letterbox.fit_height, letterbox.pad_left, letterbox.pad_top) == (96, 48, 0, 24)
    assert letterbox.to_canvas(300, 0) == pytest.approx((96, 24))


def test_iou_by_hand() -> None:
    assert FaceBox(0, 0, 4, 2).iou(FaceBox(2, 1, 4, 3)) == pytest.approx(2 / 18)
    assert FaceBox(0, 0, 4, 2).iou(FaceBox(4, 0, 4, 2)) == 0
    assert FaceBox(0, 0, 0, 0).iou(FaceBox(0, 0, 0, 0)) == 0


def face(*points: tuple[float, float]) -> Detection:
    return Detection(FaceBox(0, 0, 100, 120), Landmarks(points))


def test_eye_angle_is_positive_when_the_right_eye_of_the_picture_is_lower() -> None:
    assert eye_angle_deg(face((30, 40), (70, 80))) == pytest.approx(45)
    assert eye_angle_deg(face((30, 40), (70, 33))) == pytest.approx(-math.degrees(math.atan2(7, 40)))


def test_no_angle_without_trustworthy_eyes() -> None:
    assert eye_angle_deg(Detection(FaceBox(0, 0, 9, 9))) == 0
    assert eye_angle_deg(face((50, 40), (55, 60))) != 0
    assert eye_angle_deg(face((50, 40), (52, 42))) == 0  # eyes 3 px apart on a face of 120 px
    assert eye_angle_deg(face((30, 40), (70, 40.2))) == 0
    assert eye_angle_deg(face((1, 2), (30, 40), (70, 90))) == 0  # three points: no known layout


def test_eyes_of_68_points_are_the_means_of_their_outlines() -> None:
    points = [(float(i), 2.0 * i) for i in range(68)]
    landmarks = Landmarks.from_flat([value for point in points for value in point])
    assert landmarks.eyes == ((38.5, 77.0), (44.5, 89.0))
    assert landmarks.flat[2:4] == [1.0, 2.0]
    with pytest.raises(ValueError, match="pairs"):
        Landmarks.from_flat([1, 2, 3])


@given(st.floats(-170, 170), st.floats(8, 900), st.integers(8, 300), st.floats(-100, 900), st.floats(-100, 900))
def test_crop_matrix_puts_the_centre_in_the_middle_and_levels_the_eyes(
    angle: float, side: float, out: int, x: float, y: float
) -> None:
    matrix = CropSquare(x, y, side, angle).matrix(out)
    turn = math.radians(angle)
    middle = matrix @ [x - 0.5, y - 0.5, 1]
    along = matrix @ [x - 0.5 + side / 4 * math.cos(turn), y - 0.5 + side / 4 * math.sin(turn), 1]
    assert middle == pytest.approx([(out - 1) / 2] * 2, abs=1e-6)
    assert along - middle == pytest.approx([out / 4, 0], abs=1e-6)


def test_crop_square_has_the_margin_on_each_side() -> None:
    square = CropSquare.around(FaceBox(10, 20, 100, 200), 0.1)
    assert (square.center_x, square.center_y, square.side) == (60, 120, 240)
    assert CropSquare(0, 0, 10, 45).reach == pytest.approx(5 * math.sqrt(2))
    assert np.allclose(square.scaled(0.5).side, 120)
