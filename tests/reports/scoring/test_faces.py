"""Faces on a page: what the browser is given is what was put in."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from fer_spark.reports.scoring.faces import (
    AGAINST,
    FOR,
    heat_uri,
    heaviest,
    mean_picture,
    outline,
    outlines,
    picture_uri,
    spread_uri,
)
from tests.reports.scoring.scoring_reports import SIDE, drawn, explanation


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1])))


def test_a_small_face_is_kept_as_it_is_and_a_large_one_made_smaller() -> None:
    small = drawn(1, 48)
    assert picture_uri(small).startswith("data:image/png;base64,")
    assert (np.asarray(opened(picture_uri(small))) == small).all()
    colour = np.zeros((256, 256, 3), np.uint8)
    colour[..., 0] = 200
    large = opened(picture_uri(colour))
    assert large.size == (192, 192)
    assert np.abs(np.asarray(large).astype(int).mean(axis=(0, 1)) - [200, 0, 0]).max() < 4


def test_the_heat_map_is_red_for_and_blue_against_and_clear_where_nothing_is() -> None:
    segments = np.repeat([[0, 1, 2]], 3, axis=0)
    pixels = np.asarray(opened(heat_uri(segments, np.array([0.5, -0.25, 0.0]), strongest=0.8)))
    assert pixels.shape == (3, 3, 4)
    assert tuple(pixels[1, 0]) == (*FOR, 204)
    assert tuple(pixels[1, 1]) == (*AGAINST, 102)
    assert pixels[1, 2, 3] == 0
    assert np.asarray(opened(heat_uri(segments, np.zeros(3))))[..., 3].max() == 0


def edges_of(path: str) -> set[tuple[str, int, int]]:
    """Unit edges that a path draws: h at (column, line) or v at (column, line)."""
    found = set()
    for x, y, way, length in re.findall(r"M(\d+) (\d+)([hv])(\d+)", path):
        for step in range(int(length)):
            edge = (way, int(x) + (step if way == "h" else 0), int(y) + (step if way == "v" else 0))
            assert edge not in found
            found.add(edge)
    return found


def borders(inside: npt.NDArray[np.bool_]) -> set[tuple[str, int, int]]:
    """The same, pixel by pixel."""

    def at(row: int, column: int) -> bool:
        return 0 <= row < len(inside) and 0 <= column < len(inside) and bool(inside[row, column])

    size = len(inside) + 1
    flat = {("h", c, r) for r in range(size) for c in range(size) if at(r, c) != at(r - 1, c)}
    return flat | {("v", c, r) for r in range(size) for c in range(size) if at(r, c) != at(r, c - 1)}


def test_a_square_is_outlined_by_four_strokes() -> None:
    inside = np.zeros((5, 5), bool)
    inside[1:3, 2:5] = True
    assert outline(inside) == "M2 1h3M2 3h3M2 1v2M5 1v2"


@pytest.mark.parametrize("seed", range(5))
def test_any_segment_is_outlined_along_its_borders_and_nowhere_else(seed: int) -> None:
    inside = np.random.default_rng(seed).random((7, 7)) < 0.5
    assert edges_of(outline(inside)) == borders(inside)


def test_the_heaviest_segments_come_first_whichever_way_they_speak() -> None:
    weights = np.array([0.1, -0.9, 0.0, 0.5])
    assert heaviest(weights) == [1, 3, 0]
    assert heaviest(np.zeros(4)) == []
    why = explanation("happy")
    first, second, third = outlines(why.segments, why.weights)
    assert [one.speaks_for for one in (first, second, third)] == [True, False, True]
    assert (abs(first.x - SIDE / 2) <= 1, abs(first.y - SIDE / 2) <= 1) == (True, True)
    assert why.top() == [("middle", 0.5), ("upper left", -0.2), ("lower centre", 0.05)]
    named = explanation("happy", names=tuple(f"cheek_{i}" for i in range(9)))
    assert named.top(1) == [("cheek 4", 0.5)]


def test_a_number_stands_inside_its_segment_even_if_that_is_a_ring() -> None:
    segments = np.zeros((9, 9), int)
    segments[1:8, 1:8] = 1
    segments[3:6, 3:6] = 0
    (ring,) = outlines(segments, np.array([0.0, 1.0]))
    assert segments[int(ring.y), int(ring.x)] == 1


def test_the_mean_of_faces_is_of_the_commonest_shape() -> None:
    faces = [np.full((4, 4), gray, np.uint8) for gray in (10, 20, 33)] + [np.zeros((6, 6), np.uint8)]
    mean = mean_picture(faces)
    assert mean is not None
    assert (mean == 21).all()
    assert mean.shape == (4, 4)
    assert mean_picture(faces[:2]) is None
    assert mean_picture([]) is None


def test_a_spread_is_as_dense_as_a_mean_weight_of_its_size() -> None:
    weights = np.array([[0.0, 2.0], [-1.0, 0.5]])
    shown = np.asarray(opened(spread_uri(np.array([[0.0, 1.0], [2.0, 9.0]]), weights)))
    assert shown[..., 3].tolist() == [[0, 128], [255, 255]]
    assert len(np.unique(shown[..., :3].reshape(-1, 3), axis=0)) == 1
    assert np.asarray(opened(spread_uri(np.ones((2, 2)), np.zeros((2, 2)))))[..., 3].min() == 255
