from __future__ import annotations

import pytest
import torch
from torch import nn

from fer_spark.commands.explain_fused import fold_batch_norms, fused
from fer_spark.networks.build import build_network, network_arguments
from fer_spark.networks.bundle import Bundle, Card, ImageInput
from fer_spark.networks.settings import NetworkSettings
from tests.networks.cards import pictures


@pytest.mark.parametrize(
    "settings",
    [NetworkSettings(widths="8-16", blocks="1-1"), NetworkSettings(network="vgg", widths="8-16", blocks="1-1")],
)
def test_a_fused_bundle_answers_as_the_bundle_with_every_batch_norm_gone(settings: NetworkSettings) -> None:
    torch.manual_seed(0)
    network = build_network(settings, 3, 1, 20)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    for norm in norms:  # as after training: none of them does nothing
        for values, low in ((norm.weight, 0.5), (norm.bias, -0.5), (norm.running_mean, -0.5), (norm.running_var, 0.5)):
            nn.init.uniform_(values, low, low + 1)
    names = ["angry", "happy", "sad"]
    card = Card(
        network=settings.network,
        arguments=network_arguments(settings, 3, 1, 20),
        label_names=names,
        image=ImageInput(20, "gray"),
        mean=[0.5],
        std=[0.25],
    )
    bundle = Bundle(card, network)
    faces = pictures(5)
    quick = fused(bundle)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in quick.network.modules())
    assert sum(isinstance(module, nn.BatchNorm2d) for module in bundle.network.modules()) == len(norms)
    expected = bundle.predict_logits(faces)
    assert quick.predict_logits(faces) == pytest.approx(expected, abs=5e-6)
    assert quick.digest == bundle.digest
    for norm in norms:
        norm.reset_parameters()
    assert abs(bundle.predict_logits(faces) - expected).max() > 0.001  # so there was something to fold


def test_a_batch_norm_that_follows_no_convolution_stays() -> None:
    layers = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.BatchNorm2d(2)).eval()
    folded = fold_batch_norms(layers)  # type: ignore[arg-type]
    assert isinstance(folded[2], nn.BatchNorm2d)
