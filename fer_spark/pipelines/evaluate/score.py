"""Predictions → figures: with and without test-time augmentation, with and without duplicated pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fer_spark.metrics import Agreement, Evaluation, Interval, agreement, evaluate, paired_difference
from fer_spark.reports.contact_sheet import Mistake
from fer_spark.serving.match import MismatchError
from fer_spark.shards.identities import Identities

if TYPE_CHECKING:
    from fer_spark.pipelines.evaluate.answer import Answers, Matched
    from fer_spark.pipelines.evaluate.settings import EvaluateSettings

_ID_DIGITS = 12


@dataclass(frozen=True)
class Scored:
    """Everything measured: the first of `variants`, keyed (views, pictures), is the main one."""

    variants: dict[tuple[str, str], Evaluation]
    gain: dict[str, Interval] | None
    agreement: dict[str, Agreement]
    mistakes: list[Mistake]


def score(settings: EvaluateSettings, matched: Matched, answers: Answers, identities: Identities) -> Scored:
    """Every variant: with and without test-time augmentation, with and without duplicated pictures."""
    labelled, names = answers.true >= 0, matched.labels.names
    if not labelled.any():
        raise MismatchError(f"--split {settings.split}: none of its pictures has a label that the bundle knows")
    choices = {"all": labelled, "unique": labelled & identities.unique}
    variants = {
        (views, pictures): evaluate(
            answers.true[kept],
            answers.probabilities[views][kept],
            names,
            seed=settings.seed,
            min_support=settings.min_support,
        )
        for views in matched.views
        for pictures, kept in choices.items()
    }
    return Scored(
        variants, _gain(matched, answers, settings.seed), _agreements(answers), _mistakes(answers, identities, names)
    )


def _gain(matched: Matched, answers: Answers, seed: int) -> dict[str, Interval] | None:
    if len(matched.views) < 2:
        return None
    kept = answers.true >= 0
    several, single = (answers.probabilities[views][kept].argmax(axis=1) for views in matched.views)
    return paired_difference(answers.true[kept], single, several, len(matched.labels.names), seed)


def _agreements(answers: Answers) -> dict[str, Agreement]:
    if answers.valence_arousal is None:
        return {}
    true, predicted = answers.valence_arousal
    found = {name: agreement(true[:, i], predicted[:, i]) for i, name in enumerate(("valence", "arousal"))}
    return {name: value for name, value in found.items() if value.rows}


def _mistakes(answers: Answers, identities: Identities, names: tuple[str, ...]) -> list[Mistake]:
    probabilities = next(iter(answers.probabilities.values()))
    return [
        Mistake(
            image, names[answers.true[row]], names[probabilities[row].argmax()], share, identities.face_ids[row][:12]
        )
        for share, row, image in answers.surest
    ]
