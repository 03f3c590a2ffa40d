"""The rate that a training uses where none is given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fer_spark.networks.settings import NetworkSettings
from fer_spark.pipelines.train.settings import AllSettings, RunSettings
from fer_spark.shards.read.settings import ReadSettings
from fer_spark.training.augment_settings import AugmentSettings
from fer_spark.training.imbalance.settings import ImbalanceSettings
from fer_spark.training.settings import TrainSettings


@pytest.mark.parametrize(
    ("network", "training", "rate"),
    [
        (NetworkSettings(), TrainSettings(), 0.1),
        (NetworkSettings(weights="imagenet"), TrainSettings(), 0.02),
        (NetworkSettings(weights="imagenet"), TrainSettings(optimizer="adamw"), 0.0002),
        (NetworkSettings(weights="imagenet"), TrainSettings(learning_rate=0.1), 0.1),
        (NetworkSettings(weights="imagenet", freeze=True), TrainSettings(), 0.1),
    ],
)
def test_layers_of_imagenet_are_trained_at_a_lower_rate_where_none_is_given(
    network: NetworkSettings, training: TrainSettings, rate: float
) -> None:
    settings = AllSettings(RunSettings(), ReadSettings(), network, training, AugmentSettings(), ImbalanceSettings())
    assert settings.used_in_training.peak_rate_per_128 == pytest.approx(rate)
    assert replace(settings.used_in_training, learning_rate=training.learning_rate) == training
