"""A bundle as one graph for other runtimes: pixels in, calibrated probabilities out, checked before it is published.

Needs the `export` extra for ONNX (onnx, onnxscript, onnxruntime); torch.export needs torch alone.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fer_spark.artifacts import written_aside
from fer_spark.networks.bundle import Bundle
from fer_spark.networks.pixels import PixelProbabilities
from fer_spark.networks.settings import EXPORT_FORMATS

TOLERANCE = 1e-4
CHECKED_BATCHES = (1, 2, 5)
_SEED = 0

Run = Callable[[npt.NDArray[np.float32]], list[npt.NDArray[Any]]]


class ExportError(Exception):
    """A bundle cannot be exported, or the exported graph does not compute what the bundle does."""


def export_bundle(bundle: Bundle, file_format: str, output: str | Path) -> float:
    """Write the graph; returns its largest difference from the bundle in any output, on random pictures.

    The graph takes `pixels` (N, C, S, S) float32 in 0-255, any N ≥ 1, colour as RGB, and gives `probabilities` (N, K)
    and, with such a head, `valence_arousal` (N, 2). It standardises, takes the card's views and applies its temperature
    itself. The file appears under its name only when it equals the bundle within 1e-4 at several batch sizes; else
    ExportError, and what was there before stays.
    """
    if file_format not in EXPORT_FORMATS:
        raise ValueError(f"format {file_format!r}: expected one of {', '.join(EXPORT_FORMATS)}")
    if bundle.device.type != "cpu" or bundle.bf16:
        raise ValueError("load the bundle on the CPU in float32 to export it")
    output = Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(output, ".pt2") as aside:  # torch writes to no other ending
        run = _write_onnx(bundle, aside) if file_format == "onnx" else _write_torch(bundle, aside)
        difference = _difference(bundle, run)
        if not difference <= TOLERANCE:
            raise ExportError(
                f"{output}: the exported graph is {difference:.2e} away from the bundle, {TOLERANCE:.0e} is allowed; "
                "nothing was published"
            )
    return difference


def graph_metadata(bundle: Bundle) -> dict[str, str]:
    """What travels inside the graph's file: how to feed it and how to read what it gives."""
    card = bundle.card
    shape = f"(N, {card.channels}, {card.image.size_px}, {card.image.size_px})"
    return {
        "labels": json.dumps(bundle.labels),
        "input": f"pixels {shape} float32 in 0-255, {card.image.mode}",
        "outputs": "probabilities (N, K)" + ("; valence_arousal (N, 2) in [-1, 1]" if bundle.network.va_head else ""),
        "bundle": card.name,
        "bundle_digest": bundle.digest,
        "preparation": json.dumps(card.preparation),
        "licence": card.licence,
        "intended_use": card.intended_use,
    }


def _write_onnx(bundle: Bundle, path: Path) -> Run:
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  (torch.onnx needs it and says so less clearly)
    except ImportError as error:
        raise ExportError(f"ONNX needs {error.name}: pip install 'fer-spark[export]'") from error
    program = torch.onnx.export(
        _module(bundle),
        (_example(bundle),),
        input_names=["pixels"],
        output_names=_output_names(bundle),
        dynamic_shapes={"pixels": {0: torch.export.Dim("N", min=1)}},
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    program.model.metadata_props.update(graph_metadata(bundle))
    program.save(str(path), external_data=False)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda pixels: list(session.run(None, {"pixels": pixels}))


def _write_torch(bundle: Bundle, path: Path) -> Run:
    dynamic = {"pixels": {0: torch.export.Dim("N", min=1)}}
    exported = torch.export.export(_module(bundle), (_example(bundle),), dynamic_shapes=dynamic)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No complete tensor found")  # of use for weights on two devices alone
        torch.export.save(exported, path, extra_files=graph_metadata(bundle))
    module = torch.export.load(path).module()

    def run(pixels: npt.NDArray[np.float32]) -> list[npt.NDArray[Any]]:
        outputs = module(torch.from_numpy(pixels))
        return [output.detach().numpy() for output in (outputs if isinstance(outputs, tuple) else (outputs,))]

    return run


def _module(bundle: Bundle) -> PixelProbabilities:
    return PixelProbabilities(bundle.network, bundle.card).eval()


def _output_names(bundle: Bundle) -> list[str]:
    return ["probabilities", "valence_arousal"] if bundle.network.va_head else ["probabilities"]


def _example(bundle: Bundle) -> torch.Tensor:
    side = bundle.card.image.size_px
    return torch.zeros(3, bundle.card.channels, side, side)


def _difference(bundle: Bundle, run: Run) -> float:
    """The largest difference of any output over random pictures, in batches of several sizes."""
    random = np.random.default_rng(_SEED)
    largest = 0.0
    for size in CHECKED_BATCHES:
        images = random.integers(0, 256, (size, *bundle.card.image.shape), dtype=np.uint8)
        pixels = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
        expected = [part for part in bundle.predict(images) if part is not None]
        for by_bundle, by_graph in zip(expected, run(pixels.astype(np.float32)), strict=True):
            if by_bundle.shape != by_graph.shape:
                raise ExportError(f"the exported graph gives shape {by_graph.shape}, the bundle {by_bundle.shape}")
            largest = max(largest, float(np.abs(by_bundle - by_graph).max()))
    return largest
