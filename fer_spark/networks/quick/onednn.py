"""Residual trunks in bfloat16 on a CPU: weights laid out once, ReLU and shortcut computed with the convolution.

The first convolution stays in float32: rounding the pixels would cost more than all other rounding together, and it is
a hundredth of the work.

These operators are what torch's compiler emits for CPUs. They are no public interface, so a trunk is tried against the
layers it stands for before it is used.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from fer_spark.networks.kinds.resnet import AveragePool, BasicBlock, SqueezeExcite, StochasticDepth

_BATCH = 16
"""Faces that weights are laid out for; other numbers are right too, and nearly as fast."""

_TOLERANCE = 0.05
"""Largest difference of a feature, as a share of the largest feature; bfloat16 alone makes about a hundredth."""


def quick_trunk(trunk: nn.Module, channels: int, side_px: int) -> QuickTrunk | None:
    """The trunk of a `resnet` without batch norms, in bfloat16; None where that cannot be had."""
    if not torch.backends.mkldnn.is_available() or not is_plain_resnet(trunk):  # type: ignore[no-untyped-call]
        return None
    faces = torch.randn((2, channels, side_px, side_px), generator=torch.Generator().manual_seed(0))
    try:
        if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            return None
        quick = QuickTrunk(trunk, channels, side_px)
        with torch.inference_mode():
            expected, found = trunk(faces), quick(faces)
    except (AttributeError, RuntimeError, TypeError):  # another torch, or a processor that lacks them
        return None
    return quick if (found - expected).abs().max() <= _TOLERANCE * expected.abs().max() else None


class QuickTrunk(nn.Module):
    """Faces (N, C, S, S) float → features (N, F) float, by bfloat16."""

    def __init__(self, trunk: nn.Module, channels: int, side_px: int) -> None:
        super().__init__()
        stem, *stages, _ = trunk.children()
        first, *others = (layer for layer in stem.children() if isinstance(layer, nn.Conv2d))
        blocks = [block for stage in stages for block in stage.children()]
        self.stem: nn.Module = stem
        self.first_block: nn.Module = blocks[0]
        self._first = first
        shape = _shape_after(first, (_BATCH, channels, side_px, side_px))
        self._others = []
        for layer in others:
            self._others.append(_Convolution(layer, shape, "relu"))
            shape = self._others[-1].shape
        self._blocks = []
        for block in blocks:
            assert isinstance(block, BasicBlock)
            self._blocks.append(_Block(block, shape))
            shape = self._blocks[-1].shape

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self._first(faces)).to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
        for convolution in self._others:
            x = convolution(x)
        return self._end(self._blocks, x)

    def after_first_block(self, x: torch.Tensor) -> torch.Tensor:
        """What the first block gives (N, F, H, W) → features (N, F') float."""
        return self._end(self._blocks[1:], x.to(torch.bfloat16))

    def _end(self, blocks: list[_Block], x: torch.Tensor) -> torch.Tensor:
        for block in blocks:
            x = block(x)
        return x.float().mean(dim=(2, 3))


def _shape_after(layer: nn.Conv2d, inputs: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    down = layer.stride[0]
    return (inputs[0], layer.out_channels, -(-inputs[2] // down), -(-inputs[3] // down))


class _Convolution:
    """One convolution of batches like `inputs` (N, C, H, W), and what follows it: "relu" or "none"."""

    def __init__(self, layer: nn.Conv2d, inputs: tuple[int, int, int, int], then: str) -> None:
        self._how: tuple[Any, ...] = (
            list(map(int, layer.padding)),
            list(layer.stride),
            list(layer.dilation),
            layer.groups,
        )
        weight = layer.weight.detach().to(torch.bfloat16).to_mkldnn()
        operators: Any = torch._C._nn
        self._weight = operators.mkldnn_reorder_conv2d_weight(weight, *self._how, list(inputs))
        self.bias = None if layer.bias is None else layer.bias.detach()
        """In float32, but for `plus`, whose operator wants it in bfloat16."""
        self._then = then
        self.shape = _shape_after(layer, inputs)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        call = torch.ops.mkldnn._convolution_pointwise
        answer: torch.Tensor = call(x, self._weight, self.bias, *self._how, self._then, [], "")
        return answer

    def take_bias(self, other: _Convolution) -> None:
        """Add the bias of a convolution whose outcome is added to this one's, here in float32 and not there."""
        if other.bias is not None:
            self.bias, other.bias = other.bias if self.bias is None else self.bias + other.bias, None

    def plus(self, x: torch.Tensor, shortcut: torch.Tensor) -> torch.Tensor:
        """ReLU of the convolution of x plus `shortcut`."""
        call = torch.ops.mkldnn._convolution_pointwise.binary
        bias = None if self.bias is None else self.bias.to(torch.bfloat16)
        answer: torch.Tensor = call(x, shortcut, self._weight, bias, *self._how, "add", 1.0, "relu", [], "")
        return answer


class _Block:
    """A BasicBlock: two convolutions, perhaps a gate, and a shortcut that may average and change the width."""

    def __init__(self, block: BasicBlock, inputs: tuple[int, int, int, int]) -> None:
        first, second = (layer for layer in block.branch.children() if isinstance(layer, nn.Conv2d))
        self._first = _Convolution(first, inputs, "relu")
        self._second = _Convolution(second, self._first.shape, "none")
        self.shape = self._second.shape
        self._gate = next((layer.gate for layer in block.branch.children() if isinstance(layer, SqueezeExcite)), None)
        self._shortcut: list[Any] = []
        for layer in block.shortcut.children():
            if isinstance(layer, nn.AvgPool2d):
                self._shortcut.append(layer)
            elif isinstance(layer, nn.Conv2d):
                self._shortcut.append(_Convolution(layer, (inputs[0], inputs[1], *self.shape[2:]), "none"))
                if self._gate is None:
                    self._shortcut[-1].take_bias(self._second)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x
        for layer in self._shortcut:
            shortcut = layer(shortcut)
        if self._gate is None:
            return self._second.plus(self._first(x), shortcut)
        y = self._second(self._first(x))
        gate = self._gate(y.float().mean(dim=(2, 3))).to(torch.bfloat16)
        return y.mul_(gate[:, :, None, None]).add_(shortcut).relu_()


def is_plain_resnet(trunk: nn.Module) -> bool:
    """A stem, stages of BasicBlocks and an AveragePool, with nothing in them that QuickTrunk does not know."""
    layers = (nn.Sequential, nn.Conv2d, nn.ReLU, nn.Identity, nn.AvgPool2d, nn.Linear, nn.Sigmoid)
    known = (*layers, BasicBlock, AveragePool, StochasticDepth, SqueezeExcite)
    stages = list(trunk.children())[1:]
    last = stages.pop() if stages else None
    blocks = [block for stage in stages for block in stage.children()]
    return (
        isinstance(last, AveragePool)
        and bool(blocks)
        and all(isinstance(block, BasicBlock) for block in blocks)
        and all(isinstance(module, known) for module in trunk.modules())
    )
