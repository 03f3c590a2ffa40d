"""Every face of a large picture is whole in some tile of some level, and is found once: also where tiles meet."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from fer_spark.faces.detect import DetectorSpec, load_detector
from fer_spark.faces.geometry import FaceBox, Picture, Pixels
from fer_spark.faces.search.tiles import LARGEST_PX, Boxes, Tile, distinct, levels, search, tiles

SURE_PX, WHOLE_PX = 20.0, 640
ASTRONAUT_FACE = FaceBox(45, 65, 100, 130)
"""In the 200x256 px that are cut out of scikit-image's picture, px."""


def blank(width: int, height: int, scale: float = 1.0) -> Picture:
    """A picture that takes no memory."""
    pixels = np.broadcast_to(np.uint8(0), (height, width))
    return Picture(pixels, round(width / scale), round(height / scale), scale)


def clipped(faces: list[tuple[float, float, float]], tile: Tile) -> Boxes:
    """What a perfect detector shows of square faces (left, top, side): the part of each that lies in the tile."""
    boxes = []
    for left, top, side in faces:
        begin, end = max(left, tile.left), min(left + side, tile.left + tile.width)
        above, below = max(top, tile.top), min(top + side, tile.top + tile.height)
        if end > begin and below > above:
            boxes.append([begin, above, end - begin, below - above])
    return np.array(boxes, np.float64).reshape(-1, 4)


def found(picture: Picture, finest: float, faces: list[tuple[float, float, float]]) -> list[list[float]]:
    boxes, _ = search(picture, finest, WHOLE_PX, lambda tile: clipped(faces, tile))
    return [boxes[place].tolist() for place in distinct(boxes, [1.0] * len(boxes))]


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_a_face_on_any_border_of_tiles_is_found_once_and_whole(draw: st.DataObject) -> None:
    width, height = draw.draw(st.integers(30, 6000)), draw.draw(st.integers(30, 6000))
    finest = draw.draw(st.floats(0.2, 1.0))
    picture = blank(width, height)
    shown = [tile for level in levels(picture, finest, WHOLE_PX) for tile in level]
    whole_scale = WHOLE_PX / max(width, height)
    for tile in draw.draw(st.lists(st.sampled_from(shown), max_size=4)) if shown else []:
        side = draw.draw(st.floats(SURE_PX / finest, max(SURE_PX / finest, min(width, height) / 2)))
        if side > min(width, height):
            continue
        for x, y in (
            (tile.left, tile.top + tile.height / 2),
            (tile.left + tile.width, tile.top),
            (tile.left, tile.top),
        ):
            shift = draw.draw(st.floats(-side, side))
            left, top = (min(max(at - side / 2 + shift, 0), end - side) for at, end in ((x, width), (y, height)))
            boxes = found(picture, finest, [(left, top, side)])
            assert boxes in ([], [pytest.approx([left, top, side, side])])
            assert boxes or side * whole_scale >= SURE_PX  # the look at the whole picture shows it


@given(st.integers(700, 20_000), st.floats(0.05, 1.0), st.floats(0, 1))
@settings(deadline=None)
def test_no_size_of_face_falls_between_two_levels(longer: int, finest: float, place: float) -> None:
    least = SURE_PX / finest
    side = least * (longer / least) ** place
    scales = [
        level[0].input_px / max(level[0].width, level[0].height)
        for level in levels(blank(longer, 30), finest, WHOLE_PX)
    ]
    looks = [side * scale for scale in scales] + ([side * WHOLE_PX / longer] if longer * finest > WHOLE_PX else [])
    assert not scales or any(SURE_PX * 0.99 <= px <= LARGEST_PX for px in looks[:-1]) or looks[-1] >= SURE_PX


@pytest.mark.parametrize(
    ("width", "height", "scale"), [(4000, 3000, 0.83), (641, 640, 1.0), (8, 20_000, 0.5), (900, 90, 1)]
)
def test_tiles_cover_the_picture_and_nothing_else(width: int, height: int, scale: float) -> None:
    covered = np.zeros((height, width), bool)
    for tile in tiles(width, height, scale):
        cut = tile.cut(covered.view(np.uint8))
        assert cut.shape == (tile.height, tile.width)
        covered[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] = True
    assert covered.all()


def test_of_boxes_of_one_face_the_surest_is_kept() -> None:
    face, half, nose, shifted, other = (
        [100, 100, 80, 100], [100, 100, 80, 45], [130, 140, 20, 20], [110, 105, 80, 100], [170, 100, 80, 100],
    )  # fmt: skip
    boxes = [np.array(box, float) for box in (half, face, nose, shifted, other)]
    assert distinct(boxes[1:], [0.9, 0.95, 0.8, 0.6]) == [1, 3]  # a part that is surer stands for the whole
    assert distinct(boxes, [0.7, 0.9, 0.6, 0.8, 0.6]) == [1, 4]
    assert distinct([], []) == []


def crowd(width: int, height: int, faces: list[tuple[float, float, int]]) -> tuple[Pixels, list[FaceBox]]:
    """The astronaut, `side` px wide in face, around each place; and where the faces are."""
    noise = np.random.default_rng(1).integers(-20, 20, (height, width, 1))
    picture = (np.full((height, width, 3), (90, 120, 90)) + noise).clip(0, 255).astype(np.uint8)
    astronaut, truth = np.asarray(data.astronaut(), np.uint8)[0:256, 130:330], []
    for x, y, side in faces:
        scale = side / ASTRONAUT_FACE.width
        face = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        high, wide = face.shape[:2]
        left, top = min(max(round(x - wide / 2), 0), width - wide), min(max(round(y - high / 2), 0), height - high)
        picture[top : top + high, left : left + wide] = face
        truth.append(FaceBox(left + 45 * scale, top + 65 * scale, 100 * scale, 130 * scale))
    return picture, truth


def on_every_border(width: int, height: int, scale: float) -> list[list[tuple[float, float, int]]]:
    """Places of faces of 26 and 60 px in turn on all borders between tiles, and where four meet; none over another, so
    they are of several pictures."""
    shown = tiles(width, height, scale)
    across = sorted({x for tile in shown for x in (tile.left, tile.left + tile.width)} - {0, width})
    down = sorted({y for tile in shown for y in (tile.top, tile.top + tile.height)} - {0, height})
    places = [(x, y) for x in across for y in (height // 5, *down)] + [(width // 10, y) for y in down]
    pictures: list[list[tuple[float, float, int]]] = []
    for index, (x, y) in enumerate(places):
        free = [one for one in pictures if all(max(abs(x - a), abs(y - b)) >= 170 for a, b, _ in one)]
        if not free:
            pictures.append([])
        (free or pictures[-1:])[0].append((x, y, (26, 60)[index % 2]))
    return pictures


@pytest.mark.data
def test_yunet_finds_every_face_on_the_borders_of_its_tiles_once(yunet_model: Path) -> None:
    detector = load_detector(DetectorSpec("yunet", 0.6, True, yunet_model.read_bytes(), 24))
    pictures = on_every_border(1500, 1100, SURE_PX / 24)
    assert sum(map(len, pictures)) >= 12
    for places in pictures:
        picture, truth = crowd(1500, 1100, places)
        faces = detector.detect(Picture.whole(picture), None)
        assert len(faces) == len(truth)
        assert all(sum(face.box.iou(box) > 0.4 for face in faces) == 1 for box in truth)


def test_haar_finds_faces_on_the_borders_of_its_tiles_once() -> None:
    detector = load_detector(DetectorSpec("haar", every_face=True, least_px=26))
    hits: list[int] = []
    for places in on_every_border(1100, 700, 1.0):
        picture, truth = crowd(1100, 700, places)
        faces = detector.detect(Picture.whole(picture), None)
        hits += [sum(face.box.iou(box) > 0.3 for face in faces) for box in truth]
    assert max(hits) == 1
    assert sum(hits) >= 0.7 * len(hits)
