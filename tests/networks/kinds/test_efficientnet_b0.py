"""Where EfficientNet-B0's weights come from, and what happens when they do not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from fer_spark.networks.build import build_network
from fer_spark.networks.kind import WeightsError
from fer_spark.networks.kinds import efficientnet_b0 as module
from fer_spark.networks.network import Network
from fer_spark.networks.settings import NetworkSettings


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def build(weights: str = "") -> Network:
    return build_network(NetworkSettings(network="efficientnet_b0", upsample_px=32, weights=weights), 7, 1, 24).eval()


def reference() -> torch.nn.Module:
    """torchvision's own network, its running statistics made unlike any start."""
    from torchvision.models import efficientnet_b0

    torch.manual_seed(9)
    network: torch.nn.Module = efficientnet_b0(weights=None).eval()
    for name, value in network.state_dict().items():
        if name.endswith("running_mean"):
            value.normal_(0.0, 0.01)
        elif name.endswith("running_var"):
            value.uniform_(0.1, 0.2)
    return network


def assert_has_the_trunk_of(network: Network, other: torch.nn.Module) -> None:
    """Gray faces are three equal channels, and features are torchvision's."""
    faces = torch.randn(2, 1, 32, 32)
    expected = other.avgpool(other.features(faces.repeat(1, 3, 1, 1))).flatten(1)  # type: ignore[operator, union-attr]
    between_faces = (expected[0] - expected[1]).abs().max()
    assert (network.trunk(faces) - expected).abs().max() < 1e-3 * between_faces


def test_without_weights_it_starts_at_random() -> None:
    assert build()(torch.randn(2, 1, 24, 24)).shape == (2, 7)


@pytest.mark.parametrize("weights", ["imagenet", "nowhere/weights.safetensors"])
def test_a_missing_file_says_what_to_fetch_and_where_to_put_it(weights: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="Nothing is downloaded") as caught:
        build(weights)
    place = tmp_path / "torch/hub/checkpoints/efficientnet_b0_rwightman-7f5810bc.pth"
    assert str(place if weights == "imagenet" else weights) in str(caught.value)
    assert "https://download.pytorch.org/models/efficientnet_b0_rwightman-7f5810bc.pth" in str(caught.value)


def test_a_safetensors_file_fills_the_trunk(tmp_path: Path) -> None:
    other = reference()
    save_file(other.state_dict(), tmp_path / "b0.safetensors")
    assert_has_the_trunk_of(build(str(tmp_path / "b0.safetensors")), other)


def test_torchvision_s_cached_file_fills_the_trunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    other = reference()
    folder = tmp_path / "torch/hub/checkpoints"
    folder.mkdir(parents=True)
    cached = folder / "efficientnet_b0_rwightman-7f5810bc.pth"
    torch.save(other.state_dict(), cached)
    with pytest.raises(WeightsError, match="7f5810bc"):
        build("imagenet")
    monkeypatch.setattr(module, "WEIGHTS_DIGEST", hashlib.sha256(cached.read_bytes()).hexdigest()[:8])
    assert_has_the_trunk_of(build("imagenet"), other)


def test_the_address_is_torchvision_s_own() -> None:
    from torchvision.models import EfficientNet_B0_Weights

    assert EfficientNet_B0_Weights.IMAGENET1K_V1.url == module.WEIGHTS_URL


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    state = reference().state_dict()
    state["features.0.0.weight"] = torch.zeros(32, 1, 3, 3)
    save_file(state, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="not the weights of torchvision's efficientnet_b0"):
        build(str(tmp_path / "other.safetensors"))


def test_a_damaged_safetensors_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\x00")
    with pytest.raises(WeightsError, match=r"cut\.safetensors"):
        build(str(tmp_path / "cut.safetensors"))
