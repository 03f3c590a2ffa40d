"""Two processes against one, on the same global batches; and broken off in the middle."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

ROOT = Path(__file__).parents[2]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}

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
    linear = nn.Sequential(nn.Flatten(), nn.Linear(144, 3)).eval()
    teachers = [linear] if sys.argv[4] else []
    task = make_task(network, train=train, val=val, batch_size=batch, teachers=teachers)
    settings = dataclasses.replace(SETTINGS, epochs=3, distill_once=sys.argv[4] == "once")
    trainer = Trainer(task, settings, AugmentSettings(), None, CPU, ranks)
    trained = trainer.fit(quiet)
    if ranks.leads:
        figures = {k: torch.tensor(v) for k, v in trained.history[-1].items() if k.startswith("val_")}
        save_file({**trained.network.state_dict(), **figures}, output)
"""


@pytest.mark.cluster
@pytest.mark.parametrize(("rows", "taught"), [(128, ""), (150, ""), (150, "each"), (150, "once")])
def test_two_ranks_equal_one(tmp_path: Path, rows: int, taught: str) -> None:
    """150 rows leave 22 in the last batch: 16 on the first rank, 6 and padding on the second."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    for start, target, batch in (([sys.executable], one, 32), (TORCHRUN, two, 16)):
        command = [*start, str(program), str(target), str(batch), str(rows), taught]
        subprocess.run(command, cwd=ROOT, env=ENV, check=True, timeout=400)
    alone, together = load_file(one), load_file(two)
    assert alone.keys() == together.keys()
    for key, value in alone.items():
        assert torch.allclose(value, together[key], atol=1e-5), key


BROKEN_OFF = """
import dataclasses, os, sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from torch import nn
from fer_spark.training.augment_settings import AugmentSettings
from fer_spark.training.ranks import joined
from fer_spark.training.trainer import Trainer
from tests.training.memory import MemorySource, stripes
from tests.training.test_trainer import CPU, SETTINGS, make_task

torch.set_num_threads(1)
output, how = Path(sys.argv[1]), sys.argv[2]
with joined("cpu") as ranks:
    seen = []

    def listen(event, figures):
        seen.append((event, figures.get("step"), figures.get("text")))
        if how == "die" and ranks.rank == 1 and figures.get("step") == 25 + 20:
            os._exit(9)

    def should_stop():
        return how == "stop" and ranks.rank == 1 and len([1 for event, *_ in seen if event == "step"]) >= 5

    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(200, 3))
    train = MemorySource(*stripes(800), 16, rank=ranks.rank, world=ranks.world)
    settings = dataclasses.replace(SETTINGS, epochs=3, checkpoint_minutes=0)
    task = make_task(network, train=train, val=None, batch_size=16)
    trained = Trainer(task, settings, AugmentSettings(), output / "checkpoints", CPU, ranks).fit(listen, should_stop)
    steps = [str(step) for event, step, _ in seen if event == "step"]
    notes = [text for *_, text in seen if text]
    (output / f"rank-{ranks.rank}").write_text(" ".join([str(trained.finished), steps[0], steps[-1], *notes]))
    if ranks.leads:
        save_file(dict(trained.network.state_dict()), output / "weights.safetensors")
"""


@pytest.mark.kill
def test_two_ranks_go_on_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    """An epoch has 25 batches. Of those that died at step 45, 16 batches into epoch 1 were kept (step 41)."""

    def run(directory: str, how: str) -> subprocess.CompletedProcess[bytes]:
        (tmp_path / directory).mkdir(exist_ok=True)
        return subprocess.run([*TORCHRUN, str(program), str(tmp_path / directory), how], cwd=ROOT, env=ENV, timeout=400)

    program = tmp_path / "program.py"
    program.write_text(BROKEN_OFF)
    assert run("whole", "through").returncode == 0
    assert run("broken", "die").returncode != 0
    assert not (tmp_path / "broken" / "weights.safetensors").exists()
    assert run("broken", "through").returncode == 0
    assert run("stopped", "stop").returncode == 0
    stopped = [(tmp_path / "stopped" / f"rank-{rank}").read_text() for rank in (0, 1)]
    assert stopped == ["False 1 16"] * 2  # rank 1 alone was asked to stop, at step 5
    assert run("stopped", "through").returncode == 0
    on = {name: (tmp_path / name / "rank-1").read_text() for name in ("whole", "broken", "stopped")}
    assert on == {
        "whole": "True 1 75",
        "broken": "True 42 75 resuming at epoch 1, batch 16",
        "stopped": "True 17 75 resuming at epoch 0, batch 16",
    }
    whole, *others = (load_file(tmp_path / name / "weights.safetensors") for name in on)
    for other in others:
        assert all(torch.equal(value, other[key]) for key, value in whole.items())
