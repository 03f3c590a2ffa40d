"""Scores of predictions, in plain numpy: classes, calibration, intervals, valence and arousal."""

from fer_spark.metrics.affect import Agreement, agreement, ccc, pearson, rmse
from fer_spark.metrics.bootstrap import Interval, intervals, paired_difference
from fer_spark.metrics.confusion import (
    accuracy,
    balanced_accuracy,
    confusion_counts,
    f1,
    macro_f1,
    precision,
    recall,
    row_rates,
)
from fer_spark.metrics.evaluation import Average, ClassScores, Evaluation, evaluate, without_nan
from fer_spark.metrics.probabilities import (
    Bin,
    Calibration,
    brier_score,
    calibration,
    fit_temperature,
    log_loss,
    softmax,
    top_k_accuracy,
)

__all__ = [
    "Agreement",
    "Average",
    "Bin",
    "Calibration",
    "ClassScores",
    "Evaluation",
    "Interval",
    "accuracy",
    "agreement",
    "balanced_accuracy",
    "brier_score",
    "calibration",
    "ccc",
    "confusion_counts",
    "evaluate",
    "f1",
    "fit_temperature",
    "intervals",
    "log_loss",
    "macro_f1",
    "paired_difference",
    "pearson",
    "precision",
    "recall",
    "rmse",
    "row_rates",
    "softmax",
    "top_k_accuracy",
    "without_nan",
]
