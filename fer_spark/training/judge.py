"""Figures of a split after an epoch: loss, accuracy and the others that a training can select on."""

from __future__ import annotations

import numpy as np

from fer_spark.metrics.affect import ccc
from fer_spark.metrics.confusion import accuracy, balanced_accuracy, confusion_counts, macro_f1
from fer_spark.metrics.probabilities import log_loss, softmax
from fer_spark.training.predict import Answers


def judge(answers: Answers, prefix: str = "val") -> dict[str, float]:
    """Accuracy, balanced accuracy, macro-F1 and log loss over the rows with a label; CCC where there is affect."""
    known = answers.labels >= 0
    labels, logits = answers.labels[known], answers.logits[known]
    figures: dict[str, float] = {}
    if len(labels):
        counts = confusion_counts(labels, logits.argmax(axis=1), logits.shape[1])
        figures = {
            f"{prefix}_accuracy": float(accuracy(counts)),
            f"{prefix}_balanced_accuracy": float(balanced_accuracy(counts)),
            f"{prefix}_macro_f1": float(macro_f1(counts)),
            f"{prefix}_loss": log_loss(labels, softmax(logits)),
        }
    if answers.affect is not None and answers.truth is not None:
        for number, name in enumerate(("valence", "arousal")):
            has = np.isfinite(answers.truth[:, number])
            if has.sum() > 1:
                figures[f"{prefix}_ccc_{name}"] = ccc(answers.truth[has, number], answers.affect[has, number])
    return figures
