"""build-shards, each time in a new process, against a bare loop over the same files with the same preparation.

Beside the seconds stand CPU seconds of the whole process tree: they can be compared where other work runs as well.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from fer_spark.faces.detect import resolve_detector
from fer_spark.faces.settings import FaceSettings
from tests.benchmarks.loops import same_settings, timed
from tests.benchmarks.prepare import small_pictures

_LOOK_EVERY_S = 0.25
_PSS_EVERY = 8


class _Tree:
    """CPU seconds of a process and all below it, and the peak of their memory (PSS, MiB), as seen now and then."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}
        self.peak_mib = 0.0

    @property
    def cpu_s(self) -> float:
        return sum(self._seconds.values())

    def watch(self, process: psutil.Process, running: Callable[[], bool]) -> None:
        turn = 0
        while running():
            pss = 0
            for one in _with_children(process):
                try:
                    times = one.cpu_times()
                    self._seconds[one.pid] = times.user + times.system
                    if turn % _PSS_EVERY == 0:
                        pss += one.memory_full_info().pss
                except psutil.Error:  # it has ended meanwhile
                    continue
            self.peak_mib = max(self.peak_mib, pss / 2**20)
            turn += 1
            time.sleep(_LOOK_EVERY_S)


def run(images: int, rounds: int, cores: int) -> None:
    """Build in turn by both; print medians of seconds, CPU seconds and peak memory, and the ratio of the rounds."""
    with tempfile.TemporaryDirectory(prefix="fer-spark-build-") as directory:
        work = Path(directory)
        files = small_pictures(work / "lake", images or 15_000, cores)
        model = Path(os.environ.get("FER_SPARK_DATA", ".")).parent / "models" / "face_detection_yunet.onnx"
        known = str(model) if model.is_file() else ""
        print(f"{len(files):,} small pictures, {cores} cores, {rounds} rounds in turn")
        found: dict[str, list[tuple[float, float, float]]] = {"fer-spark build-shards": [], "bare loop": []}
        for number in range(rounds):
            found["fer-spark build-shards"].append(_job(work / "lake", work / f"shards-{number}", known, cores))
            found["bare loop"].append(_loop(files, work / f"loop-{number}", known, cores))
        for name, rows in found.items():
            seconds, cpu, memory = (statistics.median(column) for column in zip(*rows, strict=True))
            print(f"{name:<24} {seconds:6.1f} s   {cpu:6.1f} CPU-s   peak {memory:6.0f} MiB")
        for index, what in enumerate(("seconds", "CPU seconds")):
            pairs = zip(found["bare loop"], found["fer-spark build-shards"], strict=True)
            ratio = statistics.median(bare[index] / ours[index] for bare, ours in pairs)
            print(f"bare loop / build-shards, {what}: {ratio:.2f}")


def _job(lake: Path, output: Path, model: str, cores: int) -> tuple[float, float, float]:
    words = [sys.executable, "-m", "fer_spark", "build-shards", "--source", "images", "--input", str(lake)]
    words += ["--output", str(output), "--master", f"local[{cores},4]"]
    words += ["--detector", "yunet", "--detector-model", model] if model else ["--detector", "haar"]
    tree, began = _Tree(), time.perf_counter()
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        tree.watch(psutil.Process(process.pid), lambda: process.poll() is None)
        seconds = time.perf_counter() - began
    if process.returncode or not json.loads((output / "_manifest.json").read_text())["counts"]["written_faces"]:
        raise SystemExit(f"build-shards ended with {process.returncode}")
    return seconds, tree.cpu_s, tree.peak_mib


def _loop(files: list[str], output: Path, model: str, cores: int) -> tuple[float, float, float]:
    tree, began = _Tree(), time.perf_counter()
    process = multiprocessing.get_context("spawn").Process(target=_bare, args=(files, output, model, cores))
    process.start()
    tree.watch(psutil.Process(process.pid), process.is_alive)
    process.join()
    if process.exitcode:
        raise SystemExit(f"the loop ended with {process.exitcode}")
    return time.perf_counter() - began, tree.cpu_s, tree.peak_mib


def _bare(files: list[str], output: Path, model: str, cores: int) -> None:
    settings = FaceSettings(size=("48:gray",), detector="yunet" if model else "haar", detector_model=model)
    timed(same_settings, files, output, cores, settings, resolve_detector(settings))


def _with_children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []
