"""Anti-aliased shapes on a transparent square, in coordinates from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_spark.sample.people import Colour

Points = NDArray[np.float64]
"""(N, 2) x, y; 0 to 1 over the canvas, x to the right, y down."""

_SUBPIXEL_BITS = 4
_TURN = np.linspace(0, 2 * np.pi, 20, endpoint=False)
CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
"""(20, 2) points around the unit circle."""


@dataclass(frozen=True)
class Canvas:
    """An image (S, S, 4) uint8, RGB premultiplied by its alpha, that is drawn on in place, with coordinates 0 to 1."""

    image: NDArray[np.uint8]

    def polygon(self, points: Points, colour: Colour) -> None:
        cv2.fillPoly(self.image, [self._fixed(points)], (*colour, 255), cv2.LINE_AA, _SUBPIXEL_BITS)

    def line(self, points: Points, colour: Colour, width: float) -> None:
        """`width` is a fraction of the canvas, drawn at 1 px or more."""
        width_px = max(1, round(width * len(self.image)))
        cv2.polylines(self.image, [self._fixed(points)], False, (*colour, 255), width_px, cv2.LINE_AA, _SUBPIXEL_BITS)

    def ellipse(self, centre: tuple[float, float], radii: tuple[float, float], colour: Colour) -> None:
        self.polygon(CIRCLE * radii + centre, colour)

    def _fixed(self, points: Points) -> NDArray[np.int32]:
        side_px = len(self.image)
        return np.asarray(np.rint((points * side_px - 0.5) * (1 << _SUBPIXEL_BITS)), dtype=np.int32)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`share` of the second colour, the rest of the first."""
    red, green, blue = (a * (1 - share) + b * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def shade(colour: Colour, factor: float) -> Colour:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor
