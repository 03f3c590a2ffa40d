from __future__ import annotations

import numpy as np
import pytest

from fer_spark.explaining.superpixels import (
    KINDS,
    REGIONS,
    TEMPLATE,
    comparable,
    decode_segments,
    encode_segments,
    grid,
    landmarks,
    mean_maps,
    quickshift,
    segment,
    slic,
)
from tests.explaining.scorers import noise


def _face(size_px: int = 48) -> np.ndarray:
    """A bright disc with two dark eyes and a dark mouth on a gray ground, drawn at its size."""
    y, x = (np.mgrid[0:size_px, 0:size_px] + 0.5) / size_px
    face = np.where((x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.17, 200, 90)
    for (cx, cy), wide, high in (((0.33, 0.4), 0.07, 0.04), ((0.67, 0.4), 0.07, 0.04), ((0.5, 0.75), 0.16, 0.05)):
        face[((x - cx) / wide) ** 2 + ((y - cy) / high) ** 2 < 1] = 30
    return face.astype(np.uint8)


def test_a_grid_of_36_on_48_px_is_six_by_six_squares_of_8_px_row_by_row() -> None:
    cut = grid(48, 36)
    assert (np.bincount(cut.ravel()) == 64).all()
    assert cut[0, 0] == 0
    assert cut[7, 47] == 5
    assert cut[8, 0] == 6
    assert cut[47, 47] == 35


@pytest.mark.parametrize(
    ("size_px", "count", "segments"), [(48, 49, 49), (48, 50, 49), (50, 36, 36), (3, 100, 9), (5, 1, 1)]
)
def test_a_grid_has_the_nearest_square_number_and_no_empty_segment(size_px: int, count: int, segments: int) -> None:
    sizes = np.bincount(grid(size_px, count).ravel())
    assert len(sizes) == segments
    assert sizes.min() > 0
    assert sizes.max() - sizes.min() <= size_px


@pytest.mark.parametrize("cut", [lambda face: slic(face, 36), quickshift], ids=["slic", "quickshift"])
def test_cutting_along_edges_gives_a_face_of_48_px_tens_of_segments_that_keep_dark_and_bright_apart(cut) -> None:
    pytest.importorskip("skimage")
    face = _face()
    found = cut(face)
    sizes = np.bincount(found.ravel())
    assert 15 <= len(sizes) <= 60
    assert sizes.min() > 0
    assert (cut(face) == found).all()
    spread_within = np.mean([face[found == one].std() for one in range(len(sizes))])
    assert spread_within < 0.5 * face.std()


@pytest.mark.parametrize("method", ["slic", "quickshift"])
@pytest.mark.parametrize("face", [np.full((48, 48), 100, np.uint8), np.full((20, 20, 3), 0.5, np.float32)])
def test_a_flat_picture_is_cut_without_complaint_into_segments_without_gaps(method: str, face: np.ndarray) -> None:
    pytest.importorskip("skimage")
    found = segment(face, method).map
    assert found.shape == face.shape[:2]
    assert (np.unique(found) == np.arange(found.max() + 1)).all()


def test_landmarks_put_each_point_into_the_region_it_belongs_to() -> None:
    cut = landmarks(48)
    assert cut.names == REGIONS
    named = {name: cut.map == i for i, name in enumerate(cut.names)}
    for (x, y), name in zip(TEMPLATE * 48, ("eye_left", "eye_right", "nose", "mouth", "mouth"), strict=True):
        assert named[name][int(y), int(x)], name
    assert named["mouth"][37, 24]
    assert named["forehead"][4, 24]
    assert named["chin"][46, 24]
    assert (named["cheek_left"][:, 24:]).sum() == 0
    assert (named["brow_right"][:, :24]).sum() == 0


def test_landmarks_follow_the_points_of_a_turned_and_shifted_face() -> None:
    turn = np.deg2rad(20)
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = ((TEMPLATE - 0.5) @ spin.T * 0.7 + 0.52) * 100
    cut = landmarks(100, points)
    assert cut.names is not None
    for (x, y), name in zip(points, ("eye_left", "eye_right", "nose", "mouth", "mouth"), strict=True):
        assert cut.names[cut.map[int(y), int(x)]] == name


def test_a_region_outside_the_picture_is_left_out_and_the_others_keep_their_names() -> None:
    points = TEMPLATE * 48 + [0, 30]  # the mouth lies below the picture
    cut = landmarks(48, points)
    assert cut.names is not None
    assert "chin" not in cut.names
    assert len(cut.names) == cut.count
    assert cut.names[cut.map[0, 24]] == "forehead"


def test_points_that_fall_together_still_give_a_map() -> None:
    cut = landmarks(48, np.full((5, 2), 24.0))
    assert cut.count == len(cut.names or ())


@pytest.mark.parametrize(("count", "bytes_per_pixel"), [(36, 1), (256, 1), (400, 2)])
def test_a_segment_map_survives_its_bytes(count: int, bytes_per_pixel: int) -> None:
    cut = grid(40, count)
    content = encode_segments(cut)
    assert len(content) == bytes_per_pixel * 1600
    assert (decode_segments(content, 40) == cut).all()


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_cuts_a_face_into_segments_without_gaps(name: str) -> None:
    pytest.importorskip("skimage")
    cut = segment(_face(), name, 9)
    assert (np.unique(cut.map) == np.arange(cut.count)).all()
    assert cut.names is None or len(set(cut.names)) == cut.count
    moved = segment(_face(), name, 9, TEMPLATE * 48 + [0, 30])
    assert (moved.count != cut.count or (moved.map != cut.map).any()) == KINDS[name].by_points


@pytest.mark.parametrize("name", list(filter(comparable, KINDS)))
def test_the_mean_of_equal_weights_is_the_map_of_any_of_its_faces(name: str) -> None:
    face = segment(_face(), name, 9)
    weights = np.linspace(-1, 1, face.count)
    names = face.names or tuple(map(str, range(face.count)))
    maps = mean_maps({"happy": dict(zip(names, weights, strict=True)), "sad": {names[1]: 0.5}}, name, 48, face.count)
    assert (maps["happy"] == weights[face.map]).all()
    assert (maps["sad"] == np.where(face.map == 1, 0.5, 0)).all()  # no face had the others


def test_segments_that_differ_by_face_have_no_mean() -> None:
    assert [name for name in KINDS if not comparable(name)] == ["slic", "quickshift"]
    assert mean_maps({"happy": {"0": 1.0}}, "slic", 48, 9) == {}
    assert not comparable("of a later release")


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="voronoi"):
        segment(noise(), "voronoi")
    with pytest.raises(ValueError, match=r"\(48, 40\)"):
        segment(noise((48, 40)), "grid")
    with pytest.raises(ValueError, match=r"\(4, 2\)"):
        landmarks(48, np.zeros((4, 2)))
    with pytest.raises(ValueError, match="10 bytes"):
        decode_segments(b"0123456789", 48)
