"""Sizes, shapes and starts of the networks, and that each of them learns."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from fer_spark import members
from fer_spark.networks import kinds
from fer_spark.networks.build import build_network, kind_of, network_arguments, rebuild_network
from fer_spark.networks.kind import NetworkKind
from fer_spark.networks.network import Network
from fer_spark.networks.parameters import carry_over, parameter_count, parameter_groups
from fer_spark.networks.settings import NETWORKS, NetworkSettings

QUICK: dict[str, dict[str, Any]] = {
    "resnet": {"widths": "8-16-24", "blocks": "1-2-1"},
    "small_cnn": {},
    "deep_cnn": {},
    "vgg": {},
    "efficientnet_b0": {"upsample_px": 32},
    "efficientnet_lite0": {"upsample_px": 32},
}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def build(name: str, classes: int = 7, channels: int = 1, size_px: int = 24, **settings: Any) -> Network:
    torch.manual_seed(3)
    return build_network(NetworkSettings(network=name, **{**QUICK[name], **settings}), classes, channels, size_px)


def test_every_network_declares_itself_and_is_built_by_these_tests() -> None:
    assert all(isinstance(kind_of(name), NetworkKind) for name in NETWORKS)
    assert set(NETWORKS) == set(QUICK)


def test_a_module_in_the_folder_is_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(kinds.__path__[0]) / "small_cnn.py").read_text(encoding="utf-8")
    (tmp_path / "added_cnn.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(tmp_path)])
    with pytest.raises(ValueError, match="this release knows"):
        kind_of("added_cnn")
    monkeypatch.setattr("fer_spark.networks.build.NETWORKS", members.names(kinds, "_"))
    assert rebuild_network("added_cnn", {"classes": 2, "channels": 1, "size_px": 24}).classes == 2
    assert "  added_cnn           One convolution of 32 filters" in NetworkSettings.introduction()
    with pytest.raises(
        ValueError, match="goes with --network efficientnet_b0 or efficientnet_lite0 alone, not small_cnn"
    ):
        NetworkSettings(network="small_cnn", weights="imagenet").check()


def test_vgg_has_the_parameters_of_the_paper_s_code() -> None:
    assert parameter_count(build("vgg", 7, 1, 40)) == 29_890_759


def test_small_cnn_is_one_convolution_of_32_filters() -> None:
    convolution, dense, last = 9 * 32 + 32, 23 * 23 * 32 * 128 + 128, 128 * 7 + 7
    assert parameter_count(build("small_cnn", 7, 1, 48)) == convolution + dense + last


def test_deep_cnn_is_three_convolutions() -> None:
    convolutions = 9 * (3 * 32 + 32 * 64 + 64 * 128) + 2 * (32 + 64 + 128)
    assert parameter_count(build("deep_cnn", 5, 3, 48)) == convolutions + 6 * 6 * 128 * 128 + 128 + 128 * 5 + 5


def test_resnet_s_parameters_add_up() -> None:
    stem = 9 * 8 + 16
    first = 2 * (9 * 8 * 8 + 16) + (8 * 4 + 4 + 4 * 8 + 8)  # two convolutions with batch norm, the gate
    second = 9 * 8 * 16 + 9 * 16 * 16 + 3 * 32 + 8 * 16 + (16 * 4 + 4 + 4 * 16 + 16)
    assert parameter_count(build("resnet", 7, widths="8-16", blocks="1-1")) == stem + first + second + 16 * 7 + 7


@pytest.mark.parametrize(("widths", "least", "most"), [("32-64-128-256", 2.5e6, 3e6), ("40-80-160-320", 4e6, 5e6)])
def test_the_resnets_we_ship_stay_below_five_million(widths: str, least: float, most: float) -> None:
    network = build_network(NetworkSettings(widths=widths), 7, 1, 44)
    assert least < parameter_count(network) < most


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("count", "channels", "va_head"), [(1, 3, False), (5, 1, True)])
def test_outputs_have_a_column_per_class_and_two_more_for_valence_and_arousal(
    name: str, count: int, channels: int, va_head: bool
) -> None:
    network = build(name, 6, channels, 24, va_head=va_head).eval()
    outputs = network(torch.randn(count, channels, 24, 24) * 9)
    assert outputs.shape == (count, 8 if va_head else 6)
    assert not va_head or outputs[:, 6:].abs().max() <= 1


@pytest.mark.parametrize(
    ("size_px", "stem_stride", "first_side"), [(44, 0, 44), (48, 0, 48), (48, 2, 24), (112, 0, 56), (256, 0, 64)]
)
def test_the_stem_s_stride_follows_the_picture_s_size(size_px: int, stem_stride: int, first_side: int) -> None:
    network = build("resnet", 7, 3, size_px, stem_stride=stem_stride).eval()
    stem = network.get_submodule("trunk.0")
    assert stem(torch.zeros(1, 3, size_px, size_px)).shape == (1, 8, first_side, first_side)
    assert network(torch.zeros(2, 3, size_px, size_px)).shape == (2, 7)


@pytest.mark.parametrize("size_px", [16, 48, 80, 112, 208, 224, 256])
def test_vgg_works_at_any_size_from_16_px(size_px: int) -> None:
    with torch.device("meta"):
        network = build_network(NetworkSettings(network="vgg"), 7, 1, size_px)
        assert network(torch.empty(2, 1, size_px, size_px)).shape == (2, 7)
    assert parameter_count(network) < 56e6


@pytest.mark.parametrize("name", NETWORKS)
def test_the_start_is_a_function_of_the_seed_and_of_nothing_else(name: str) -> None:
    first, again = build(name), build(name)
    torch.manual_seed(4)
    other = build_network(NetworkSettings(network=name, **QUICK[name]), 7, 1, 24)
    weight = "head.classes.weight"
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True))
    assert not torch.equal(first.state_dict()[weight], other.state_dict()[weight])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_rebuilt_network_takes_the_weights_and_answers_the_same(name: str) -> None:
    settings = NetworkSettings(network=name, **QUICK[name], va_head=True, dropout=0.1)
    first = build_network(settings, 7, 1, 24).eval()
    second = rebuild_network(name, network_arguments(settings, 7, 1, 24)).eval()
    second.load_state_dict(first.state_dict())
    faces = torch.randn(3, 1, 24, 24)
    assert torch.equal(first(faces), second(faces))


def test_an_untrained_resnet_begins_near_the_loss_of_a_guess() -> None:
    network = build_network(NetworkSettings(), 7, 1, 48).train()
    torch.manual_seed(0)
    loss = torch.nn.functional.cross_entropy(network(torch.randn(64, 1, 48, 48)), torch.arange(64) % 7)
    assert abs(loss.item() - math.log(7)) < 0.4  # ending in the largest value instead of the mean starts at 4.6


def stripes(count: int, size_px: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise with level or upright stripes; the label says which."""
    faces = torch.randn(count, 1, size_px, size_px) * 0.3
    labels = torch.arange(count) % 2
    wave = (torch.arange(size_px) // 2 % 2).float() * 2 - 1
    faces[labels == 0] += wave[:, None]
    faces[labels == 1] += wave[None, :]
    return faces, labels


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_learns_which_way_stripes_run(name: str) -> None:
    network = build(name, classes=2, stochastic_depth=0.1).train()
    faces, labels = stripes(32, 24)
    optimiser = torch.optim.SGD(parameter_groups(network, 1e-4), lr=0.05 if name == "resnet" else 0.02, momentum=0.9)
    losses = []
    for _ in range(10):
        loss = torch.nn.functional.cross_entropy(network(faces), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert min(losses[-3:]) < 0.5 * losses[0]
    assert losses[0] < 1.5


@pytest.mark.parametrize("name", ["resnet", "efficientnet_b0", "efficientnet_lite0"])
def test_a_frozen_trunk_stands_still_while_the_head_learns(name: str) -> None:
    network = build(name, classes=2, freeze=True).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    faces, labels = stripes(8, 24)
    optimiser = torch.optim.SGD(parameter_groups(network, 0.1), lr=0.1)
    torch.nn.functional.cross_entropy(network(faces), labels).backward()
    optimiser.step()
    changed = {key for key, value in network.state_dict().items() if not torch.equal(value, before[key])}
    assert changed
    assert all(key.startswith("head.") for key in changed)
    network.unfreeze()
    torch.nn.functional.cross_entropy(network(faces), labels).backward()
    changed = {key for key, value in network.state_dict().items() if not torch.equal(value, before[key])}
    assert any(key.startswith("trunk.") and key.endswith("running_mean") for key in changed)
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_stochastic_depth_drops_rows_in_training_alone() -> None:
    network = build("resnet", stochastic_depth=0.9, dropout=0)
    for block in network.modules():
        if isinstance(block, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(block.weight)
    faces = torch.randn(1, 1, 24, 24).repeat(64, 1, 1, 1)
    in_training, in_use = network.train()(faces).std(0), network.eval()(faces).std(0)
    assert in_training.min() > 1e-4
    assert in_use.max() < 1e-6


def test_weight_decay_spares_biases_and_batch_norm() -> None:
    network = build("resnet", widths="8-16", blocks="1-1", squeeze_excite=False)
    decayed, spared = parameter_groups(network, 0.05)
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.05, 0.0)
    assert sum(p.numel() for p in decayed["params"]) == 9 * (8 + 64 + 64 + 128 + 256) + 8 * 16 + 16 * 7
    assert sum(p.numel() for p in spared["params"]) == 2 * (8 + 8 + 8 + 16 + 16 + 16) + 7


def test_channels_last_changes_nothing() -> None:
    network = build("resnet").eval()
    faces = torch.randn(3, 1, 24, 24)
    expected = network(faces)
    network.to(memory_format=torch.channels_last)
    assert torch.allclose(network(faces.to(memory_format=torch.channels_last)), expected, atol=1e-6)


def test_carrying_over_fills_the_trunk_and_leaves_the_head() -> None:
    old, new = build("resnet", 7), build("resnet", 4)
    with torch.no_grad():
        for value in old.parameters():
            value.fill_(0.25)
    unfilled = carry_over(old, new)
    assert unfilled == ["head.classes.weight", "head.classes.bias"]
    assert all((value == 0.25).all() for value in new.trunk.parameters())
    assert not (new.head.classes.weight == 0.25).any()


def test_carrying_over_takes_the_head_only_when_told() -> None:
    old, new = build("resnet", 7), build("resnet", 7)
    torch.nn.init.constant_(old.head.classes.weight, 0.25)
    carry_over(old, new)
    assert not (new.head.classes.weight == 0.25).any()
    assert carry_over(old, new, head=True) == []
    assert (new.head.classes.weight == 0.25).all()


def test_carrying_over_between_strangers_is_an_error() -> None:
    with pytest.raises(ValueError, match="share no layer"):
        carry_over(build("small_cnn"), build("resnet"), head=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"widths": "32-64"}, "differ in the number of stages"),
        ({"widths": "32-sixty"}, "positive numbers joined by dashes"),
        ({"blocks": "2-0-2-2"}, "--blocks"),
        ({"dropout": 1.0}, "--dropout"),
        ({"stochastic_depth": 1.0}, "--stochastic-depth"),
        ({"stem_stride": 3}, "--stem-stride"),
        ({"weights": "imagenet"}, "efficientnet_lite0 alone"),
        ({"network": "resnet50"}, "resnet50"),
        ({"network": "vgg", "upsample_px": -1}, "--upsample-px"),
    ],
)
def test_settings_that_cannot_be_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_network(NetworkSettings(**settings), 7, 1, 48)


@pytest.mark.parametrize(("classes", "channels", "size_px"), [(1, 1, 48), (7, 2, 48), (7, 1, 4)])
def test_shapes_that_cannot_be_are_named(classes: int, channels: int, size_px: int) -> None:
    with pytest.raises(ValueError, match=f"{classes} classes, {channels} channels, {size_px} px"):
        build_network(NetworkSettings(), classes, channels, size_px)


def test_unknown_arguments_of_a_card_are_named() -> None:
    with pytest.raises(ValueError, match="depth"):
        rebuild_network("vgg", {"classes": 7, "channels": 1, "size_px": 48, "depth": 3})
