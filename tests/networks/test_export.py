"""An exported graph computes what its bundle does, for any number of pictures, and says what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fer_spark.cli import main
from fer_spark.networks import export
from fer_spark.networks.bundle import Bundle, load_bundle, save_bundle
from fer_spark.networks.export import ExportError, export_bundle
from tests.networks.cards import LABELS, pictures, tiny

VARIANTS: list[dict[str, Any]] = [
    {"views": "ten", "crop_px": 15, "va_head": True, "temperature": 1.7},
    {"views": "flip", "mode": "rgb"},
    {"views": "single", "network": "deep_cnn"},
]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def fed(faces: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return (faces[:, None] if faces.ndim == 3 else faces.transpose(0, 3, 1, 2)).astype(np.float32)


@pytest.mark.parametrize("changes", VARIANTS, ids=lambda changes: changes["views"])
def test_onnx_equals_the_bundle(changes: dict[str, Any], tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    network, card = tiny(name="tiny", **changes)
    bundle = Bundle(card, network)
    assert export_bundle(bundle, "onnx", tmp_path / "faces.onnx") <= 1e-5
    assert [path.name for path in tmp_path.iterdir()] == ["faces.onnx"]
    session = onnxruntime.InferenceSession(str(tmp_path / "faces.onnx"))
    for count in (1, 4, 33):
        faces = pictures(count, card.image.shape, seed=count)
        outputs = session.run(None, {"pixels": fed(faces)})
        probabilities, valence_arousal = bundle.predict(faces)
        assert np.abs(outputs[0] - probabilities).max() < 1e-5
        assert len(outputs) == (1 if valence_arousal is None else 2)
        assert valence_arousal is None or np.abs(outputs[1] - valence_arousal).max() < 1e-5
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["labels"]) == LABELS
    assert (metadata["bundle"], metadata["bundle_digest"]) == ("tiny", bundle.digest)


@pytest.mark.parametrize("changes", VARIANTS, ids=lambda changes: changes["views"])
def test_torch_export_equals_the_bundle(changes: dict[str, Any], tmp_path: Path) -> None:
    network, card = tiny(**changes)
    bundle = Bundle(card, network)
    assert export_bundle(bundle, "torch-export", tmp_path / "faces.pt2") <= 1e-5
    extra = {"labels": ""}
    module = torch.export.load(tmp_path / "faces.pt2", extra_files=extra).module()
    assert json.loads(extra["labels"]) == LABELS
    for count in (1, 33):
        faces = pictures(count, card.image.shape, seed=count)
        outputs = module(torch.from_numpy(fed(faces)))
        probabilities = outputs[0] if card.arguments["va_head"] else outputs
        assert np.abs(probabilities.detach().numpy() - bundle.predict_proba(faces)).max() < 1e-5


@pytest.mark.parametrize("file_format", ["onnx", "torch-export"])
def test_a_graph_that_differs_is_not_published(
    file_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundle(*reversed(tiny()))  # type: ignore[arg-type]
    wrong = tiny(seed=5)[0]
    original = export.PixelProbabilities
    monkeypatch.setattr(export, "PixelProbabilities", lambda network, card: original(wrong, card))
    (tmp_path / "faces.pt2").write_text("what was there before")
    with pytest.raises(ExportError, match="away from the bundle, 1e-04 is allowed; nothing was published"):
        export_bundle(bundle, file_format, tmp_path / "faces.pt2")
    assert [path.name for path in tmp_path.iterdir()] == ["faces.pt2"]
    assert (tmp_path / "faces.pt2").read_text() == "what was there before"


def test_the_command_says_how_close_the_file_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_bundle(tmp_path / "bundle", *tiny())
    output = tmp_path / "deep/er/faces.pt2"
    command = ["export", "--bundle", str(tmp_path / "bundle"), "--output", str(output)]
    assert main([*command, "--format", "torch-export"]) == 0
    assert "largest difference from the bundle 0.0e+00" in capsys.readouterr().out
    assert output.is_file()


def test_the_command_names_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--bundle", str(tmp_path / "none"), "--output", "x.onnx"]) == 1
    assert "no such directory" in capsys.readouterr().err
    assert main(["export", "--bundle", str(tmp_path / "none")]) == 2
    assert "--output" in capsys.readouterr().err


def test_a_bundle_in_bfloat16_is_refused(tmp_path: Path) -> None:
    save_bundle(tmp_path / "bundle", *tiny())
    with pytest.raises(ValueError, match="float32 to export"):
        export_bundle(load_bundle(tmp_path / "bundle", bf16=True), "onnx", tmp_path / "faces.onnx")
