from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fer_spark.networks.build import build_network, network_arguments
from fer_spark.networks.bundle import Bundle, Card
from fer_spark.networks.quick import onednn
from fer_spark.networks.quick.fused import fold_batch_norms, fused, is_quick
from fer_spark.networks.settings import NetworkSettings
from fer_spark.pixels.shape import FaceShape
from tests.networks.cards import pictures

PLAIN = NetworkSettings(widths="8-16", blocks="1-1")


def make(settings: NetworkSettings, side: int = 20, bf16: bool = False) -> tuple[Bundle, list[nn.BatchNorm2d]]:
    """A bundle as after training, with no batch norm that does nothing, and its batch norms."""
    torch.manual_seed(0)
    network = build_network(settings, 3, 1, side)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        for values, low in ((norm.weight, 0.5), (norm.bias, -0.5), (norm.running_mean, -0.5), (norm.running_var, 0.5)):
            nn.init.uniform_(values, low, low + 1)
    card = Card(
        network=settings.network,
        arguments=network_arguments(settings, 3, 1, side),
        label_names=["angry", "happy", "sad"],
        image=FaceShape(side, "gray"),
        mean=[0.5],
        std=[0.25],
    )
    return Bundle(card, network, bf16=bf16), norms


@pytest.mark.parametrize("settings", [PLAIN, NetworkSettings(network="vgg", widths="8-16", blocks="1-1")])
def test_a_fused_bundle_answers_as_the_bundle_with_every_batch_norm_gone(settings: NetworkSettings) -> None:
    bundle, norms = make(settings)
    assert norms
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


@pytest.mark.skipif(not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor has no bfloat16")
@pytest.mark.parametrize("gate", [False, True], ids=["plain", "gates"])
@pytest.mark.parametrize(("widths", "blocks", "side"), [("8-16", "1-2", 20), ("8-16-24", "2-1-1", 21), ("16", "1", 20)])
def test_bfloat16_in_three_calls_a_block_is_as_near_as_layer_by_layer(
    widths: str, blocks: str, side: int, gate: bool
) -> None:
    """21 px halve to 11 and 6. Batches of 1, 16 and 19 faces: weights are laid out for 16."""
    settings = NetworkSettings(widths=widths, blocks=blocks, squeeze_excite=gate)
    exact, _ = make(settings, side)
    slow, _ = make(settings, side, bf16=True)
    quick = fused(slow)
    assert is_quick(quick)
    assert quick.digest == slow.digest
    faces = np.random.default_rng(0).integers(0, 256, (35, side, side)).astype(np.uint8)
    expected = exact.predict_logits(faces)
    for size in (1, 16, 19):
        error = np.abs(quick.predict_logits(faces, size) - expected).max()
        assert 0 < error < max(0.01 * np.abs(expected).max(), 1.5 * np.abs(slow.predict_logits(faces) - expected).max())


@pytest.mark.parametrize("settings", [PLAIN, NetworkSettings(network="vgg", widths="8-16", blocks="1-1")])
def test_pixels_are_not_rounded_to_bfloat16(settings: NetworkSettings) -> None:
    """The first convolution gets the exact pixels and gives float32, whatever the others are computed in."""
    quick = fused(make(replace(settings, squeeze_excite=False), bf16=True)[0])
    stem = next(module for module in quick.network.modules() if isinstance(module, nn.Conv2d))
    seen: list[torch.Tensor] = []
    stem.register_forward_hook(lambda _, inputs, output: seen.extend((inputs[0], output)))
    faces = pictures(2)
    quick.predict_proba(faces, None, "single")
    assert [x.dtype for x in seen] == [torch.float32, torch.float32]
    assert seen[0][:, 0].numpy() == pytest.approx((faces / 255 - 0.5) / 0.25, abs=1e-6)


def test_where_the_operators_are_missing_or_wrong_layers_run_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = NetworkSettings(widths="8-16", blocks="1-1", squeeze_excite=False)
    bundle, _ = make(settings, bf16=True)
    faces = pictures(5)
    expected = bundle.predict_logits(faces)
    assert not is_quick(fused(make(settings)[0]))  # float32
    vgg = NetworkSettings(network="vgg", widths="8-16", blocks="1-1")
    assert not is_quick(fused(make(vgg, bf16=True)[0]))

    def missing(*arguments: object) -> None:
        raise RuntimeError("could not create a primitive descriptor")

    for broken in (missing, lambda x, *_: torch.zeros_like(x)):
        with monkeypatch.context() as patch:
            patch.setattr(onednn._Convolution, "__call__", broken)
            plain = fused(bundle)
        assert not is_quick(plain)
        assert plain.predict_logits(faces) == pytest.approx(expected, abs=0.05)
