"""Steps that a GPU records and replays end where plain ones do, through changes of size, teachers and resumption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from fer_spark.training.augment_settings import AugmentSettings
from fer_spark.training.graphs import RecordedSteps
from fer_spark.training.ranks import Ranks
from fer_spark.training.settings import TrainSettings
from fer_spark.training.trainer import Trained, Trainer
from tests.training.test_trainer import make_task

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


def bright(images: torch.Tensor) -> torch.Tensor:
    return torch.stack([images.mean(dim=(1, 2, 3)) * scale for scale in (1.0, 5.0, -3.0)], dim=1)


def network(seed: int = 0) -> nn.Module:
    """Takes pictures of any side; dropout draws on the GPU."""
    torch.manual_seed(seed)
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten()),
        *(nn.Dropout(0.2), nn.Linear(72, 3)),
    )


def run(directory: Path | None, stop_after: int = -1, seed: int = 0, **changes: Any) -> Trained:
    device, steps = torch.device("cuda"), []
    task = make_task(network(seed), teachers=[bright] if changes.get("distill") else [])
    task.loss.to(device)  # type: ignore[attr-defined]
    settings = TrainSettings(
        **{"epochs": 4, "precision": "fp32", "ema_decay": 0.9, "learning_rate": 0.05, "sizes": "0.5:10", **changes}
    )

    def listen(event: str, figures: dict[str, Any]) -> None:
        if event == "step":
            steps.append(figures["step"])

    trainer = Trainer(task, settings, AugmentSettings(), directory, device, Ranks())
    return trainer.fit(listen, lambda: 0 <= stop_after <= len(steps))


WAYS: list[dict[str, Any]] = [
    {},
    {"mixup_alpha": 0.3},
    {"distill": ("bright",)},
    {"distill": ("bright",), "distill_versions": 2},
    {"distill": ("bright",), "distill_once": True},
    {"optimizer": "adamw", "learning_rate": 0.003},
]


@pytest.mark.parametrize("changes", WAYS, ids=lambda changes: "-".join(map(str, changes)))
def test_recorded_steps_end_where_plain_ones_do(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = []
    record = RecordedSteps._record

    def noted(self: RecordedSteps, *given: Any) -> Any:
        recorded.append(1)
        return record(self, *given)

    monkeypatch.setattr(RecordedSteps, "_record", noted)
    plain, graphs = run(None, cuda_graphs=False, **changes), run(None, **changes)
    assert len(recorded) >= 2, "one for each size"
    for ours, theirs in zip(graphs.history, plain.history, strict=True):
        assert ours["train_loss"] == pytest.approx(theirs["train_loss"], rel=2e-3)
    for ours, theirs in zip(graphs.network.parameters(), plain.network.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=5e-3)


def test_a_stopped_run_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = run(None)
    assert not run(tmp_path, 13).finished
    rest = run(tmp_path, seed=77)
    for ours, theirs in zip(rest.network.parameters(), whole.network.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=5e-3)
