"""Checkpoints: all that a training needs to resume; tensors in safetensors, the rest in JSON, never a pickle."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from fer_spark.artifacts import replace_directory

_TENSORS, _STATE = "tensors.safetensors", "state.json"


class CheckpointError(Exception):
    """A checkpoint is damaged, or belongs to a run with other settings."""


@dataclass(frozen=True)
class Checkpoint:
    """`tensors` by name; `state` holds plain JSON: where the run is, its history, the settings it belongs to."""

    tensors: dict[str, torch.Tensor]
    state: dict[str, Any]


def save_checkpoint(directory: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint in `directory`; a crash at any point leaves the old one or the new one, whole."""

    def fill(aside: Path) -> None:
        save_file({key: value.contiguous().cpu() for key, value in checkpoint.tensors.items()}, aside / _TENSORS)
        (aside / _STATE).write_text(json.dumps(checkpoint.state), encoding="utf-8")

    final = directory / f"step-{checkpoint.state['step']:09d}"
    replace_directory(final, fill)
    for other in directory.iterdir():
        if other != final:
            shutil.rmtree(other, ignore_errors=True)


def load_checkpoint(directory: Path) -> Checkpoint | None:
    """The newest whole checkpoint; None where there is none. Raises CheckpointError naming a damaged file."""
    found = sorted(directory.glob("step-*")) if directory.is_dir() else []
    if not found:
        return None
    try:
        state = json.loads((found[-1] / _STATE).read_text(encoding="utf-8"))
        return Checkpoint(load_file(found[-1] / _TENSORS), state)
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(
            f"{found[-1]}: not a checkpoint, or damaged ({error}); delete {directory} to start again"
        ) from error


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimiser's tensors (momentum, moments, step counts) by a flat name: `parameter number.entry`."""
    flat: dict[str, torch.Tensor] = {}
    for number, entries in optimizer.state_dict()["state"].items():
        for key, value in entries.items():
            if isinstance(value, torch.Tensor):
                flat[f"{number}.{key}"] = value
    return flat


def restore_optimizer(optimizer: torch.optim.Optimizer, flat: dict[str, torch.Tensor]) -> None:
    """Undo `optimizer_tensors`."""
    content = optimizer.state_dict()
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in flat.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": content["param_groups"]})
