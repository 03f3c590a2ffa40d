"""What a GPU gives, in pieces of minutes, each of which prints its table. `make gpu-check` runs `check`.

python -m tests.benchmarks.gpu check     the tests that need a GPU, then equal, step and predict; under nine minutes
python -m tests.benchmarks.gpu step      a training step: precision, compilation, CUDA graphs, the reader; share of peak
python -m tests.benchmarks.gpu predict   predictions and explanations per second, CPU against GPU in one run
python -m tests.benchmarks.gpu equal     the same training with and without CUDA graphs: how far they are apart
python -m tests.benchmarks.gpu train --shards SHARDS --plan plan.json --output DIR
                                         trainings side by side, as plan.json lists them: {name: [words to add]};
                                         {output} in a word stands for DIR: one can learn from others before it

Without a GPU the same runs on the CPU, few pictures and short: a dry run. tests.benchmarks.gpu_kit brings FER-2013.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from fer_spark.batches import BatchSource
from fer_spark.explaining.lime import Face, explain
from fer_spark.explaining.settings import LimeSettings
from fer_spark.networks.build import build_network
from fer_spark.networks.bundle import load_bundle
from fer_spark.networks.parameters import parameter_groups
from fer_spark.networks.settings import NetworkSettings
from fer_spark.shards.read.reader import ReadSettings, ShardReader, open_shards
from fer_spark.training.augment_settings import AugmentSettings
from fer_spark.training.imbalance.losses import make_loss
from fer_spark.training.imbalance.settings import ImbalanceSettings
from fer_spark.training.pixels import PixelScale
from fer_spark.training.ranks import Ranks, choose_device
from fer_spark.training.settings import TrainSettings
from fer_spark.training.task import Task
from fer_spark.training.trainer import Trained, Trainer
from tests.benchmarks.reader import load_pictures, write_ours
from tests.benchmarks.training import InMemory

SHIPPED = NetworkSettings(squeeze_excite=False, dropout=0.2)
NETWORKS = {
    "shipped (2.8 M)": SHIPPED,
    "wide (11.2 M)": NetworkSettings(widths="64-128-256-512"),
    "tiny (0.5 M)": NetworkSettings(widths="32-64-96-96", blocks="2-2-1-1", stem_stride=2, squeeze_excite=False),
}
WAYS: dict[str, dict[str, Any]] = {
    "fp32, plain": {"precision": "fp32", "cuda_graphs": False},
    "bf16, plain": {"precision": "bf16", "cuda_graphs": False},
    "bf16, graphs": {"precision": "bf16"},
    "bf16, compiled, graphs": {"precision": "bf16", "compile": True},
}
CROP = 44
BUNDLES, MASKS = ("fer2013", "fer2013-tiny"), 600


def step(images: int, batch_sizes: list[int], seconds: float, compiled: bool) -> None:
    """Pictures per second of training steps, from memory on the device and from shards."""
    device = choose_device("auto")
    peak = _matrix_peak(device)
    print(f"{device}: matrix products in bfloat16 run at {peak / 1e12:,.1f} TFLOP/s here", flush=True)
    pictures, labels, whose = load_pictures(images)
    with tempfile.TemporaryDirectory() as folder:
        write_ours(pictures, labels, Path(folder))
        print(f"{len(labels):,} pictures ({whose}); crops of {CROP} px, all augmentation, averaged weights")
        for name, settings in NETWORKS.items():
            for size in batch_sizes:
                flops = _step_flops(settings, size)
                for way, changes in WAYS.items():
                    if changes.get("compile") and not compiled:
                        continue
                    for origin in ("memory", "shards") if way == "bf16, graphs" else ("memory",):
                        rate = _step_rate(Path(folder), settings, size, changes, origin, device, seconds)
                        share = rate * flops / size / peak
                        print(
                            f"{name:<16} batch {size:>4}  {way:<23} from {origin:<6} {rate:>9,.0f} img/s  "
                            f"{1000 * size / rate:6.2f} ms/step  {share:6.1%} of the peak",
                            flush=True,
                        )


def _matrix_peak(device: torch.device) -> float:
    side = 8192 if device.type == "cuda" else 512
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        a @ b
    _wait(device)
    began = time.perf_counter()
    for _ in range(20):
        a @ b
    _wait(device)
    return 20 * 2 * side**3 / (time.perf_counter() - began)


def _step_flops(settings: NetworkSettings, size: int) -> float:
    network = build_network(settings, 7, 1, CROP)
    counter = FlopCounterMode(display=False)
    with counter:
        network(torch.rand(2, 1, CROP, CROP)).sum().backward()
    return counter.get_total_flops() * size / 2


def _step_rate(
    folder: Path,
    network: NetworkSettings,
    size: int,
    changes: dict[str, Any],
    origin: str,
    device: torch.device,
    seconds: float,
) -> float:
    with open_shards(str(folder), "train", ReadSettings(batch_size=size, pin_memory=True, read_workers=4)) as reader:
        source: BatchSource = reader
        if origin == "memory":
            source = _in_memory(reader, size)
        times: list[float] = []
        warm, began = 6, time.perf_counter()

        def listen(event: str, figures: dict[str, object]) -> None:
            if event == "step":
                if len(times) == warm:
                    _wait(device)
                times.append(time.perf_counter())

        def enough() -> bool:
            return (
                len(times) > warm + 2 and time.perf_counter() - (times[warm] if len(times) > warm else began) > seconds
            )

        trainer = _trainer(source, reader, network, size, device, epochs=1000, **changes)
        trainer.fit(listen, enough)
        _wait(device)
        return (len(times) - 1 - warm) * size / (time.perf_counter() - times[warm])


def _in_memory(reader: ShardReader, size: int) -> InMemory:
    batches = list(reader.epoch(0))
    images, labels = (
        torch.cat([getattr(batch, name)[batch.real] for batch in batches]) for name in ("images", "labels")
    )
    whole = len(labels) // size * size
    return InMemory(images[:whole], labels[:whole], size, reader.label_names)


def _trainer(
    source: BatchSource, reader: ShardReader, network: NetworkSettings, size: int, device: torch.device, **changes: Any
) -> Trainer:
    torch.manual_seed(0)
    made = build_network(network, len(reader.label_names), 1, CROP)
    loss = make_loss(ImbalanceSettings(), reader.class_counts(), 0.1).to(device)
    scale = PixelScale(tuple(reader.image.mean), tuple(reader.image.std))
    task = Task(made, parameter_groups(made, 5e-4), source, None, loss, scale, size)
    settings = dataclasses.replace(TrainSettings(), **{"crop_px": CROP, "ema_decay": 0.999, **changes})
    return Trainer(task, settings, AugmentSettings(), None, device, Ranks())


def check() -> None:
    """All but trainings; each part says itself what went wrong, and the others go on."""
    on_gpu = choose_device("auto").type == "cuda"
    files = ["tests/training/test_graphs.py", "tests/networks/test_bundle.py", "tests/shards/read/test_reader.py"]
    # a GPU machine need not have Spark, which the other tests' conftest.py starts
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "--noconftest",
        "-c",
        os.devnull,
        "--rootdir",
        ".",
        "-k",
        "gpu or graphs",
    ]
    parts: list[Callable[[], object]] = [
        lambda: subprocess.run([sys.executable, "-m", "pytest", *options, *files], check=False),
        lambda: equal(4096 if on_gpu else 256),
        lambda: step(0, [128, 512], 1.5, True) if on_gpu else step(256, [32], 0.1, False),
        lambda: predict(0, 2.0) if on_gpu else predict(256, 0.1),
    ]
    for part in parts:
        try:
            part()
        except (RuntimeError, ValueError, OSError, ImportError):
            traceback.print_exc()


def equal(images: int) -> None:
    """Loss by epoch of the same training, plain twice and with graphs twice, in float32."""
    device = choose_device("auto")
    pictures, labels, _ = load_pictures(images)
    with tempfile.TemporaryDirectory() as folder:
        write_ours(pictures, labels, Path(folder))
        with open_shards(folder, "train", ReadSettings(batch_size=128)) as reader:
            for way in ("plain", "plain", "graphs", "graphs"):
                changes = {"cuda_graphs": way == "graphs", "precision": "fp32", "epochs": 3, "sizes": "0.34:32"}
                trainer = _trainer(reader, reader, SHIPPED, 128, device, **changes)
                trained: Trained = trainer.fit(lambda event, figures: None)
                losses = ", ".join(f"{entry['train_loss']:.5f}" for entry in trained.history)
                first = torch.cat([value.flatten() for value in trained.network.state_dict().values()]).double()
                print(f"{way:<7} loss by epoch {losses}; sum of |weights| {first.abs().sum():.4f}", flush=True)


def predict(images: int, seconds: float) -> None:
    """Predictions and explanations per second of the shipped bundle."""
    pictures, _, whose = load_pictures(images or 8192)
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    print(f"{len(pictures):,} pictures ({whose}), {torch.get_num_threads()} CPU threads")
    for name in BUNDLES:
        for device in devices:
            for bf16 in (False, True):
                bundle = load_bundle(name, device, bf16)
                faces = pictures if device != "cpu" else pictures[: min(len(pictures), 2048)]
                rate = _rate(lambda: bundle.predict(faces, views="single"), len(faces), seconds)  # noqa: B023
                lime = LimeSettings(samples=MASKS, segment_count=36)
                some = [Face(str(number), face) for number, face in enumerate(pictures[: 32 if device != "cpu" else 4])]
                explained = _rate(lambda: explain(some, bundle, lime), len(some), seconds)  # noqa: B023
                kind = f"{device}, {'bf16' if bf16 else 'fp32'}"
                print(f"{name:<13} {kind:<11} {rate:>10,.0f} img/s  {explained:>8,.1f} explanations/s", flush=True)


def _rate(work: Callable[[], object], count: int, seconds: float) -> float:
    work()
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        work()
        done += count
    return done / (time.perf_counter() - began)


def train(shards: str, plan: Path, output: Path, at_once: int) -> None:
    """`fer-spark train` for each entry of the plan, `at_once` side by side; those that need others wait for them."""
    waiting: dict[str, list[str]] = json.loads(plan.read_text())
    running: dict[str, subprocess.Popen[bytes]] = {}
    done: set[str] = set()
    output.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    while waiting or running:
        for name, words in list(waiting.items()):
            needed = {word.removeprefix("{output}/") for word in words if word.startswith("{output}/")}
            if len(running) < at_once and needed <= done:
                words = [word.replace("{output}", str(output)) for word in words]
                line = [sys.executable, "-m", "fer_spark", "train", "--shards", shards, "--output", str(output / name)]
                with (output / f"{name}.log").open("wb") as log:
                    running[name] = subprocess.Popen([*line, *words], stdout=log, stderr=log, env=_environment())
                del waiting[name]
        for name, process in list(running.items()):
            if process.poll() is not None:
                del running[name]
                print(f"{time.monotonic() - began:6.0f} s  {name}: exit {process.returncode}", flush=True)
                if process.returncode:
                    print((output / f"{name}.log").read_text()[-1500:], flush=True)
                    waiting = {other: w for other, w in waiting.items() if f"{{output}}/{name}" not in w}
                done.add(name)
        time.sleep(0.5)


def _environment() -> dict[str, str]:
    return {"OMP_NUM_THREADS": "2", **os.environ}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("what", choices=["check", "step", "predict", "equal", "train"])
    line.add_argument("--images", type=int, default=0, help="how many pictures; 0: all there are")
    line.add_argument("--seconds", type=float, default=4.0, help="for each figure")
    line.add_argument("--batches", default="128,512", help="step: sizes of a batch")
    line.add_argument("--no-compile", action="store_true", help="step: leave out torch.compile")
    line.add_argument("--shards")
    line.add_argument("--plan", type=Path)
    line.add_argument("--output", type=Path)
    line.add_argument("--at-once", type=int, default=6, help="train: processes side by side")
    asked = line.parse_args()
    if asked.what == "check":
        check()
    elif asked.what == "step":
        step(asked.images, [int(word) for word in asked.batches.split(",")], asked.seconds, not asked.no_compile)
    elif asked.what == "predict":
        predict(asked.images, asked.seconds)
    elif asked.what == "equal":
        equal(asked.images)
    else:
        train(asked.shards, asked.plan, asked.output, asked.at_once)
