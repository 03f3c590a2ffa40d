"""What tests of the scoring page share: a report with everything on it, of faces that are circles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_spark.reports.scoring.faces import Explanation, Face
from fer_spark.reports.scoring.figures import FINE, Cell
from fer_spark.reports.scoring.page import Batch, Explanations, Mix, Scores, ScoringReport, Section

LABELS = ["angry", "happy", "sad"]
SIDE = 12


def drawn(seed: int, side: int = SIDE) -> npt.NDArray[np.uint8]:
    """(side, side) a bright circle with two eyes and a mouth."""
    rng = np.random.default_rng(seed)
    rows, columns = (np.mgrid[:side, :side] + 0.5) / side
    face = np.where((rows - 0.5) ** 2 / 0.23 + (columns - 0.5) ** 2 / 0.15 < 1, 200, 60)
    for x in (0.35, 0.65):
        face[(rows - 0.4) ** 2 + (columns - x) ** 2 < 0.005] = 20
    face[(abs(rows - 0.72) < 0.05) & (abs(columns - 0.5) < rng.uniform(0.1, 0.25))] = 30
    return np.clip(face + rng.normal(0, 8, face.shape), 0, 255).astype(np.uint8)


def explanation(label: str, explained: bool = True, **changes: Any) -> Explanation:
    """Nine squares, of which the middle one speaks for the label and the upper left one against it."""
    line = np.arange(SIDE) * 3 // SIDE
    weights = np.array([-0.2, 0.01, 0, 0, 0.5, 0, 0, 0.05, 0])
    made = Explanation(
        label, 0.9, 0.1, line[:, None] * 3 + line, weights, None, 0.8 if explained else -0.3, explained, 0.75, 200
    )
    return replace(made, **changes)


def face(number: int, label: str, why: Explanation | None = None, **changes: Any) -> Face:
    rest = (1 - 0.62) / (len(LABELS) - 1)
    probabilities = {one: 0.62 if one == label else rest for one in LABELS}
    made = Face(f"{number:032x}", f"night/{number}.jpg", label, 0.62, None, False, probabilities, drawn(number), why)
    return replace(made, **changes)


def cells() -> list[Cell]:
    """1,000 faces: 900 with a given label, of which 720 agree; a tenth abstained."""
    found = []
    for i, label in enumerate(LABELS):
        for step in range(10):
            place = 20 + 4 * step
            right, wrong = 24, 6
            middle = (place + 0.5) / FINE
            other = LABELS[(i + 1) % 3]
            found.append(Cell(label, label, step == 0, place, right, right * middle))
            found.append(Cell(label, other, step == 0, place, wrong, wrong * middle))
    found.append(Cell("happy", None, False, 50, 100, 100 * 50.5 / FINE))
    return found


def report(**changes: Any) -> ScoringReport:
    """Everything that a page can show."""
    shift = {"chance": 0.01, "threshold": 0.2, "now": 1000, "then": 5000}
    moved = [{"bin": "angry", "now": 0.3, "then": 0.2}, {"bin": "happy", "now": 0.4, "then": 0.6}]
    scores = Scores(
        {"ok": 1000, "no_face": 40, "unreadable": 3},
        cells(),
        [
            Mix("latest run", {"angry": 300, "happy": 400, "sad": 300}),
            Mix("earlier runs", {"angry": 1000, "happy": 3000, "sad": 1000}),
            Mix("training data", {"angry": 10, "happy": 10, "sad": 20}),
        ],
        [
            {"what": "labels", "against": "earlier runs", "psi": 0.31, "flagged": True, "moved": moved, **shift},
            {"what": "confidence", "against": "earlier runs", "psi": 0.02, "flagged": False, **shift},
            {"what": "labels", "against": "training data", "psi": 6.4, "flagged": False, "few": True, **shift},
        ],
        [Batch(n, 500, {"angry": 100, "happy": 250 + 10 * n, "sad": 150}, 0.6 + n / 50) for n in (3, 2, 1)],
        0.4,
    )
    one = {"explained": 3, "r2_held_out": 0.71, "stability_overlap": 0.8, "probability": 0.9, "hidden_probability": 0.1}
    line = np.arange(SIDE) * 3 // SIDE
    weights = np.array([0, 0.1, 0, -0.2, 0.4, -0.2, 0, 0.6, 0])
    explanations = Explanations(
        {label: {"faces": 4, **one} for label in LABELS},
        [("deletion against random order", 0.12, 0.08, 0.16), ("insertion against centre order", 0.01, -0.02, 0.04)],
        dict.fromkeys(LABELS, weights[line[:, None] * 3 + line]),
        "12 faces by LIME, cut by grid.",
        dict.fromkeys(LABELS, np.array([0, 0.3, 0.1, 0.2, 0.1, 0.2, 0, 0.3, 0])[line[:, None] * 3 + line]),
    )
    gallery = [
        Section(
            "Explained faces",
            "Drawn evenly from every label.",
            [face(i, LABELS[i % 3], explanation(LABELS[i % 3], i != 4)) for i in range(6)],
        ),
        Section(
            "Disagrees with the given label",
            "Surest first.",
            [face(10, "happy", given="sad"), face(11, "sad", given="angry")],
        ),
        Section("Abstained", "Lowest first.", [face(20, "angry", abstained=True, confidence=0.35, picture=None)]),
    ]
    made = ScoringReport(
        "Night of 20 November",
        LABELS,
        [("scores", "s3a://lake/scores"), ("model", "fer2013, digest 0123456789abcdef")],
        ["Drift: labels of the latest run differ."],
        scores,
        explanations,
        gallery,
    )
    return replace(made, **changes)
