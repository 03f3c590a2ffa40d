"""The card of a freshly trained bundle, and what a person reads at the end of a training."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from fer_spark.metrics.evaluation import evaluate, without_nan
from fer_spark.metrics.probabilities import calibration, fit_across_halves, fit_temperature, softmax
from fer_spark.networks.build import rebuild_network
from fer_spark.networks.card import Card
from fer_spark.networks.parameters import parameter_count
from fer_spark.settings import last_part, without_folders
from fer_spark.training.predict import Answers
from fer_spark.training.trainer import Trained

if TYPE_CHECKING:
    from fer_spark.pipelines.train.open import Opened
    from fer_spark.pipelines.train.settings import AllSettings

INTENDED_USE = (
    "Research on, and sorting of, pictures by perceived facial expression: what people who look at a face would call "
    "it. It says nothing about what a person feels."
)
LIMITS = (
    "Expressions are not reliable read-outs of emotions (Barrett et al. 2019), annotators agree on about two thirds of "
    "the labels, and errors differ between groups of people and kinds of pictures: measure on your own data first. "
    "The figures hold for pictures like those it was evaluated on, prepared in the same way."
)
LAW = (
    "EU AI Act, Regulation (EU) 2024/1689: Article 5(1)(f) prohibits inferring emotions of people at work and in "
    "education, except for medical or safety reasons; elsewhere such systems are high-risk (Annex III, 1(c)) and "
    "people must be informed (Article 50(3)). Faces are personal data. Other places have other laws: check yours."
)
LICENCE = "weights: as the licence of the training data allows; code: Apache-2.0"


def looks_mirrored(settings: AllSettings) -> bool:
    """Mirrored views are for networks that have seen mirrored pictures."""
    return settings.augment.augment and settings.augment.flip_prob > 0


def make_card(
    settings: AllSettings, opened: Opened, trained: Trained, val: Answers | None, mirrored: Answers | None
) -> Card:
    """What the bundle says about itself. The temperature is fitted on the val split, where there is one, by `mirrored`:
    what it answers there from the views that the card names.
    """
    train, manifest = opened.train, opened.train.manifest
    temperature = _temperature(mirrored)
    figures = _val_figures(settings, train.label_names, val, mirrored, temperature)
    return Card(
        network=opened.start.name,
        arguments=opened.start.arguments,
        label_names=list(train.label_names),
        image=train.image.pixels.face,
        mean=list(opened.task.scale.mean),
        std=list(opened.task.scale.std),
        name=Path(settings.run.output).name,
        views="flip" if looks_mirrored(settings) else "single",
        crop_px=settings.train.crop_px,
        temperature=temperature,
        preparation=manifest.preparation.to_dict(),
        training={
            **{
                group.name: without_folders(getattr(settings, group.name))
                for group in dataclasses.fields(settings)
                if group.name != "run"
            },
            "started_from": opened.start.origin,
            "teachers": opened.teachers,
            "best_epoch": trained.best_epoch,
            "epochs_run": len(trained.history),
            "history": trained.history,
        },
        data={
            "sources": [_without_folders(source) for source in manifest.sources],
            "checksum": manifest.checksum,
            "train_split": settings.run.train_split,
            "val_split": settings.run.val_split,
            "train_rows": train.rows,
            "train_counts": dict(zip(train.label_names, train.class_counts().tolist(), strict=True)),
            "duplicates": manifest.duplicates,
        },
        metrics=figures,
        licence=LICENCE,
        intended_use=INTENDED_USE,
        limits=LIMITS,
        law=LAW,
    )


def _without_folders(source: dict[str, Any]) -> dict[str, Any]:
    """A source as the manifest tells it, its paths cut down to their last part: a card travels, folders do not."""
    words = [last_part(word) for word in str(source.get("description", "")).split(" ")]
    return {**source, "description": " ".join(words)}


def _temperature(answers: Answers | None) -> float:
    """Where no answer is wrong the likelihood has no best temperature (the lower, the better), and it stays 1: a dozen
    pictures, all right, would else make every probability 0 or 1."""
    labels, logits = _known(answers)
    all_right = bool((logits.argmax(axis=1) == labels).all())
    return 1.0 if all_right else float(fit_temperature(logits, labels))


def _val_figures(
    settings: AllSettings, names: list[str], val: Answers | None, mirrored: Answers | None, temperature: float
) -> dict[str, Any]:
    """Figures of the kept epoch on the split that chose it, one view of each picture; and how well the card's views are
    calibrated on pictures that had no part in their temperature (`calibration_across_halves`)."""
    labels, logits = _known(val)
    if not len(labels):
        return {}
    found = evaluate(labels, softmax(logits / temperature), names).to_dict()
    figures = {"split": settings.run.val_split, "chosen_on_it": True, "views": "single", **found}
    labels, logits = _known(mirrored)
    wrong = logits.argmax(axis=1) != labels
    if wrong[::2].any() and wrong[1::2].any():
        across = calibration(labels, fit_across_halves(logits, labels)).to_dict()
        figures["calibration_across_halves"] = without_nan(across)
    return figures


def _known(answers: Answers | None) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Labels (N,) and logits (N, K) of the pictures that have a label."""
    if answers is None:
        return np.zeros(0, dtype=np.int64), np.zeros((0, 1))
    known = answers.labels >= 0
    return answers.labels[known], answers.logits[known].astype(np.float64)


def print_summary(console: Console, output: Path, card: Card, trained: Trained) -> None:
    """What was trained, how good it is, and where it lies."""
    size = (output / "weights.safetensors").stat().st_size / 2**20
    millions = parameter_count(rebuild_network(card.network, card.arguments)) / 1e6
    lines = [
        f"Kept epoch {trained.best_epoch + 1} of {len(trained.history)}: {card.network}, {millions:.2f} M parameters, "
        f"{size:.1f} MiB."
    ]
    if card.metrics:
        rows = card.metrics
        lines.append(
            f"On {rows['split']}, which chose it: accuracy {rows['accuracy']:.4f}, balanced accuracy "
            f"{rows['balanced_accuracy']:.4f}, macro-F1 {rows['macro']['f1']:.4f}; temperature {card.temperature:.2f}."
        )
    for line in [*lines, f"Bundle: {output}"]:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
