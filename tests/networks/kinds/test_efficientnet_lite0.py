"""EfficientNet-Lite0 pads as TensorFlow does, and has the published features with the published weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fer_spark.networks.build import build_network
from fer_spark.networks.kind import WeightsError
from fer_spark.networks.kinds import efficientnet_lite0 as module
from fer_spark.networks.network import Network
from fer_spark.networks.settings import NetworkSettings

CACHED = module.cached_file()  # before a test moves the cache


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def build(weights: str = "", px: int = 32) -> Network:
    settings = NetworkSettings(network="efficientnet_lite0", upsample_px=px, weights=weights)
    return build_network(settings, 7, 1, 24).eval()


def published(seed: int = 4) -> dict[str, torch.Tensor]:
    """A state by the published file's names, with values of its own, and its classes."""
    torch.manual_seed(seed)
    ends = {ours: theirs for theirs, ours in module._ENDS.items()}
    parts = {ours: theirs for theirs, ours in module._PARTS.items()}
    state = {"_fc.weight": torch.randn(1000, 1280), "_fc.bias": torch.randn(1000)}
    for name, value in module.Features().state_dict().items():
        words = name.split(".")
        if words[0] == "blocks":
            theirs = ["_blocks", words[1], parts[".".join(words[2:4])], words[4]]
        else:
            theirs = [ends[".".join(words[:2])], words[2]]
        state[".".join(theirs)] = torch.rand_like(value) + 0.1 if value.is_floating_point() else value
    return state


@pytest.mark.parametrize(
    ("side", "kernel", "stride"), [(7, 3, 2), (8, 3, 2), (7, 5, 2), (8, 5, 2), (6, 3, 1), (5, 1, 1)]
)
def test_convolutions_pad_as_tensorflow_s_same(side: int, kernel: int, stride: int) -> None:
    """Output i is centred where SAME has it: of an odd pad the larger part is right and below."""
    convolution = module.SameConv(1, 1, kernel, stride, bias=False)
    torch.nn.init.ones_(convolution.weight)
    picture = torch.rand(1, 1, side, side + 1)
    found = convolution(picture)[0, 0]
    total = [max((-(-of // stride) - 1) * stride + kernel - of, 0) for of in picture.shape[2:]]
    assert tuple(found.shape) == tuple(-(-of // stride) for of in picture.shape[2:])
    for row in range(found.shape[0]):
        for column in range(found.shape[1]):
            top, left = row * stride - total[0] // 2, column * stride - total[1] // 2
            inside = picture[0, 0, max(top, 0) : top + kernel, max(left, 0) : left + kernel]
            assert found[row, column].item() == pytest.approx(inside.sum().item(), rel=1e-5)


def test_the_published_file_fills_the_trunk_by_itself_and_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    source = tmp_path / "lite0.pth"
    torch.save(published(), source)
    with pytest.raises(WeightsError, match="57934424"):
        build(str(source))
    monkeypatch.setattr(module, "WEIGHTS_DIGEST", hashlib.sha256(source.read_bytes()).hexdigest()[:8])
    with pytest.raises(WeightsError, match=r"efficientnet_lite0\.safetensors: no such file.*make weights"):
        build("imagenet")
    module.convert(source, module.cached_file())
    assert "_fc.weight" not in load_file(module.cached_file())
    faces = torch.randn(2, 1, 24, 24)
    assert torch.equal(build(str(source)).trunk(faces), build("imagenet").trunk(faces))
    assert not torch.equal(build().trunk(faces), build("imagenet").trunk(faces))


def test_weights_of_another_network_are_neither_loaded_nor_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    source = tmp_path / "other.pth"
    torch.save({**published(), "_conv_stem.weight": torch.zeros(8, 3, 3, 3)}, source)
    monkeypatch.setattr(module, "WEIGHTS_DIGEST", hashlib.sha256(source.read_bytes()).hexdigest()[:8])
    with pytest.raises(WeightsError, match="not the weights of EfficientNet-Lite0"):
        build(str(source))
    with pytest.raises(WeightsError, match="not the weights of EfficientNet-Lite0"):
        module.convert(source, tmp_path / "made.safetensors")
    assert not (tmp_path / "made.safetensors").exists()


@pytest.mark.skipif(not CACHED.exists(), reason="no ImageNet weights of EfficientNet-Lite0: make weights")
def test_with_the_published_weights_features_are_those_of_the_package_that_publishes_them() -> None:
    """Sum and norm of the mean features of one made-up picture, as efficientnet-lite-pytorch 0.1.0 computes them."""
    network = build(str(CACHED), px=224)
    picture = torch.linspace(-1, 1, 224 * 224 * 3).reshape(1, 3, 224, 224).sin()
    with torch.no_grad():
        features = network.trunk.features(picture).mean(dim=(2, 3))[0]  # type: ignore[operator]
    assert features.sum().item() == pytest.approx(71.8677, rel=1e-4)
    assert features.norm().item() == pytest.approx(10.8785, rel=1e-4)
