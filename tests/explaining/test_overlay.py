from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from fer_spark.explaining.overlay import heat, map_png, overlay_png
from fer_spark.explaining.superpixels import grid
from tests.explaining.scorers import noise


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
