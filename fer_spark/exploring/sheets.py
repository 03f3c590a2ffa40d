"""Contact sheets and mean pictures, as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from fer_spark.exploration import picture_name
from fer_spark.exploring.looking import SMALL_PX, Pixels, png

_COLUMNS, _GAP, _PAPER = 8, 6, 255
_MEAN_SCALE = 4


def sheets(small: Mapping[str, Sequence[bytes]], means: Mapping[str, Pixels]) -> dict[str, bytes]:
    """PNG files by name: `faces_<label>` and `mean_<label>`."""
    found = {picture_name("faces", label): png(contact_sheet(few)) for label, few in small.items() if few}
    for label, mean in means.items():
        size = (mean.shape[1] * _MEAN_SCALE, mean.shape[0] * _MEAN_SCALE)
        large = cv2.resize(mean, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)
        found[picture_name("mean", label)] = png(large)
    return found


def contact_sheet(files: Sequence[bytes]) -> Pixels:
    """(H, W, 3) RGB: PNG files in reading order, each within SMALL_PX², its proportions kept."""
    columns = min(_COLUMNS, len(files))
    rows = -(-len(files) // columns)
    pitch = SMALL_PX + _GAP
    sheet: Pixels = np.full((rows * pitch + _GAP, columns * pitch + _GAP, 3), _PAPER, np.uint8)
    for i, content in enumerate(files):
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None  # written by this package
        height, width = decoded.shape[:2]
        scale = SMALL_PX / max(height, width)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        shown = cv2.cvtColor(cv2.resize(decoded, size, interpolation=cv2.INTER_CUBIC), cv2.COLOR_BGR2RGB)
        top = _GAP + i // columns * pitch + (SMALL_PX - size[1]) // 2
        left = _GAP + i % columns * pitch + (SMALL_PX - size[0]) // 2
        sheet[top : top + size[1], left : left + size[0]] = shown
    return sheet
