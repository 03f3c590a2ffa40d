"""One face on a page: its picture, its heat map and the outlines of the segments of most weight."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from fer_spark.reports.pages import data_uri

Array = npt.NDArray[Any]
FOR, AGAINST = (178, 24, 43), (33, 102, 172)
"""Red speaks for the label, blue against it, as in the pictures of `fer-spark explain`."""

_SPREAD = (31, 41, 51)
_STRONGEST = 0.72
_SMALL_PX, _LARGE_PX = 96, 192
_FEWEST = 3
_ROWS, _COLUMNS = ("upper", "middle", "lower"), ("left", "centre", "right")


_WHY_NOT = {
    "flat": "whatever is hidden, the answer stays",
    "few_masks": "too few hidings to tell",
    "saturated": "most hidings leave the model as sure as before",
    "interacting": "parts count together more than one by one",
}


@dataclass(frozen=True)
class Explanation:
    """LIME's answer for one face, as rows.EXPLANATION has it.

    segments     (S, S) segment of each pixel
    weights      (n,) of each segment
    names        of each segment, where segments have names
    r2_held_out  fit on masks that the model was not fitted to; None where there were too few
    rival        the runner-up, where the target is the margin to it
    unexplained  why it is not explained, as rows.EXPLANATION has it; interacting: with it, two segments
    regions      what parts of the face speak for the label and against it, in words
    """

    label: str
    probability: float
    hidden_probability: float
    segments: Array
    weights: Array
    names: tuple[str, ...] | None
    r2_held_out: float | None
    explained: bool
    stability: float | None
    samples: int
    target: str = "probability"
    rival: str | None = None
    unexplained: str | None = None
    interacting: tuple[int, ...] = ()
    regions: str = ""

    @property
    def why_not(self) -> str:
        """Why the face is not explained, in words; empty where it is, or nothing says why."""
        if self.interacting:
            first, second = (self.place(segment) for segment in self.interacting)
            return f"{first} and {second} count together more than one by one"
        return _WHY_NOT.get(self.unexplained or "", "")

    @property
    def what(self) -> str:
        """What the weights speak for or against: `happy`, `log-odds of happy`, `happy against neutral`."""
        if self.rival is not None:
            return f"{self.label} against {self.rival}"
        return f"log-odds of {self.label}" if self.target == "logodds" else self.label

    def top(self, most: int = 3) -> list[tuple[str, float]]:
        """The segments of most weight, either way: where each lies, and its weight."""
        return [(self.place(segment), float(self.weights[segment])) for segment in heaviest(self.weights, most)]

    def place(self, segment: int) -> str:
        """A segment's name; without one, in which ninth of the picture its middle lies."""
        if self.names is not None:
            return self.names[segment].replace("_", " ")
        rows, columns = np.nonzero(self.segments == segment)
        side = len(self.segments)
        row, column = (min(int(3 * (axis.mean() + 0.5) / side), 2) for axis in (rows, columns))
        return "middle" if row == column == 1 else f"{_ROWS[row]} {_COLUMNS[column]}"


@dataclass(frozen=True)
class Face:
    """One face of the gallery. `picture` (S, S) gray or (S, S, 3) RGB uint8; None where none was kept.

    `label` is the perceived expression, `given` what the data set says, None where it says nothing. `origin` says
    where the picture lies. `source` is the face's id.
    """

    source: str
    origin: str
    label: str
    confidence: float | None
    given: str | None = None
    abstained: bool = False
    probabilities: Mapping[str, float] = field(default_factory=dict)
    picture: Array | None = None
    explanation: Explanation | None = None

    @property
    def differs(self) -> bool:
        return self.given is not None and self.given != self.label


def picture_uri(pixels: Array) -> str:
    """PNG of a small face as it is; of one above 96 px, a JPEG of 192 px at most."""
    image = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.uint8))
    buffer = io.BytesIO()
    if image.width <= _SMALL_PX:
        image.save(buffer, format="PNG", optimize=True)
        return data_uri(buffer.getvalue())
    image.thumbnail((_LARGE_PX, _LARGE_PX), Image.Resampling.LANCZOS)
    image.save(buffer, format="JPEG", quality=88)
    return data_uri(buffer.getvalue(), "image/jpeg")


def heat_uri(segments: Array, weights: Array, strongest: float = _STRONGEST) -> str:
    """PNG, (S, S) with transparency: red over segments of positive weight, blue over negative, denser the greater."""
    return map_uri(np.asarray(weights, dtype=np.float64)[segments], strongest)


def map_uri(weights: Array, strongest: float = 1.0) -> str:
    """The same of a weight per pixel, (S, S)."""
    share = weights / (float(np.abs(weights).max()) or 1.0)
    colour = np.where(share[..., None] > 0, np.array(FOR), np.array(AGAINST))
    return _tinted(colour, np.abs(share) * strongest)


def spread_uri(spread: Array, weights: Array) -> str:
    """PNG, (S, S) with transparency: the denser, the greater the spread, as a share of the largest mean weight."""
    share = np.minimum(spread / (float(np.abs(weights).max()) or 1.0), 1.0)
    return _tinted(np.broadcast_to(np.array(_SPREAD), (*spread.shape, 3)), share)


def _tinted(colour: Array, opacity: Array) -> str:
    pixels = np.concatenate([colour, np.rint(opacity * 255)[..., None]], axis=2).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return data_uri(buffer.getvalue())


@dataclass(frozen=True)
class Outline:
    """Where one segment lies: an SVG path around it, its middle (x, y), and whether it speaks for the label."""

    path: str
    x: float
    y: float
    speaks_for: bool


def outlines(segments: Array, weights: Array, most: int = 3) -> list[Outline]:
    """The segments of most weight, either way, heaviest first, in px of the map; segments without weight are none."""
    found = []
    for segment in heaviest(weights, most):
        inside = segments == segment
        rows, columns = np.nonzero(inside)
        middle = int(np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2))  # of a bent one, inside
        found.append(Outline(outline(inside), columns[middle] + 0.5, rows[middle] + 0.5, bool(weights[segment] > 0)))
    return found


def heaviest(weights: Array, most: int = 3) -> list[int]:
    """Numbers of the segments of most weight, either way, heaviest first."""
    order = np.argsort(-np.abs(weights), kind="stable")[:most]
    return [int(segment) for segment in order if weights[segment]]


def mean_picture(pictures: Sequence[Array]) -> Array | None:
    """(S, S) uint8, the mean gray of those of the commonest shape; None of fewer than three."""
    shapes = Counter(picture.shape for picture in pictures)
    kept = [picture for picture in pictures if shapes and picture.shape == shapes.most_common(1)[0][0]]
    if len(kept) < _FEWEST:
        return None
    mean = np.stack(kept).astype(np.float64).mean(axis=0)
    return np.asarray(np.rint(mean if mean.ndim == 2 else mean.mean(axis=2)), dtype=np.uint8)


def outline(inside: npt.NDArray[np.bool_]) -> str:
    """SVG path along every border between a pixel that is inside and one that is not, the picture's edge included."""
    padded = np.pad(inside, 1)
    flat = _strokes(padded[1:, 1:-1] != padded[:-1, 1:-1], "M{1} {0}h{2}")
    upright = _strokes((padded[1:-1, 1:] != padded[1:-1, :-1]).T, "M{0} {1}v{2}")
    return "".join(flat + upright)


def _strokes(edges: npt.NDArray[np.bool_], form: str) -> list[str]:
    """One stroke per run of edges along each line."""
    strokes = []
    for line, row in enumerate(edges):
        steps = np.flatnonzero(np.diff(np.pad(row.astype(np.int8), 1)))
        strokes += [form.format(line, first, last - first) for first, last in steps.reshape(-1, 2).tolist()]
    return strokes
