"""Cut a face into segments: equal squares, along edges, or by what lies where on a face.

Every map is (S, S) int64 with the segments 0 … n-1, none of them empty. The same face gives the same map, everywhere.
KINDS has each way to do it, with all that differs by it: a new one is an entry there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
SegmentMap = npt.NDArray[np.int64]
Points = npt.NDArray[np.floating]

REGIONS = (
    "background",
    "forehead",
    "brow_left",
    "brow_right",
    "eye_left",
    "eye_right",
    "nose",
    "cheek_left",
    "cheek_right",
    "mouth",
    "chin",
)
"""Segments of `landmarks`; left and right are the picture's."""

TEMPLATE = np.array([[0.31, 0.40], [0.69, 0.40], [0.50, 0.58], [0.36, 0.77], [0.64, 0.77]])
"""Eyes, nose tip and mouth corners (x, y) of an aligned face, as fractions of its side: where points are unknown."""

_ENLARGE = 4
_WIDE_INT = 256


@dataclass(frozen=True)
class Segmentation:
    """`map` (S, S) int64 in 0 … n-1, and each segment's name where it has one."""

    map: SegmentMap
    names: tuple[str, ...] | None = None

    @property
    def count(self) -> int:
        return int(self.map.max()) + 1


@dataclass(frozen=True)
class Kind:
    """One way to cut faces.

    about      what --help says of it
    cut        a face, about how many segments, and its points or None → its segments
    template   where segments mean the same on every face, so that their weights can be averaged over faces: size_px
               and the number of segments → the cut on which the means are shown; None where every cut differs
    by_points  whether `cut` looks at the face's points
    """

    about: str
    cut: Callable[[Array, int, Points | None], Segmentation]
    template: Callable[[int, int], Segmentation] | None = None
    by_points: bool = False


def segment(face: Array, method: str, count: int = 36, points: Points | None = None) -> Segmentation:
    """Cut a face, (S, S) or (S, S, 3), uint8 or float in [0, 1], into about `count` segments.

    `points` (5, 2) are eyes, nose tip and mouth corners in px of this picture, for kinds that look at them. A flat
    picture may come out as one segment. Raises ValueError for another method or shape.
    """
    if face.ndim not in (2, 3) or face.shape[0] != face.shape[1]:
        raise ValueError(f"face: expected (S, S) or (S, S, 3), got {face.shape}")
    if method not in KINDS:
        raise ValueError(f"segments: {method!r}, expected one of {', '.join(KINDS)}")
    return KINDS[method].cut(face, count, points)


def comparable(method: str) -> bool:
    """Whether weights can be averaged over faces that were cut so; False for a kind that is not known here."""
    return method in KINDS and KINDS[method].template is not None


def mean_maps(
    means: Mapping[str, Mapping[str, float]], method: str, size_px: int, count: int
) -> dict[str, npt.NDArray[np.float64]]:
    """By label (S, S): the mean weight of each segment, or its spread, shown where a template face has it.

    `means` {label: {segment's name, or its number where it has none: weight}}; 0 for a segment that no face had. Empty
    where segments differ by face.
    """
    template = KINDS[method].template
    if template is None:
        return {}
    cut = template(size_px, count)
    names = cut.names or tuple(map(str, range(cut.count)))
    return {label: np.array([of.get(name, 0.0) for name in names])[cut.map] for label, of in means.items()}


def grid(size_px: int, count: int) -> SegmentMap:
    """Squares in rows from the top left: the square number nearest to `count` of them, at most one per pixel."""
    side = min(max(round(math.sqrt(count)), 1), size_px)
    line = np.arange(size_px) * side // size_px
    return np.asarray(line[:, None] * side + line[None, :], dtype=np.int64)


def slic(face: Array, count: int, compactness: float = 10.0) -> SegmentMap:
    """k-means in colour and place (Achanta et al. 2012), on the face enlarged four times: 48 px show few edges."""
    from skimage.segmentation import slic as cluster

    found = cluster(_enlarged(face), n_segments=count, compactness=compactness, sigma=1, start_label=0, channel_axis=-1)
    return _reduced(np.asarray(found))


def quickshift(face: Array, kernel_px: float = 4.0, reach_px: float = 24.0, ratio: float = 0.5) -> SegmentMap:
    """Mode seeking (Vedaldi & Soatto 2008) on the enlarged face, in px of it.

    Without enlarging, the lime package's own settings make one or two segments of so small a picture.
    """
    from skimage.segmentation import quickshift as seek

    found = seek(_enlarged(face), kernel_size=kernel_px, max_dist=reach_px, ratio=ratio, rng=0)  # type: ignore[no-untyped-call]
    return _reduced(np.asarray(found))


def landmarks(size_px: int, points: Points | None = None) -> Segmentation:
    """Regions of a face by its five points, or by TEMPLATE's. A region outside the picture is left out of `names`.

    In a frame on the eyes (x along their line in units of their distance, y down to the mouth in units of that
    distance): mouth within 0.3 of its height, eyes, brows and forehead above, nose and cheeks between, chin below.
    """
    given = TEMPLATE * size_px if points is None else np.asarray(points, dtype=np.float64)
    if given.shape != (5, 2):
        raise ValueError(f"points: expected (5, 2), got {given.shape}")
    x, y = _face_frame(size_px, given)
    left, away = x < 0, np.abs(x)
    face = away <= 0.95
    rules: list[tuple[str, Array]] = [
        ("forehead", face & (y < -0.5)),
        ("brow_left", face & (y >= -0.5) & (y < -0.15) & left),
        ("brow_right", face & (y >= -0.5) & (y < -0.15) & ~left),
        ("nose", (away <= 0.27) & (y >= -0.15) & (y < 0.72)),
        ("eye_left", face & (y >= -0.15) & (y < 0.27) & left),
        ("eye_right", face & (y >= -0.15) & (y < 0.27) & ~left),
        ("mouth", (away <= 0.6) & (y >= 0.72) & (y < 1.3)),
        ("cheek_left", face & (y >= 0.27) & (y < 1.3) & left),
        ("cheek_right", face & (y >= 0.27) & (y < 1.3) & ~left),
        ("chin", face & (y >= 1.3)),
    ]
    regions = np.zeros((size_px, size_px), dtype=np.int64)
    for name, inside in reversed(rules):  # the first rule that holds decides
        regions[inside] = REGIONS.index(name)
    present, relabelled = np.unique(regions, return_inverse=True)
    return Segmentation(
        relabelled.reshape(regions.shape).astype(np.int64), tuple(REGIONS[number] for number in present)
    )


KINDS: dict[str, Kind] = {
    "grid": Kind(
        "equal squares",
        lambda face, count, _: Segmentation(grid(face.shape[0], count)),
        lambda size_px, count: Segmentation(grid(size_px, count)),
    ),
    "slic": Kind("along edges, k-means (scikit-image)", lambda face, count, _: Segmentation(slic(face, count))),
    "landmarks": Kind(
        "brows, eyes, nose, cheeks, mouth, chin, forehead, background",
        lambda face, _, points: landmarks(face.shape[0], points),
        lambda size_px, _: landmarks(size_px),
        by_points=True,
    ),
    "quickshift": Kind("along edges, mode seeking (scikit-image)", lambda face, *_: Segmentation(quickshift(face))),
}
"""By the name that --segments gives it."""


def encode_segments(segments: SegmentMap) -> bytes:
    """Rows from the top, one byte per pixel, or two (little-endian) above 256 segments."""
    return segments.astype("<u2" if segments.max() >= _WIDE_INT else "u1").tobytes()


def decode_segments(content: bytes, size_px: int) -> SegmentMap:
    """What `encode_segments` was given. Raises ValueError for another number of bytes."""
    pixels = size_px * size_px
    if len(content) not in (pixels, 2 * pixels):
        raise ValueError(f"segment_map: {len(content)} bytes, expected {pixels} or {2 * pixels} for {size_px} px")
    kind = "u1" if len(content) == pixels else "<u2"
    return np.frombuffer(content, kind).reshape(size_px, size_px).astype(np.int64)


def _face_frame(size_px: int, points: Points) -> tuple[Array, Array]:
    """x and y of every pixel's centre: origin between the eyes; eyes at x = ∓0.5, the mouth's middle at y = 1."""
    middle = (points[0] + points[1]) / 2
    across = points[1] - points[0]
    eye_distance = max(float(np.hypot(*across)), 1.0)
    along = across / eye_distance if np.hypot(*across) > 0 else np.array([1.0, 0.0])
    down = np.array([-along[1], along[0]])
    to_mouth = max(float((points[3:].mean(axis=0) - middle) @ down), 0.5 * eye_distance)  # a profile, points astray
    rows, columns = np.mgrid[0:size_px, 0:size_px] + 0.5
    offset = np.stack([columns - middle[0], rows - middle[1]], axis=-1)
    return offset @ along / eye_distance, offset @ down / to_mouth


def _enlarged(face: Array) -> Array:
    """(4 S, 4 S, 3) float in [0, 1]."""
    import cv2

    values = np.asarray(face, np.float32) / 255 if face.dtype == np.uint8 else np.asarray(face, np.float32)
    side = face.shape[0] * _ENLARGE
    larger = np.clip(cv2.resize(values, (side, side), interpolation=cv2.INTER_CUBIC), 0, 1)
    return np.repeat(larger[:, :, None], 3, axis=2) if larger.ndim == 2 else larger


def _reduced(large: Array) -> SegmentMap:
    """The segment at the middle of each block, numbered without gaps."""
    middle = _ENLARGE // 2
    small = large[middle::_ENLARGE, middle::_ENLARGE]
    return np.unique(small, return_inverse=True)[1].reshape(small.shape).astype(np.int64)
