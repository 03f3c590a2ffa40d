"""An opened picture: an overview for the detector, and what is finer than it where there is something finer."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fer_spark.faces.opened import OVERVIEW_PX, OpenedPicture
from fer_spark.faces.settings import FaceSettings


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("side", [OVERVIEW_PX // 2, OVERVIEW_PX * 2])
def test_an_overview_knows_the_picture_at_full_size_where_it_is_smaller(suffix: str, side: int) -> None:
    content = cv2.imencode(suffix, np.zeros((side, side), np.uint8))[1].tobytes()
    overview = OpenedPicture(content, "file", FaceSettings(), gray=True).overview(1)
    assert max(overview.pixels.shape) <= OVERVIEW_PX
    assert overview.pixels.shape[1] == side * overview.scale
    if side <= OVERVIEW_PX:
        assert (overview.scale, overview.finer) == (1, None)
    else:
        assert overview.finer is not None
        assert overview.finer(1.0).pixels.shape == (side, side)
