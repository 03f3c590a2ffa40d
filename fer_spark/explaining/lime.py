"""Explain faces: draw masks, score the masked faces, fit the local model, measure how far it can be believed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_spark.explaining.assist import Pairs, touching
from fer_spark.explaining.fidelity import COLUMNS, areas, orders, step_masks
from fer_spark.explaining.local_model import LocalModel, Scored, fit_faces
from fer_spark.explaining.masks import Drawn, MaskSource, join_repetitions
from fer_spark.explaining.perturb import CHUNK_BYTES, Hideable, hide, score
from fer_spark.explaining.settings import LimeSettings
from fer_spark.explaining.superpixels import Segmentation, segment
from fer_spark.explaining.targets import runner_up
from fer_spark.explaining.unexplained import Unexplained, why_unexplained
from fer_spark.scorer import Scorer

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Face:
    """What is explained: (S, S) or (S, S, 3), uint8 or float in [0, 1]; `points` as in superpixels.landmarks."""

    face_id: str
    pixels: Array
    points: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Explanation:
    """Why one face got the probability it got; the fields mean what rows.EXPLANATION says.

    `predicted`, `label` and `rival`, the runner-up, are places among the scorer's labels. `fidelity` has
    fidelity.COLUMNS, or is empty. `unexplained`: why, where the local model does not fit.
    """

    face_id: str
    predicted: int
    label: int
    rival: int
    probability: float
    hidden_probability: float
    segmentation: Segmentation
    model: LocalModel
    explained: bool
    samples: int
    unique_samples: int
    unexplained: Unexplained | None = None
    fidelity: dict[str, float] = field(default_factory=dict)

    @property
    def heat_map(self) -> npt.NDArray[np.float64]:
        """(S, S): each pixel's segment's weight."""
        return self.model.weights[self.segmentation.map]


def explain(
    faces: Sequence[Face],
    scorer: Scorer,
    settings: LimeSettings,
    gray: Sequence[float] = (0.5,),
    chunk_bytes: int = CHUNK_BYTES,
) -> list[Explanation]:
    """Explain faces of one shape and type, in their order.

    Each answer depends on its face, the scorer and the settings alone, not on the faces beside it (to the rounding of
    the scorer's batches). `gray` is the data set's mean per channel in [0, 1]. Raises ValueError for settings that
    cannot be, or a label that the scorer does not know.
    """
    settings.check()
    if settings.label and settings.label not in scorer.labels:
        raise ValueError(f"--label: {settings.label!r} is none of the model's: {', '.join(scorer.labels)}")
    states = [_State.start(face, settings, gray) for face in faces]
    active, target = states, settings.round_samples if settings.adaptive else settings.samples
    while active:
        target = min(target, settings.samples)
        new = [state.grow(target) for state in active]
        answers = score(
            [(s.hideable, m) for s, m in zip(active, new, strict=True)], scorer, settings.views or None, chunk_bytes
        )
        for state, probabilities in zip(active, answers, strict=True):
            state.add(probabilities, scorer.labels, settings.label)
        models = fit_faces([state.scored for state in active], settings)
        for state, model in zip(active, models, strict=True):
            state.model = model
        if target >= settings.samples:
            break
        active = [s for s in active if not s.model.settled(settings)]
        target += settings.round_samples
    found = [state.result(settings) for state in states]
    return _with_fidelity(found, states, scorer, settings, chunk_bytes) if settings.fidelity else found


class _State:
    """One face on its way: the masks so far, joined, and the probabilities of each different one."""

    def __init__(self, face: Face, segmentation: Segmentation, hideable: Hideable, source: MaskSource) -> None:
        self.face, self.segmentation, self.hideable, self.source = face, segmentation, hideable, source
        self.drawn: Drawn
        self.model: LocalModel
        self.predicted = self.label = self.rival = -1
        self.hidden = math.nan
        self.probabilities = np.zeros((0, 0), dtype=np.float64)
        self.pairs: Pairs = ()

    @classmethod
    def start(cls, face: Face, settings: LimeSettings, gray: Sequence[float]) -> _State:
        cut = segment(face.pixels, settings.segments, settings.segment_count, face.points)
        source = MaskSource(face.face_id, cut.count, settings.masks, settings.keep, settings.seed)
        state = cls(face, cut, hide(face.pixels, cut.map, settings.hide, gray), source)
        state.pairs = touching(cut.map) if settings.assisted else ()
        return state

    @property
    def scored(self) -> Scored:
        return Scored(self.drawn, self.probabilities, self.label, self.pairs, self.rival)

    def grow(self, samples: int) -> npt.NDArray[np.uint8]:
        """Draw up to `samples` masks; returns those not scored yet, the first time after one that shows nothing."""
        self.drawn = join_repetitions(self.source.rows(0, samples), self.source.group_rows)
        new = self.drawn.unique[len(self.probabilities) :]
        if len(self.probabilities):
            return new
        return np.concatenate([np.zeros((1, self.source.segments), dtype=np.uint8), new])

    def add(self, probabilities: npt.NDArray[np.float32], labels: list[str], requested: str) -> None:
        """Take the answers to what `grow` returned."""
        if self.label < 0:
            self.predicted = int(probabilities[1].argmax())
            self.label = labels.index(requested) if requested else self.predicted
            self.rival = runner_up(probabilities[1], self.label)
            self.hidden, probabilities = float(probabilities[0, self.label]), probabilities[1:]
        new = probabilities.astype(np.float64)
        self.probabilities = np.concatenate([self.probabilities, new]) if len(self.probabilities) else new

    def result(self, settings: LimeSettings) -> Explanation:
        explained = bool(self.model.r2_held_out >= settings.explained_r2)
        return Explanation(
            face_id=self.face.face_id,
            predicted=self.predicted,
            label=self.label,
            rival=self.rival,
            probability=float(self.probabilities[0, self.label]),
            hidden_probability=self.hidden,
            segmentation=self.segmentation,
            model=self.model,
            explained=explained,
            samples=self.drawn.samples,
            unique_samples=len(self.drawn.unique),
            unexplained=None if explained else why_unexplained(self.scored, self.model, settings.target),
        )


def _with_fidelity(
    found: list[Explanation], states: list[_State], scorer: Scorer, settings: LimeSettings, chunk_bytes: int
) -> list[Explanation]:
    """The explanations with the areas of every order."""
    every = [
        orders(explanation.model.weights, explanation.segmentation.map, explanation.face_id, settings.seed)
        for explanation in found
    ]
    jobs = [(s.hideable, np.concatenate([step_masks(o) for o in of])) for s, of in zip(states, every, strict=True)]
    answers = score(jobs, scorer, settings.views or None, chunk_bytes)
    measured = []
    for explanation, of_face, answer in zip(found, every, answers, strict=True):
        curves = np.split(answer[:, explanation.label].astype(np.float64), len(of_face))
        ends = (explanation.probability, explanation.hidden_probability, explanation.segmentation.map)
        by_weight, centre, *random = [areas(o, c, *ends) for o, c in zip(of_face, curves, strict=True)]
        values = (*by_weight, *np.mean(random, axis=0).tolist(), *centre)
        measured.append(_replaced(explanation, dict(zip(COLUMNS, values, strict=True))))
    return measured


def _replaced(explanation: Explanation, fidelity: dict[str, float]) -> Explanation:
    return Explanation(**{**vars(explanation), "fidelity": fidelity})
