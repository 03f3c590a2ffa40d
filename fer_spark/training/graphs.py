"""A step's operations recorded once on a GPU and replayed: Python then starts one graph instead of hundreds of kernels.

CUDA graphs as torch offers them (https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs): a recording reads its
inputs from, and leaves gradients and results in, memory that stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from fer_spark.training.pixels import sent

_WARM_UPS = 3
"""Steps of one kind that are computed plainly before one is recorded: libraries choose their kernels in them."""

Tensors = Mapping[str, torch.Tensor]
Compute = Callable[[Tensors], dict[str, torch.Tensor]]
"""Inputs on the device → results; leaves gradients in the parameters. Draws from torch's generators alone."""


@dataclass
class _Recording:
    graph: Any
    inputs: dict[str, torch.Tensor]
    results: dict[str, torch.Tensor]
    gradients: list[torch.Tensor | None]


class RecordedSteps:
    """Replays `compute` for inputs of the same names, shapes and `kind` as were recorded before."""

    def __init__(self, parameters: list[torch.nn.Parameter]) -> None:
        self._parameters = parameters
        self._recordings: dict[tuple[Any, ...], _Recording] = {}
        self._warmed: dict[tuple[Any, ...], int] = {}

    def run(self, compute: Compute, inputs: Tensors, kind: int, device: torch.device) -> Tensors:
        """The results, valid until the next call; gradients are in the parameters. Inputs may lie on the CPU."""
        key = (kind, *((name, tuple(value.shape), value.dtype) for name, value in inputs.items()))
        recording = self._recordings.get(key)
        if recording is None:
            on_device = {name: sent(value, device) for name, value in inputs.items()}
            self._warmed[key] = self._warmed.get(key, 0) + 1
            if self._warmed[key] <= _WARM_UPS:
                return compute(on_device)
            recording = self._recordings[key] = self._record(compute, on_device)
        for name, value in inputs.items():
            recording.inputs[name].copy_(sent(value, device))
        recording.graph.replay()
        for parameter, gradient in zip(self._parameters, recording.gradients, strict=True):
            parameter.grad = gradient
        return recording.results

    def _record(self, compute: Compute, inputs: dict[str, torch.Tensor]) -> _Recording:
        fixed = {name: value.clone() for name, value in inputs.items()}
        graph = torch.cuda.CUDAGraph()
        for parameter in self._parameters:
            parameter.grad = None
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # the reader's threads go on meanwhile
            results = compute(fixed)
        return _Recording(graph, fixed, results, [parameter.grad for parameter in self._parameters])
