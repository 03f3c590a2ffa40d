"""What a scoring report says in figures, from counts alone: mix, confidence, calibration, confusion, abstaining."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_spark.metrics import Bin, Calibration

FINE = 60
"""Bins of confidence that faces are counted in: both the calibration's and the histogram's are made of whole ones."""
COLUMNS, RELIABILITY = 20, 15
THRESHOLDS = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Cell:
    """Faces that are alike in all that is counted.

    bin         confidence in (bin / FINE, (bin + 1) / FINE]
    confidence  their sum
    """

    label: str
    given: str | None
    abstained: bool
    bin: int
    faces: int
    confidence: float


@dataclass(frozen=True)
class Column:
    """Faces of one bin of the histogram, (lower, upper], by what is known of them."""

    lower: float
    upper: float
    right: int
    wrong: int
    unknown: int

    @property
    def faces(self) -> int:
        return self.right + self.wrong + self.unknown


@dataclass(frozen=True)
class Answering:
    """If only faces above `threshold` were answered: the share of faces that is, and how many of these are right."""

    threshold: float
    coverage: float
    accuracy: float


def label_counts(cells: Iterable[Cell]) -> Counter[str]:
    """Faces by label."""
    counts: Counter[str] = Counter()
    for cell in cells:
        counts[cell.label] += cell.faces
    return counts


def mean_confidences(cells: Iterable[Cell]) -> dict[str, float]:
    """Of the faces of each label."""
    cells = list(cells)
    sums: dict[str, float] = defaultdict(float)
    for cell in cells:
        sums[cell.label] += cell.confidence
    return {label: sums[label] / faces for label, faces in label_counts(cells).items()}


def histogram(cells: Iterable[Cell]) -> list[Column]:
    """COLUMNS columns of confidence."""
    found = np.zeros((COLUMNS, 3), dtype=np.int64)
    for cell in cells:
        kind = 2 if cell.given is None else int(cell.given != cell.label)
        found[cell.bin * COLUMNS // FINE, kind] += cell.faces
    edges = np.linspace(0, 1, COLUMNS + 1).tolist()
    return [Column(edges[i], edges[i + 1], *found[i].tolist()) for i in range(COLUMNS)]


def labelled(cells: Iterable[Cell], labels: Sequence[str]) -> list[Cell]:
    """Cells of faces whose given label is one of the bundle's."""
    return [cell for cell in cells if cell.given in labels]


def confusion(cells: Iterable[Cell], labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """(K, K) faces: given label by row, perceived expression by column; cells without a known given label count not."""
    counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
    place = {label: i for i, label in enumerate(labels)}
    for cell in labelled(cells, labels):
        counts[place[str(cell.given)], place[cell.label]] += cell.faces
    return counts


def calibration_of(cells: Iterable[Cell]) -> Calibration:
    """Confidence against agreement with the given label in 15 bins, as fer_spark.metrics.calibration defines it."""
    faces, sums, right = (np.zeros(RELIABILITY) for _ in range(3))
    for cell in cells:
        coarse_bin = cell.bin * RELIABILITY // FINE
        faces[coarse_bin] += cell.faces
        sums[coarse_bin] += cell.confidence
        right[coarse_bin] += cell.faces * (cell.given == cell.label)
    with np.errstate(invalid="ignore"):
        confidence, accuracy = sums / faces, right / faces
    gaps, held, total = np.abs(accuracy - confidence), faces > 0, faces.sum()
    edges = np.linspace(0, 1, RELIABILITY + 1).tolist()
    return Calibration(
        ece=float((faces[held] * gaps[held]).sum() / total) if total else float("nan"),
        mce=float(gaps[held].max()) if total else float("nan"),
        bins=tuple(
            Bin(edges[i], edges[i + 1], int(faces[i]), float(confidence[i]), float(accuracy[i]))
            for i in range(RELIABILITY)
        ),
    )


def answering(cells: Iterable[Cell]) -> list[Answering]:
    """What abstaining below each of THRESHOLDS would give; thresholds that leave no face are left out."""
    cells = list(cells)
    total = sum(cell.faces for cell in cells)
    found = []
    for threshold in THRESHOLDS:
        kept = [cell for cell in cells if cell.bin >= round(threshold * FINE)]
        faces = sum(cell.faces for cell in kept)
        if faces:
            right = sum(cell.faces for cell in kept if cell.given == cell.label)
            found.append(Answering(threshold, faces / total, right / faces))
    return found
