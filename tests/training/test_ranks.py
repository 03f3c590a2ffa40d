"""Two processes against one, on the same global batches."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

PROGRAM = """
import sys
import torch
from safetensors.torch import save_file
from torch import nn
from fer_spark.training.augment_settings import AugmentSettings
from fer_spark.training.ranks import joined
from fer_spark.training.trainer import Trainer
from tests.training.memory import MemorySource, stripes
from tests.training.test_trainer import CPU, SETTINGS, make_task, quiet
import dataclasses

torch.set_num_threads(1)
output, batch, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with joined("cpu") as ranks:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(200, 3))
    images, labels = stripes(rows)
    train = MemorySource(images, labels, batch, rank=ranks.rank, world=ranks.world)
    val = MemorySource(*stripes(101, seed=9), 50 // ranks.world, shuffle=False, rank=ranks.rank, world=ranks.world)
    task = make_task(network, train=train, val=val, batch_size=batch)
    trainer = Trainer(task, dataclasses.replace(SETTINGS, epochs=3), AugmentSettings(), None, CPU, ranks)
    trained = trainer.fit(quiet)
    if ranks.leads:
        figures = {k: torch.tensor(v) for k, v in trained.history[-1].items() if k.startswith("val_")}
        save_file({**trained.network.state_dict(), **figures}, output)
"""


@pytest.mark.parametrize("rows", [128, 150])
def test_two_ranks_equal_one(tmp_path: Path, rows: int) -> None:
    """150 rows leave 22 in the last batch: 16 on the first rank, 6 and padding on the second."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    root = Path(__file__).parents[2]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for start, target, batch in (([sys.executable], one, 32), (torchrun, two, 16)):
        command = [*start, str(program), str(target), str(batch), str(rows)]
        subprocess.run(command, cwd=root, env={**_environment(), "PYTHONPATH": str(root)}, check=True, timeout=240)
    alone, together = load_file(one), load_file(two)
    assert alone.keys() == together.keys()
    for key, value in alone.items():
        assert torch.allclose(value, together[key], atol=1e-5), key


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "OMP_NUM_THREADS": "1"}
