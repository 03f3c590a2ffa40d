"""A bundle is whole or absent, never anything in between, and never a pickle."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from fer_spark.networks import places
from fer_spark.networks.bundle import BundleError, load_bundle, save_bundle, shipped_bundles
from tests.networks.cards import pictures, tiny


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.set_num_threads(1)
    save_bundle(tmp_path / "bundle", *tiny())
    return tmp_path / "bundle"


def edit_card(directory: Path, **changes: Any) -> None:
    card = json.loads((directory / "card.json").read_text())
    (directory / "card.json").write_text(json.dumps({**card, **changes}))


def swap_weights(directory: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    """Alter the weights, and let the card vouch for the altered file."""
    import hashlib

    state = load_file(directory / "weights.safetensors")
    change(state)
    save_file(state, directory / "weights.safetensors")
    digest = hashlib.sha256((directory / "weights.safetensors").read_bytes()).hexdigest()
    edit_card(directory, weights_sha256=digest)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 2, "package_version": "9.1"}, "format version 2.*by fer_spark 9.1: update fer_spark"),
        ({"format_version": "1"}, "format version 1"),
        ({"label_names": ["angry", "happy"]}, "2 names, the network has 3 classes"),
        ({"label_names": ["angry", "happy", "happy"]}, "expected distinct names"),
        ({"label_names": "ahs"}, "label_names is 'ahs', expected list"),
        ({"image": {"size_px": 20, "mode": "cmyk"}}, "expected mode gray or rgb"),
        ({"image": {"size_px": 20, "mode": "rgb"}}, "the network takes 1 channels"),
        ({"image": {"size_px": 20}}, "mode"),
        ({"mean": [0.4, 0.4]}, r"mean: \[0.4, 0.4\], expected 1 finite"),
        ({"mean": ["0.4"]}, "mean"),
        ({"std": [0]}, "must be positive"),
        ({"temperature": 0}, "must be positive"),
        ({"temperature": True}, "temperature is True"),
        ({"views": "eleven"}, "expected one of single, flip, ten"),
        ({"crop_px": 21}, "at most the picture's 20"),
        (
            {"network": "resnet152"},
            "this release knows deep_cnn, efficientnet_b0, efficientnet_lite0, resnet, small_cnn",
        ),
        ({"unheard_of": 1}, "unheard_of"),
        ({"arguments": {"classes": 3, "channels": 1}}, "widths"),
        ({"weights_sha256": ""}, "card.json says nothing"),
    ],
)
def test_a_card_that_cannot_be_is_an_error_that_says_why(saved: Path, changes: dict[str, Any], message: str) -> None:
    edit_card(saved, **changes)
    with pytest.raises(BundleError, match=message) as caught:
        load_bundle(saved)
    assert str(saved) in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format_version": 1}', "\udcff"])
def test_a_damaged_card_is_an_error(saved: Path, text: str) -> None:
    (saved / "card.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BundleError, match="not a fer_spark card, or damaged"):
        load_bundle(saved)


@pytest.mark.parametrize(
    "arguments",
    [
        {"widths": [10**9, 10**9], "blocks": [1, 1]},
        {"widths": [-1, 2], "blocks": [1, 1]},
        {"widths": [], "blocks": []},
        {"widths": [8, 16], "blocks": [1, 2]},
        {"widths": "8-16", "blocks": [1, 1]},
        {"widths": [8, 16], "blocks": [1, 1], "dropout": 7},
        {"widths": [8, 16], "blocks": [1, 1], "stem_stride": 0},
    ],
)
def test_arguments_that_the_weights_do_not_fit_are_an_error(saved: Path, arguments: dict[str, Any]) -> None:
    edit_card(saved, arguments={"classes": 3, "channels": 1, **arguments})
    with pytest.raises(BundleError, match="weights and card do not fit"):
        load_bundle(saved)


def test_weights_that_are_not_the_card_s_are_an_error(saved: Path) -> None:
    content = bytearray((saved / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (saved / "weights.safetensors").write_bytes(content)
    with pytest.raises(BundleError, match="damaged or belongs to another bundle"):
        load_bundle(saved)


def test_missing_weights_are_an_error(saved: Path) -> None:
    (saved / "weights.safetensors").unlink()
    with pytest.raises(BundleError, match=r"weights\.safetensors: no such file, but card\.json is there"):
        load_bundle(saved)


def test_a_tensor_of_another_shape_is_named(saved: Path) -> None:
    swap_weights(saved, lambda state: state.update({"head.classes.weight": torch.zeros(3, 17)}))
    with pytest.raises(BundleError, match=r"'head.classes.weight': expected shape \(3, 16\), got \(3, 17\)"):
        load_bundle(saved)


def test_a_missing_and_a_strange_tensor_are_named(saved: Path) -> None:
    swap_weights(saved, lambda state: state.update({"zoo": torch.zeros(1)}))
    with pytest.raises(BundleError, match="'zoo' is unknown to the network"):
        load_bundle(saved)
    swap_weights(saved, lambda state: (state.pop("zoo"), state.pop("head.classes.bias"))[0] and None)
    with pytest.raises(BundleError, match=r"'head\.classes\.bias' is not among the weights"):
        load_bundle(saved)


def test_a_directory_without_a_card_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"there is no card\.json; a bundle is a directory"):
        load_bundle(tmp_path)


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.target),)


def test_a_pickle_is_refused_unopened(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    torch.save({"weights": Bomb(tmp_path / "exploded")}, folder / "model.pt")
    for offered in (folder, folder / "model.pt"):
        with pytest.raises(BundleError, match=r"pickled weights are never loaded.*save_bundle"):
            load_bundle(offered)
    shutil.copy(folder / "model.pt", folder / "weights.safetensors")
    save_bundle(tmp_path / "good", *tiny())
    shutil.copy(tmp_path / "good/card.json", folder / "card.json")
    with pytest.raises(BundleError, match="damaged or belongs to another"):
        load_bundle(folder)
    import hashlib

    edit_card(folder, weights_sha256=hashlib.sha256((folder / "model.pt").read_bytes()).hexdigest())
    with pytest.raises(BundleError, match="do not fit"):
        load_bundle(folder)
    assert not (tmp_path / "exploded").exists()


def test_a_file_that_is_no_directory_says_what_to_give(saved: Path) -> None:
    with pytest.raises(BundleError, match="give the directory"):
        load_bundle(saved / "weights.safetensors")


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that ships two bundles, `one` and `two`."""
    for seed, name in enumerate(("two", "one")):
        save_bundle(tmp_path / "package/pretrained" / name, *tiny(seed, name=name))
    (tmp_path / "package/pretrained/notes").mkdir()
    monkeypatch.setattr(places, "files", lambda package: tmp_path / "package")
    return tmp_path / "package/pretrained"


def test_a_plain_name_is_a_shipped_bundle_and_a_path_is_a_directory(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_bundle("one", *tiny(7, name="mine"))
    assert shipped_bundles() == ["one", "two"]
    assert load_bundle("one").card.name == "one"
    assert load_bundle("./one").card.name == load_bundle(Path("one")).card.name == "mine"


def test_an_unknown_name_lists_what_is_shipped(shipped: Path) -> None:
    for name in ("three", "notes", "no/such/place"):
        with pytest.raises(BundleError, match="come with fer_spark are: one, two"):
            load_bundle(name)


def test_a_bundle_loads_from_a_zipped_package(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import zipfile

    archive = Path(shutil.make_archive(str(tmp_path / "package"), "zip", shipped.parent))
    monkeypatch.setattr(places, "files", lambda package: zipfile.Path(archive))
    expected = load_bundle(shipped / "one").predict_proba(pictures(3))
    assert np.array_equal(load_bundle("one").predict_proba(pictures(3)), expected)
    with pytest.raises(BundleError, match="one, two"):
        load_bundle("three")


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("killed_at", range(8))
def test_a_kill_at_any_step_leaves_the_old_bundle_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int, old: bool
) -> None:
    target, faces = tmp_path / "bundle", pictures(3)
    if old:
        save_bundle(target, *tiny(0))
    save_bundle(tmp_path / "new", *tiny(1))
    expected = {load_bundle(place).digest for place in (target, tmp_path / "new") if place.exists()}
    steps = 0

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps > killed_at:
                raise KeyboardInterrupt
            return call(*arguments, **options)

        return step

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", counted(os.fsync))
        patched.setattr(Path, "replace", counted(Path.replace))
        patched.setattr(Path, "unlink", lambda *_, **__: None)  # a killed process tidies nothing up
        try:
            save_bundle(target, *tiny(1))
            finished = True
        except KeyboardInterrupt:
            finished = False
    assert finished == (killed_at >= 5)
    if (target / "card.json").exists():
        assert load_bundle(target).digest in expected
    else:
        assert not old
        with pytest.raises(BundleError, match="no bundle here"):
            load_bundle(target)
    save_bundle(target, *tiny(1))
    assert np.array_equal(load_bundle(target).predict_proba(faces), load_bundle(tmp_path / "new").predict_proba(faces))


def test_a_network_that_does_not_fit_its_card_is_refused_before_anything_is_written(saved: Path) -> None:
    before = (saved / "card.json").read_bytes()
    network, card = tiny(widths="8-24")
    _, other = tiny()
    with pytest.raises(ValueError, match="expected shape"):
        save_bundle(saved, network, other)
    with pytest.raises(ValueError, match="unwrapped"):
        save_bundle(saved, torch.nn.Sequential(network), card)  # type: ignore[arg-type]
    assert (saved / "card.json").read_bytes() == before
    load_bundle(saved)


@pytest.mark.parametrize(("value", "dtype"), [(float("nan"), "float32"), (float("inf"), "float32"), (7e4, "float16")])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, value: float, dtype: str) -> None:
    network, card = tiny()
    torch.nn.init.constant_(network.head.classes.weight, value)
    with pytest.raises(ValueError, match=r"head\.classes\.weight"):
        save_bundle(tmp_path / "b", network, card, weights_dtype=dtype)
    assert not (tmp_path / "b").exists()


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    network, card = tiny()
    save_bundle(tmp_path / "a", network, card)
    save_bundle(tmp_path / "b", network.to(memory_format=torch.channels_last), card)  # type: ignore[call-overload]
    for name in ("card.json", "weights.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_metrics_may_hold_numpy_and_nan(tmp_path: Path) -> None:
    network, card = tiny(metrics={"accuracy": np.float32(0.5), "ccc": float("nan"), "recall": np.array([0.25, np.inf])})
    save_bundle(tmp_path, network, card)
    assert load_bundle(tmp_path).card.metrics == {"accuracy": 0.5, "ccc": None, "recall": [0.25, None]}
